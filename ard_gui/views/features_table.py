"""The features of one SAE as a table that sorts and filters in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
Column = npt.NDArray[Any]


class FeatureTableModel(QAbstractTableModel):
    """Rows of features over numpy columns; sorting and filtering only permute row numbers.

    Parameters
    ----------
    columns : mapping of name to array [features]
        Shown in their order; the first one is the feature number.
    """

    def __init__(self, columns: Mapping[str, Column] | None = None) -> None:
        super().__init__()
        self._columns: dict[str, Column] = {}
        self._names: list[str] = []
        self._titles: dict[str, str] = {}
        self._rows = np.empty(0, np.int64)
        self._kept: npt.NDArray[np.bool_] | None = None
        self._sorted: tuple[int, Qt.SortOrder] | None = None
        if columns:
            self.show_columns(columns)

    def show_columns(self, columns: Mapping[str, Column], titles: Mapping[str, str] | None = None) -> None:
        """Replace everything that is shown; the sort order stays. `titles` of columns differ from their names."""
        self.beginResetModel()
        self._titles = dict(titles or {})
        self._columns = dict(columns)
        self._names = list(columns)
        self._kept = None
        self._rows = self._ordered()
        self.endResetModel()

    def keep(self, mask: npt.NDArray[np.bool_] | None) -> None:
        """Show only features where `mask` [features] is true; None shows all."""
        self.beginResetModel()
        self._kept = mask
        self._rows = self._ordered()
        self.endResetModel()

    def feature(self, row: int) -> int:
        """Feature number in a shown row."""
        return int(self._rows[row])

    def row_of(self, feature: int) -> int:
        """Row a feature is shown in; -1 if it is filtered away."""
        found = np.flatnonzero(self._rows == feature)
        return int(found[0]) if len(found) else -1

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not 0 <= column < len(self._names):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        features = [self.feature(index.row()) for index in before]
        self._sorted = (column, order)
        self._rows = self._ordered()
        after = [self.index(self.row_of(k), i.column()) for k, i in zip(features, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _ordered(self) -> npt.NDArray[np.int64]:
        if not self._names:
            return np.empty(0, np.int64)
        total = len(self._columns[self._names[0]])
        rows = np.arange(total) if self._kept is None else np.flatnonzero(self._kept)
        if self._sorted is None or self._sorted[0] >= len(self._names):
            return rows.astype(np.int64)
        column, direction = self._sorted
        values = self._columns[self._names[column]][rows]
        descending = direction == Qt.SortOrder.DescendingOrder
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        order = np.argsort(values[~missing], kind="stable")
        if descending:
            # Equal values keep their feature order in both directions.
            order = len(order) - 1 - np.argsort(values[~missing][::-1], kind="stable")[::-1]
        return np.concatenate((rows[~missing][order], rows[missing])).astype(np.int64)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._names)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            name = self._names[section]
            return self._titles.get(name, name.replace("_", " "))
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        value = self._columns[self._names[index.column()]][self._rows[index.row()]]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown(value.item() if isinstance(value, np.generic) else value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, (str, np.str_)):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None


def shown(value: Any) -> str:
    """A cell's text: four significant digits, "–" where there is no value."""
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return str(value)
