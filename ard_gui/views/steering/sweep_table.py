"""The answers of a sweep as a table: one row per value, the words marked that the original answer lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QResizeEvent, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from ard_gui.state.answer_diff import Span
from ard_gui.theme import colours, row_height
from ard_gui.views.plain_text import tip

MARKS = Qt.ItemDataRole.UserRole
STEP, ANSWER, NOTE = 0, 1, 2
PAD, LINES = 4, 4
MARK_OPACITY = 70
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Line:
    """One row.

    Attributes
    ----------
    step : str
        As it is written, or the name of a condition.
    text : str
        In one line.
    marks : tuple of Span
        Words of the text that the original lacks.
    figures : tuple of str
        Cells behind the answer.
    told : str
        Everything about it, for the tool tip.
    warns : bool
        Whether something makes the answer doubtful.
    """

    step: str
    text: str = ""
    marks: tuple[Span, ...] = ()
    figures: tuple[str, ...] = ()
    told: str = ""
    warns: bool = False


class MarkedText(QStyledItemDelegate):
    """Wraps a text over a few lines, with marked words bold on a coloured ground."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        option.text = ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        box = option.rect.adjusted(PAD, PAD // 2, -PAD, -PAD // 2)
        layout = self._laid_out(option, index, box.width())
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
        painter.save()
        painter.setClipRect(box)
        painter.setPen(option.palette.color(role))
        layout.draw(painter, QPointF(box.topLeft()), clip=QRectF(box))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        self.initStyleOption(option, index)
        table = self.parent()
        width = table.columnWidth(index.column()) if isinstance(table, QTableWidget) else option.rect.width()
        height = self._laid_out(option, index, width - 2 * PAD).boundingRect().height()
        return QSize(width, max(row_height(option.widget), round(height) + PAD))

    def _laid_out(self, option: QStyleOptionViewItem, index: Index, width: int) -> QTextLayout:
        text = str(index.data() or "")
        layout = QTextLayout(text, option.font)
        wrap = QTextOption()
        wrap.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(wrap)
        layout.setFormats([_range(text, start, end) for start, end in index.data(MARKS) or ()])
        layout.beginLayout()
        height = 0.0
        for _ in range(LINES):
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(max(10, width))
            line.setPosition(QPointF(0, height))
            height += line.height()
        layout.endLayout()
        return layout


class SweepTable(QTableWidget):
    """Signals: step_wanted(row: int): the person wants the sliders at this row's value."""

    step_wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.lines: tuple[Line, ...] = ()
        self._titles: tuple[str, ...] = ()
        self.setAccessibleName("Answers of the sweep")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegateForColumn(ANSWER, MarkedText(self))
        self.setMinimumHeight(120)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.cellClicked.connect(lambda row, _column: self.step_wanted.emit(row))
        self.activated.connect(lambda index: self.step_wanted.emit(index.row()))

    def show_lines(self, titles: Sequence[str], lines: Sequence[Line]) -> None:
        """Show these rows; the current row and the scroll position stay. `titles` are the columns behind the answer."""
        found, heads = tuple(lines), ("value", "answer", *titles)
        if heads != self._titles:
            self.lines = ()
            self._titles = heads
            self.clearContents()
            self.setColumnCount(len(heads))
            self.setHorizontalHeaderLabels(list(heads))
        before = self.lines
        self.setRowCount(len(found))
        for row, line in enumerate(found):
            if row >= len(before) or before[row] != line:
                self._fill(row, line)
        self.lines = found
        self._fit()

    def _fill(self, row: int, line: Line) -> None:
        told = tip(*line.told.split("\n"))
        for column, text in enumerate((line.step, line.text, *line.figures)):
            item = QTableWidgetItem(text)
            item.setToolTip(told)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{self._titles[column]}: {text or 'none'}")
            if column == ANSWER:
                item.setData(MARKS, line.marks)
            elif column != NOTE:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if line.warns and column in (STEP, NOTE):
                item.setForeground(QColor(colours().warning))
            self.setItem(row, column, item)

    def _fit(self) -> None:
        """The answers get what the figures leave, and never less than about twenty-four characters."""
        metrics = self.fontMetrics()
        room = self.viewport().width()
        for column in range(self.columnCount()):
            if column != ANSWER:
                width = max(self.sizeHintForColumn(column), self.horizontalHeader().sectionSizeHint(column))
                self.setColumnWidth(column, width)
                room -= width
        self.setColumnWidth(ANSWER, max(metrics.averageCharWidth() * 24, room))
        self.resizeRowsToContents()

    def theme_changed(self) -> None:
        """Colours of its own, and heights for another size of the text."""
        for row, line in enumerate(self.lines):
            self._fill(row, line)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()


def _range(text: str, start: int, end: int) -> QTextLayout.FormatRange:
    found, look = QTextLayout.FormatRange(), QTextCharFormat()
    ground = QColor(colours().plot)
    ground.setAlpha(MARK_OPACITY)
    look.setBackground(ground)
    look.setFontWeight(QFont.Weight.Bold)
    # Qt counts in UTF-16
    found.start, found.length = _units(text[:start]), _units(text[start:end])
    found.format = look
    return found


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
