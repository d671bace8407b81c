"""The figures of two SAEs side by side, with those marked in which they differ."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from ard_gui.theme import row_height
from ard_gui.views.plain_text import tip
from backend.store.sae_metrics import Metric, Value

DIFFERS = "≠"


class FiguresTable(QTableWidget):
    """A row per figure: its title, a mark where the two differ, and both values."""

    def __init__(self) -> None:
        super().__init__(0, 4)
        self.setAccessibleName("Figures of both SAEs")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (0, 1):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._fit()

    def show_figures(self, a: str, b: str, metrics: Sequence[Metric]) -> None:
        """The figures of `a` and `b`."""
        self.setRowCount(len(metrics))
        for column, title in enumerate(("", "", a, b)):
            head = QTableWidgetItem(title)
            head.setToolTip(tip(title))
            self.setHorizontalHeaderItem(column, head)
        for row, metric in enumerate(metrics):
            texts = (metric.title, DIFFERS if metric.differs else "", *(value_text(one) for one in metric.values))
            for column, text in enumerate(texts):
                self.setItem(row, column, self._item(metric, column, text))

    def _item(self, metric: Metric, column: int, text: str) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setToolTip(tip(metric.about) if column < 2 else tip(text, metric.about))
        if column == 1:
            item.setData(Qt.ItemDataRole.AccessibleTextRole, "different" if metric.differs else "")
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        elif column > 1 and not isinstance(metric.values[column - 2], str):
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if metric.differs:
            font = QFont(self.font())
            font.setBold(True)
            item.setFont(font)
        return item

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()
            cells = ((row, column) for row in range(self.rowCount()) for column in range(self.columnCount()))
            for item in filter(None, (self.item(*cell) for cell in cells)):
                font = QFont(self.font())
                font.setBold(item.font().bold())
                item.setFont(font)

    def _fit(self) -> None:
        self.verticalHeader().setMinimumSectionSize(0)
        self.verticalHeader().setDefaultSectionSize(row_height(self))


def value_text(value: Value) -> str:
    """A figure as it is shown: whole numbers with their thousands apart, others with four digits."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{int(value):,}" if float(value).is_integer() else f"{value:#.4g}".rstrip(".")
