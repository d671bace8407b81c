"""The table widget: keys, marks and scroll position hold while rows come, go and change places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from ard_gui.views.table.delegate import CellDelegate
from ard_gui.views.table.header import ColumnHeader
from ard_gui.views.table.model import FeatureTableModel

Int = npt.NDArray[np.int64]
Flag = QItemSelectionModel.SelectionFlag
Move = QAbstractItemView.CursorAction


class FeatureTable(QTableView):
    """Shows a `FeatureTableModel`; speaks of features, not of rows.

    Signals
    -------
    feature_chosen(feature: int, step: bool)
        The person went to a row; `step` where a key led there.
    features_marked(tuple of int)
        In the order of the table.
    star_clicked(feature: int)
    """

    feature_chosen = Signal(int, bool)
    features_marked = Signal(object)
    star_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.features = FeatureTableModel()
        self.header = ColumnHeader(self.features, self)
        self._quiet = False
        self._by_key = False
        self.setHorizontalHeader(self.header)
        self.header.setSortIndicatorShown(True)
        self.setModel(self.features)
        # The header asks at every paint whether whole columns are marked, which takes a second where all rows are.
        self.header.setSelectionModel(QItemSelectionModel(self.features, self.header))
        self.setAccessibleName("Features")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.fit_rows()
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        self.selectionModel().selectionChanged.connect(self._selection_changed)

    def fit_rows(self) -> None:
        """Rows as high as the font asks for."""
        self.verticalHeader().setMinimumSectionSize(0)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)

    def show_columns(self, columns: Mapping[str, Any], rows: Int, titles: Mapping[str, str] | None = None) -> None:
        """Other columns: marks, place and the person's arrangement of columns hold as far as they can."""
        with self._keeping():
            self.features.show_columns(columns, rows, titles)
            self.header.arrange()
            for column in range(len(self.features.names)):
                self._draw_with(column)

    def show_rows(self, rows: Int, *, follow: bool = True) -> None:
        """Other features, or another order.

        With `follow` the current row, if in sight, stays where it is on the screen; without, the scroll bar stays:
        after a sort the person wants to see the top.
        """
        with self._keeping(follow):
            self.features.show_rows(rows)

    def current_feature(self) -> int:
        """Feature of the current row; −1 without one."""
        row = self.currentIndex().row()
        return self.features.feature(row) if 0 <= row < len(self.features.rows) else -1

    def marked(self) -> tuple[int, ...]:
        """Marked features, in the order of the table."""
        found = self.selectionModel().selection()
        ranges = sorted((found.at(i).top(), found.at(i).bottom()) for i in range(found.count()))
        return tuple(int(k) for top, bottom in ranges for k in self.features.rows[top : bottom + 1])

    def go_to(self, feature: int) -> bool:
        """Make the row of `feature` the current and only marked one, in sight; False if it is not shown."""
        row = self.features.row_of(feature)
        if row < 0:
            self._quietly(lambda: self.selectionModel().clear())
            self.features_marked.emit(())
            return False
        if row != self.currentIndex().row():
            self._quietly(lambda: self._choose_row(row))
            self.features_marked.emit(self.marked())
        self.scrollTo(self.features.index(row, self._column()))
        return True

    def step(self, by: int) -> None:
        """Go `by` rows down; to the first row where none is current."""
        last = len(self.features.rows) - 1
        row = self.currentIndex().row()
        wanted = min(max(row + by, 0), last) if row >= 0 else 0
        if last >= 0 and wanted != row:
            self._by_key = True
            self._choose_row(wanted)
            self._by_key = False

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        self._by_key = True
        super().keyPressEvent(event)
        self._by_key = False

    def keyboardSearch(self, search: str) -> None:  # noqa: N802
        """Letters are shortcuts here, never a search for a row that begins with them."""

    def moveCursor(self, action: Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:  # noqa: N802
        """Home and End go to the first and last row, ← and → nowhere: rows are what is chosen."""
        last = len(self.features.rows) - 1
        if last < 0:
            return QModelIndex()
        if action in (Move.MoveHome, Move.MoveEnd):
            return self.features.index(0 if action == Move.MoveHome else last, self._column())
        if action in (Move.MoveLeft, Move.MoveRight):
            return self.currentIndex()
        if self.currentIndex().row() < 0:
            return self.features.index(0, self._column())
        return super().moveCursor(action, modifiers)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if not self._clicks_star(event):
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        # The second click of two quick ones on a star takes it away again.
        if not self._clicks_star(event):
            super().mouseDoubleClickEvent(event)

    def _clicks_star(self, event: QMouseEvent) -> bool:
        index = self.indexAt(event.position().toPoint())
        if event.button() != Qt.MouseButton.LeftButton or not index.isValid():
            return False
        if self.features.words(index.column()).kind != "star":
            return False
        self.star_clicked.emit(self.features.feature(index.row()))
        event.accept()
        return True

    def _draw_with(self, column: int) -> None:
        kind = self.features.words(column).kind
        old = self.itemDelegateForColumn(column)
        if not (isinstance(old, CellDelegate) and old.kind == kind):
            self.setItemDelegateForColumn(column, CellDelegate(kind, self))
            if isinstance(old, CellDelegate):
                old.deleteLater()

    def _column(self) -> int:
        """The first column in sight, which holds the current cell."""
        shown = (self.header.logicalIndex(place) for place in range(self.header.count()))
        return next((column for column in shown if not self.header.isSectionHidden(column)), 0)

    def _choose_row(self, row: int) -> None:
        index = self.features.index(row, self._column())
        self.selectionModel().setCurrentIndex(index, Flag.ClearAndSelect | Flag.Rows)
        self.scrollTo(index)

    def _quietly(self, change: Any) -> None:
        before, self._quiet = self._quiet, True
        try:
            change()
        finally:
            self._quiet = before

    @contextmanager
    def _keeping(self, follow: bool = True) -> Iterator[None]:
        """Marks and the current row stay with their features; see `show_rows` for the scroll bar."""
        marked, current = self.marked(), self.current_feature()
        top, row = self.rowAt(0), self.currentIndex().row()
        in_sight = row >= 0 and self.viewport().rect().contains(self.visualRect(self.currentIndex()).center())
        before, self._quiet = self._quiet, True
        try:
            yield
            self._mark(marked, current)
            now = self.features.row_of(current)
            self.executeDelayedItemsLayout()
            self.updateGeometries()
            if follow and in_sight and now >= 0:
                self.verticalScrollBar().setValue(now - (row - top))
            else:
                # Where the rows have become too few for that place, their top is a better one than their end.
                self.verticalScrollBar().setValue(top if 0 <= top <= self.verticalScrollBar().maximum() else 0)
        finally:
            self._quiet = before
        if self.marked() != marked:
            self.features_marked.emit(self.marked())

    def _mark(self, features: tuple[int, ...], current: int) -> None:
        places = [row for row in map(self.features.row_of, features) if row >= 0]
        selection, last = QItemSelection(), max(self.features.columnCount() - 1, 0)
        for first, end in _runs(places):
            selection.select(self.features.index(first, 0), self.features.index(end, last))
        model = self.selectionModel()
        row = self.features.row_of(current)
        if row >= 0:
            model.setCurrentIndex(self.features.index(row, self._column()), Flag.NoUpdate)
        model.select(selection, Flag.ClearAndSelect)

    def _row_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and not self._quiet:
            self.feature_chosen.emit(self.features.feature(current.row()), self._by_key)

    def _selection_changed(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        if not self._quiet:
            self.features_marked.emit(self.marked())


def _runs(rows: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbouring rows."""
    found = np.sort(np.asarray(rows, dtype=np.int64))
    if len(found):
        cuts = np.flatnonzero(np.diff(found) != 1)
        yield from zip(found[np.r_[0, cuts + 1]].tolist(), found[np.r_[cuts, len(found) - 1]].tolist(), strict=True)
