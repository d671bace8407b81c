"""The code of one token as bars: before and after for each feature, with the line of the selection (A-61, Fig. 2)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QPainter, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from ard_gui.state.steering_code import Bar, TokenCode
from ard_gui.theme import colours, row_height
from ard_gui.views.plain_text import tip
from backend.export.wording import number

BAR = Qt.ItemDataRole.UserRole
TITLES = ("feature", "code", "before", "after")
FEATURE, CODE, BEFORE, AFTER = range(4)
PAD = 4
Index = QModelIndex | QPersistentModelIndex


class CodeBars(QStyledItemDelegate):
    """Two bars a row: before is an outline above, after is filled below; the line of the selection is dashed.

    What left is an outline alone, hatched; what came in has a filled bar alone; both are told by words as well.
    """

    def __init__(self, table: CodeTable) -> None:
        super().__init__(table)
        self._table = table

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        option.text = ""
        option.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        bar = index.data(BAR)
        if not isinstance(bar, Bar):
            return
        painter.save()
        painter.setClipRect(option.rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self._ink(option, bar)
        box = QRectF(option.rect.adjusted(PAD, 3, -PAD, -3))
        half = box.height() / 2
        self._draw(
            painter, QRectF(box.left(), box.top(), box.width(), half - 1), bar.before, ink, filled=False, bar=bar
        )
        below = QRectF(box.left(), box.top() + half, box.width(), half - 1)
        self._draw(painter, below, bar.after, ink, filled=True, bar=bar)
        self._lines(painter, option, box)
        painter.restore()

    def _ink(self, option: QStyleOptionViewItem, bar: Bar) -> QColor:
        if option.state & QStyle.StateFlag.State_Selected:
            return option.palette.color(QPalette.ColorRole.HighlightedText)
        return QColor(colours().star if bar.overridden else colours().plot)

    def _draw(self, painter: QPainter, box: QRectF, value: float, ink: QColor, *, filled: bool, bar: Bar) -> None:
        if value == 0:
            return
        zero, end = self._x(box, 0.0), self._x(box, value)
        rect = QRectF(QPointF(min(zero, end), box.top()), QPointF(max(zero, end, min(zero, end) + 1.5), box.bottom()))
        painter.setPen(QPen(ink, 1))
        painter.setBrush(ink if filled else Qt.BrushStyle.NoBrush)
        painter.drawRect(rect)
        if bar.left and not filled:
            painter.fillRect(rect, QBrush(ink, Qt.BrushStyle.BDiagPattern))

    def _lines(self, painter: QPainter, option: QStyleOptionViewItem, box: QRectF) -> None:
        """Zero, and what the selection kept, over the whole height of the row so that rows make one line."""
        top, bottom = float(option.rect.top()), float(option.rect.bottom() + 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(QColor(colours().line), 1))
        zero = self._x(box, 0.0)
        painter.drawLine(QPointF(zero, top), QPointF(zero, bottom))
        line = self._table.code.line if self._table.code is not None else None
        if line is not None:
            painter.setPen(QPen(QColor(colours().bad), 1, Qt.PenStyle.DashLine))
            at = self._x(box, line)
            painter.drawLine(QPointF(at, top), QPointF(at, bottom))

    def _x(self, box: QRectF, value: float) -> float:
        low, high = self._table.reach
        return box.left() + box.width() * (value - low) / (high - low)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        return QSize(option.fontMetrics.averageCharWidth() * 16, row_height(option.widget))


class CodeTable(QTableWidget):
    """Signals: visited(feature: int): Return or a double click on a row.

    Attributes
    ----------
    code : TokenCode or None
    reach : (float, float)
        Smallest and largest value that a bar can show; 0 lies between.
    """

    visited = Signal(int)

    def __init__(self, name_of: Callable[[int], str]) -> None:
        super().__init__(0, len(TITLES))
        self.code: TokenCode | None = None
        self.reach = (0.0, 1.0)
        self._name_of = name_of
        self.setHorizontalHeaderLabels(list(TITLES))
        self.setAccessibleName("Code of the token, before and after")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setItemDelegateForColumn(CODE, CodeBars(self))
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.cellActivated.connect(lambda row, _column: self._visit(row))

    def show_code(self, code: TokenCode | None) -> None:
        """Show a token; the marked feature stays marked where it is still there."""
        chosen = self.current_feature()
        self.code = code
        bars = () if code is None else code.bars
        line = [] if code is None or code.line is None else [code.line]
        values = [0.0, *line, *(value for bar in bars for value in (bar.before, bar.after))]
        low, high = min(values), max(values)
        self.reach = (low, high if high > low else low + 1.0)
        self.setRowCount(len(bars))
        for row, bar in enumerate(bars):
            self._fill(row, bar)
        row = next((row for row, bar in enumerate(bars) if bar.feature == chosen), -1)
        if row >= 0:
            self.setCurrentCell(row, FEATURE)
        self._fit()
        self.viewport().update()

    def current_feature(self) -> int:
        """Of the marked row; −1 for none."""
        row = self.currentRow()
        bars = () if self.code is None else self.code.bars
        return bars[row].feature if 0 <= row < len(bars) else -1

    def _fill(self, row: int, bar: Bar) -> None:
        called = f"{bar.feature} {self._name_of(bar.feature)}".strip()
        set_ = ", set by you" if bar.overridden else ""
        told = f"{called}: {number(bar.before)} before, {number(bar.after)} after, {bar.change}{set_}"
        sign = "+ " if bar.came else "− " if bar.left else ""
        for column, text in enumerate((f"{sign}{called}", "", number(bar.before), number(bar.after))):
            item = QTableWidgetItem(text)
            item.setToolTip(tip(called, f"{told.removeprefix(called + ': ')}."))
            item.setData(BAR, bar if column == CODE else None)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, told if column in (FEATURE, CODE) else text)
            if column in (BEFORE, AFTER):
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            font = item.font()
            font.setBold(bar.overridden)
            item.setFont(font)
            if bar.left:
                item.setForeground(QColor(colours().muted))
            self.setItem(row, column, item)

    def _fit(self) -> None:
        """Figures as wide as they are; names and bars share the rest."""
        self.verticalHeader().setDefaultSectionSize(row_height(self))
        width = max(self.fontMetrics().horizontalAdvance("0.0000") + 12, self.sizeHintForColumn(AFTER))
        for column in (BEFORE, AFTER):
            self.setColumnWidth(column, max(width, self.horizontalHeader().sectionSizeHint(column)))
        room = self.viewport().width() - 2 * self.columnWidth(AFTER)
        self.setColumnWidth(FEATURE, max(60, min(self.sizeHintForColumn(FEATURE), room * 9 // 20)))
        self.setColumnWidth(CODE, max(60, room - self.columnWidth(FEATURE)))

    def _visit(self, row: int) -> None:
        if self.code is not None and row < len(self.code.bars):
            self.visited.emit(self.code.bars[row].feature)

    def theme_changed(self) -> None:
        """Colours of its own, and heights for another size of the text."""
        self.show_code(self.code)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()
