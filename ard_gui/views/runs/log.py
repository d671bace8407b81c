"""The log of the run that is looked at: its end, earlier parts on scrolling up, search, levels, the first error."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFontDatabase, QFontMetrics, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.run_log import HEAD, LEVELS, NOT_FOUND, LogLine, LogPiece, LogReading
from ard_gui.session import Session
from ard_gui.state.run_words import size
from ard_gui.theme import colours
from ard_gui.views.flow import FlowLayout
from ard_gui.views.plain_text import tip

MOST_LINES = 40_000
"""Kept in memory; the farthest from what is read are let go of."""
NEAR = 2
"""Lines from an end of the list at which more is read."""
Index = QModelIndex | QPersistentModelIndex


class LogModel(QAbstractListModel):
    """The lines that have been read, those of lower levels left out."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[LogLine] = []
        self.shown: list[LogLine] = []
        self._least = 0

    def set_level(self, level: str) -> None:
        """Leave out what is below this level."""
        self._least = LEVELS.index(level)
        self._show_anew(self.lines)

    def take(self, piece: LogPiece) -> tuple[int, int] | None:
        """Put a piece where it belongs; the bytes between which lines are kept, where some were let go of."""
        new = list(piece.lines)
        if piece.where == "anew":
            self._show_anew(new)
        elif piece.where == "before":
            self.lines = new + self.lines
            self._insert(0, self._kept(new))
        else:
            self.lines += new
            self._insert(len(self.shown), self._kept(new))
        if len(self.lines) <= MOST_LINES:
            return None
        half, end = MOST_LINES // 2, piece.end
        if piece.where == "before":
            end = self.lines[half].at
        self._show_anew(self.lines[:half] if piece.where == "before" else self.lines[-half:])
        return self.lines[0].at, end

    def row_at(self, byte: int) -> int:
        """The shown line that lies at, or next before, a byte of the file."""
        return bisect_right(self.shown, byte, key=attrgetter("at")) - 1

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.shown[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return shortened(line.text)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(line.text)
        if role == Qt.ItemDataRole.ForegroundRole and line.level in ("WARNING", "ERROR", "CRITICAL"):
            return QColor(colours().warning if line.level == "WARNING" else colours().bad)
        return None

    def _kept(self, lines: list[LogLine]) -> list[LogLine]:
        hidden = LEVELS[: self._least]
        return [one for one in lines if one.level not in hidden] if hidden else list(lines)

    def _show_anew(self, lines: list[LogLine]) -> None:
        self.beginResetModel()
        self.lines, self.shown = lines, self._kept(lines)
        self.endResetModel()

    def _insert(self, at: int, lines: list[LogLine]) -> None:
        if lines:
            self.beginInsertRows(QModelIndex(), at, at + len(lines) - 1)
            self.shown[at:at] = lines
            self.endInsertRows()


def shortened(text: str) -> str:
    """A line without day and milliseconds, which the tool tip and the clipboard have."""
    return text[11:19] + text[23:] if HEAD.match(text) else text


class LogTab(QWidget):
    """All reading and searching is the watcher's."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._watch, self._chosen = session.run_watch, session.runs_chosen
        self.run = ""
        self._asked = False
        self.model = LogModel()
        self.field, self.level, self.follow = QLineEdit(), QComboBox(), QCheckBox("&Follow")
        self.next, self.error = QPushButton("Find &next"), QPushButton("First &error")
        self.view, self.note = QTableView(), QLabel()
        self._build()
        self._connect()

    def show_run(self, run: str) -> None:
        """Show the log of this run; "" for none."""
        if run != self.run:
            self.run = run
            self.model.take(LogPiece(run, "anew", (), 0, 0, 0))
            self.follow.setChecked(True)
            self.note.setText("" if run else "Choose a run in the list.")

    def take(self, piece: LogPiece) -> None:
        """Lines have been read."""
        if piece.run != self.run:
            return
        self._asked = False
        if piece.found == NOT_FOUND:
            self.note.setText("Not found.")
            return
        bar = self.view.verticalScrollBar()
        top = (
            self.model.shown[self.view.indexAt(self.view.viewport().rect().topLeft()).row()]
            if self.model.shown
            else None
        )
        kept = self.model.take(piece)
        if kept is not None:
            self._watch.read_log(lambda log: log.keep(*kept))
        if piece.found >= 0:
            self.follow.setChecked(False)
            self._go_to(self.model.row_at(piece.found))
        elif piece.where == "before" and top is not None:
            self._go_to(self.model.row_at(top.at), at_top=True)
        elif self.follow.isChecked():
            bar.setValue(bar.maximum())
        self._tell(piece)

    def restored(self) -> None:
        """Another study's choices are in place."""
        level = self._chosen.now.level
        self.level.setCurrentText(level if level in LEVELS else LEVELS[0])

    def _tell(self, piece: LogPiece) -> None:
        lines = self.model.lines
        if not lines:
            self.note.setText("The log is empty.")
            return
        hidden = len(lines) - len(self.model.shown)
        less = f", {hidden:,} below {self.level.currentText()} hidden" if hidden else ""
        self.note.setText(f"{len(lines):,} lines read of {size(piece.size)}{less}")

    def _go_to(self, row: int, *, at_top: bool = False) -> None:
        if row < 0:
            return
        hint = QAbstractItemView.ScrollHint
        self.view.setCurrentIndex(self.model.index(row))
        self.view.scrollTo(self.model.index(row), hint.PositionAtTop if at_top else hint.PositionAtCenter)

    def _scrolled(self, value: int) -> None:
        bar = self.view.verticalScrollBar()
        if bar.maximum() > 0 and value >= bar.maximum() - NEAR and not self.follow.isChecked():
            self._ask(LogReading.later)
        elif value <= NEAR and self.model.lines and self.model.lines[0].at > 0:
            self._ask(LogReading.earlier)

    def _ask(self, errand: Any) -> None:
        if not self._asked and self.run:
            self._asked = True
            self._watch.read_log(errand)

    def _moved_by_hand(self, *_: object) -> None:
        bar = self.view.verticalScrollBar()
        if bar.value() < bar.maximum():
            self.follow.setChecked(False)

    def _followed(self, on: bool) -> None:
        if on and self.run:
            self._watch.read_log(LogReading.to_end)

    def _find(self) -> None:
        text = self.field.text()
        if not text or not self.run:
            return
        self.note.setText("Searching …")
        line = self.view.currentIndex()
        after = self.model.shown[line.row()].at + 1 if line.isValid() else 0
        self._watch.read_log(lambda log: log.find(text, after, self._watch.searching))

    def _first_error(self) -> None:
        if self.run:
            self.note.setText("Searching …")
            self._watch.read_log(lambda log: log.to_first_error(self._watch.searching))

    def _level_chosen(self, level: str) -> None:
        self._chosen.now.level = level
        self.model.set_level(level)
        if self.follow.isChecked():
            self.view.scrollToBottom()

    def _copy(self) -> None:
        rows = sorted(index.row() for index in self.view.selectedIndexes())
        QGuiApplication.clipboard().setText("\n".join(self.model.shown[row].text for row in rows))

    def _build(self) -> None:
        self.field.setPlaceholderText("Search the whole log")
        self.field.setAccessibleName("Search the log")
        self.field.setClearButtonEnabled(True)
        self.field.setMinimumWidth(self.fontMetrics().averageCharWidth() * 24)
        self.level.addItems(LEVELS)
        self.level.setAccessibleName("Lowest level that is shown")
        self.level.setToolTip("Leave out lines below this level.")
        self.follow.setChecked(True)
        self.follow.setToolTip("Show the end, and what is added to it.")
        self.error.setToolTip("Go to the first line of level ERROR in the whole log.")
        self.view.setModel(self.model)
        self.view.setAccessibleName("Lines of the log")
        # a list view lays all its rows out anew for every line that comes
        self.view.verticalHeader().hide()
        self.view.horizontalHeader().hide()
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.setShowGrid(False)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.note.setAccessibleName("What of the log is shown")
        self.note.setWordWrap(True)
        heads = QWidget()
        flow = FlowLayout(heads)
        for widget in (self.field, self.next, self.error, self.level, self.follow):
            flow.addWidget(widget)
        for button in (self.next, self.error):
            button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(heads)
        layout.addWidget(self.view, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        layout.addLayout(foot)
        self._fit()

    def _connect(self) -> None:
        self._watch.log_read.connect(self.take)
        self.field.returnPressed.connect(self._find)
        self.next.clicked.connect(self._find)
        self.error.clicked.connect(self._first_error)
        self.follow.toggled.connect(self._followed)
        self.level.currentTextChanged.connect(self._level_chosen)
        bar = self.view.verticalScrollBar()
        bar.valueChanged.connect(self._scrolled)
        bar.actionTriggered.connect(self._moved_by_hand)
        QShortcut(QKeySequence.StandardKey.Copy, self.view, self._copy, context=Qt.ShortcutContext.WidgetShortcut)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        """A font in which columns stand below each other, at the text size in use."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.font().pointSizeF())
        self.view.setFont(font)
        self.view.verticalHeader().setMinimumSectionSize(1)
        self.view.verticalHeader().setDefaultSectionSize(QFontMetrics(font).height() + 2)
