"""The table of features beside their nearest in another SAE; rows are a permutation of numpy columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFontMetrics, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from ard_gui.state.pair_rows import PAIR_WORDS
from ard_gui.theme import row_height
from ard_gui.views.plain_text import tip
from ard_gui.views.table.delegate import CellDelegate
from ard_gui.views.table.empty_state import EmptyState
from ard_gui.views.table.model import FeatureTableModel
from backend.store.columns import FeatureColumns

Int = npt.NDArray[np.int64]
Flag = QItemSelectionModel.SelectionFlag
OTHER = ("nearest", "nearest_name")
"""Columns that speak of the other SAE's feature."""
WIDTH_EM = {"name": 7.5, "nearest_name": 7.5}
USUAL_EM = 5.0


class PairsModel(FeatureTableModel):
    """The columns of `PAIR_WORDS`."""

    def __init__(self) -> None:
        super().__init__(PAIR_WORDS)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return tip(self.words(section).says) if 0 <= section < len(self.names) else None
        return super().headerData(section, orientation, role)


class PairsTable(QTableView):
    """Speaks of features, not of rows.

    Signals
    -------
    row_changed(feature: int)
        The current row is another; −1 for none.
    feature_wanted(feature: int), nearest_wanted(feature: int)
        Go to the feature of a row, or to its nearest.
    sort_asked(column: str)
    copy_wanted()
    """

    row_changed = Signal(int)
    feature_wanted = Signal(int)
    nearest_wanted = Signal(int)
    sort_asked = Signal(str)
    copy_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.pairs = PairsModel()
        self.setModel(self.pairs)
        self.empty = EmptyState(self)
        header = QHeaderView(Qt.Orientation.Horizontal, self)
        self.setHorizontalHeader(header)
        # the header asks at every paint whether whole columns are marked, which takes long where all rows are
        header.setSelectionModel(QItemSelectionModel(self.pairs, header))
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setSortIndicatorShown(True)
        header.setAccessibleName("Columns of the matched features")
        header.sectionClicked.connect(lambda column: self.sort_asked.emit(self.pairs.names[column]))
        self.setAccessibleName("Matched features")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.selectionModel().currentRowChanged.connect(lambda *_: self.row_changed.emit(self.current()))
        self.doubleClicked.connect(self._double_clicked)
        self._fit()

    def show_columns(self, columns: FeatureColumns | None, rows: Int) -> None:
        """Other features; None for none at all."""
        self.pairs.show_columns(columns or {}, rows)
        for column in range(len(self.pairs.names)):
            old = self.itemDelegateForColumn(column)
            kind = self.pairs.words(column).kind
            if not (isinstance(old, CellDelegate) and old.kind == kind):
                self.setItemDelegateForColumn(column, CellDelegate(kind, self))
        self._fit()
        self.row_changed.emit(self.current())

    def show_rows(self, rows: Int) -> None:
        """Other rows or another order; the current feature stays the current one where it is still shown."""
        feature = self.current()
        self.pairs.show_rows(rows)
        if not self.go_to(feature):
            self.row_changed.emit(-1)

    def show_sort(self, column: str, rising: bool) -> None:
        """The arrow in the header."""
        if column in self.pairs.names:
            order = Qt.SortOrder.AscendingOrder if rising else Qt.SortOrder.DescendingOrder
            self.horizontalHeader().setSortIndicator(self.pairs.names.index(column), order)

    def current(self) -> int:
        """Feature of the current row; −1 without one."""
        row = self.currentIndex().row()
        return self.pairs.feature(row) if 0 <= row < len(self.pairs.rows) else -1

    def marked(self) -> Int:
        """Marked features, in the order of the table."""
        found = self.selectionModel().selection()
        ranges = sorted((found.at(i).top(), found.at(i).bottom()) for i in range(found.count()))
        parts = [self.pairs.rows[top : bottom + 1] for top, bottom in ranges]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def go_to(self, feature: int) -> bool:
        """Make the row of `feature` the current one, in sight; False if it is not shown."""
        row = self.pairs.row_of(feature)
        if row < 0:
            return False
        index = self.pairs.index(row, 0)
        self.selectionModel().setCurrentIndex(index, Flag.ClearAndSelect | Flag.Rows)
        self.scrollTo(index)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        feature = self.current()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and feature >= 0:
            shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.nearest_wanted if shift else self.feature_wanted).emit(feature)
            event.accept()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Where a row leads to, for whoever does not know the keys."""
        feature = self.current()
        if feature < 0:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Show this feature\tEnter", lambda: self.feature_wanted.emit(feature))
        menu.addAction("Show its nearest\tShift+Enter", lambda: self.nearest_wanted.emit(feature))
        menu.addAction("Copy as CSV\tCtrl+C", self.copy_wanted.emit)
        menu.popup(event.globalPos())

    def keyboardSearch(self, search: str) -> None:  # noqa: N802
        """Letters are no search for a row that begins with them."""

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _double_clicked(self, index: QModelIndex) -> None:
        feature = self.pairs.feature(index.row())
        wanted = self.nearest_wanted if self.pairs.names[index.column()] in OTHER else self.feature_wanted
        wanted.emit(feature)

    def _fit(self) -> None:
        self.verticalHeader().setMinimumSectionSize(0)
        self.verticalHeader().setDefaultSectionSize(row_height(self))
        widths = {name: self._width(name) for name in self.pairs.names}
        spare = max(0, self.viewport().width() - sum(widths.values())) // len(WIDTH_EM)
        for column, (name, width) in enumerate(widths.items()):
            self.setColumnWidth(column, width + (spare if name in WIDTH_EM else 0))

    def _width(self, name: str) -> int:
        metrics = QFontMetrics(self.font())
        title = metrics.horizontalAdvance(PAIR_WORDS[name].title) + 2 * metrics.horizontalAdvance("m")
        return max(title, round(WIDTH_EM.get(name, USUAL_EM) * metrics.horizontalAdvance("m")))
