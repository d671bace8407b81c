"""The queue and the runs as a table; only rows that have changed are drawn anew."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ard_gui.state.run_words import GLYPHS, STATES, advice, left_words, progress_words, span, when
from ard_gui.state.runs import RunShown, RunsShown
from ard_gui.theme import colours
from ard_gui.views.glyphs import draw_glyph
from ard_gui.views.plain_text import tip

STATE, COMMAND, PROGRESS, LEFT, STARTED, TOOK = range(6)
TITLES = ("State", "Command", "Stage", "Left", "Started", "Took")
TIPS = (
    "", "What was asked; the whole command is in the tool tip.", "The stage that runs, and its share that is done",
    "Time left in this stage", "When the run began, by this machine's clock", "How long it took, or has taken so far",
)  # fmt: skip
ROW = Qt.ItemDataRole.UserRole
REQUEST, RUN = attrgetter("request"), attrgetter("run")
Index = QModelIndex | QPersistentModelIndex


class RunsModel(QAbstractTableModel):
    """Rows of `RunsShown`."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = RunsShown()

    def show(self, shown: RunsShown) -> bool:
        """Take another state; whether rows came, went or moved."""
        before, after = self.shown.rows, shown.rows
        if len(before) != len(after) or any(a is not b and a.id != b.id for a, b in zip(before, after, strict=True)):
            self.beginResetModel()
            self.shown = shown
            self.endResetModel()
            return True
        other = self.shown.supervisor != shown.supervisor
        self.shown = shown
        for row, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is not new or other:
                self.dataChanged.emit(self.index(row, 0), self.index(row, TOOK))
        return False

    def place(self, request: str, run: str) -> int:
        """Number of the row of this request or, where it has left the queue, of this run; −1 without one."""
        rows = self.shown.rows
        for wanted, of in ((request, REQUEST), (run, RUN)):
            found = next((number for number, one in enumerate(rows) if wanted and of(one) == wanted), -1)
            if found >= 0:
                return found
        return -1

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(self.shown.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return TIPS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.shown.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(row, index.column())
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(row.command, row.text, row.todo if row.todo not in row.text else "", advice(row, self.shown))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{TITLES[index.column()]}: {cell(row, index.column()) or '–'}"
        return None


def cell(row: RunShown, column: int) -> str:
    """What stands in one cell."""
    if column == STATE:
        return STATES.get(row.state, row.state)
    if column == COMMAND:
        return short(row)
    if column == PROGRESS:
        return progress_words(row)
    if column == LEFT:
        return left_words(row)
    if column == STARTED:
        return when(row.started)
    return span(row.seconds) if row.seconds else ""


def short(row: RunShown) -> str:
    """The command without its study, which is the open one."""
    words = row.command.split(" ")
    return " ".join((words[1], *(words[2:] if words[2:3] and words[2].startswith("-") else words[3:])))


class StateCell(QStyledItemDelegate):
    """A sign before the word: nobody needs to tell colours apart."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        side = option.fontMetrics.height()
        box = QRectF(option.rect.left() + 4, option.rect.center().y() - side / 2 + 1, side, side)
        super().paint(painter, option, index)
        row = index.data(ROW)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        colour = option.palette.color(role) if selected else QColor(state_colour(row.state))
        inset = side * 0.14
        draw_glyph(painter, GLYPHS.get(row.state, ""), box.adjusted(inset, inset, -inset, -inset), colour)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        option.text = "\u2003  " + option.text


class ProgressCell(QStyledItemDelegate):
    """A line below the words, as long as the share that is done."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        row = index.data(ROW)
        stage = row.stage
        if stage is None or stage.total <= 0:
            return
        rect = QRectF(option.rect).adjusted(4, 0, -4, 0)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        palette: QPalette = option.palette
        line = QRectF(rect.left(), rect.bottom() - 2.5, rect.width(), 2)
        painter.fillRect(line, QColor(colours().line))
        line.setWidth(rect.width() * stage.share)
        ground = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Highlight
        painter.fillRect(line, palette.color(ground))


def state_colour(state: str) -> str:
    """Colour of a state's sign in the theme of the moment."""
    found = colours()
    if state in ("failed", "killed", "damaged"):
        return found.bad
    if state in ("paused", "pausing", "cancelling", "stopped"):
        return found.warning
    return found.good if state in ("finished", "running") else found.muted
