"""The features of one SAE as a Qt table: rows are a permutation of numpy columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from ard_gui.state.column_words import NUMERIC, ColumnWords, cell_text, words_of
from ard_gui.views.plain_text import tip

Index = QModelIndex | QPersistentModelIndex
Column = npt.NDArray[Any]
Role = Qt.ItemDataRole
VALUE = Qt.ItemDataRole.UserRole
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
MIDDLE = int(Qt.AlignmentFlag.AlignCenter)
LONGEST_CELL = 400


class FeatureTableModel(QAbstractTableModel):
    """Columns [D] and the feature number of each shown row.

    Parameters
    ----------
    known : mapping, optional
        What columns are that `ard_gui.state.column_words` does not know, or calls otherwise.

    Attributes
    ----------
    rows : int array
        Feature numbers in the order of the table.
    names : list of str
        Column ids, by model column.
    explain : function
        Feature number to paragraphs about its name, for the tool tip.
    """

    def __init__(self, known: Mapping[str, ColumnWords] | None = None) -> None:
        super().__init__()
        self._known = dict(known or {})
        self.rows: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.names: list[str] = []
        self.explain: Callable[[int], tuple[str, ...]] = lambda _: ()
        self._columns: dict[str, Column] = {}
        self._words: list[ColumnWords] = []
        self._titles: dict[str, str] = {}
        self._places: npt.NDArray[np.int64] | None = None

    def show_columns(
        self, columns: Mapping[str, Column], rows: npt.NDArray[np.int64], titles: Mapping[str, str] | None = None
    ) -> None:
        """Replace everything; `titles` of columns differ from the usual ones."""
        self.beginResetModel()
        self._columns, self._titles = dict(columns), dict(titles or {})
        self.names = list(columns)
        self._words = [self._known.get(name) or words_of(name, values) for name, values in columns.items()]
        self.rows, self._places = rows, None
        self.endResetModel()

    def show_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Show other features, or the same ones in another order."""
        self.beginResetModel()
        self.rows, self._places = rows, None
        self.endResetModel()

    def take_columns(self, columns: Mapping[str, Column]) -> None:
        """Newer values of the same columns; ValueError if they are others."""
        if list(columns) != self.names:
            raise ValueError("these are other columns")
        self._columns = dict(columns)
        if len(self.rows):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(self.names) - 1))

    def feature(self, row: int) -> int:
        """Feature number in a shown row."""
        return int(self.rows[row])

    def row_of(self, feature: int) -> int:
        """Row a feature is shown in; −1 if it is not shown."""
        if self._places is None:
            size = int(self.rows.max()) + 1 if len(self.rows) else 0
            self._places = np.full(size, -1, np.int64)
            self._places[self.rows] = np.arange(len(self.rows))
        return int(self._places[feature]) if 0 <= feature < len(self._places) else -1

    def words(self, column: int) -> ColumnWords:
        """What is known about a model column."""
        return self._words[column]

    def title(self, column: int) -> str:
        """Header text of a model column."""
        return self._titles.get(self.names[column], self._words[column].title)

    def value(self, feature: int, column: int) -> Any:
        """A cell as a plain Python value."""
        value = self._columns[self.names[column]][feature]
        return value.item() if isinstance(value, np.generic) else value

    def text(self, feature: int, column: int) -> str:
        """A cell as it is shown."""
        return cell_text(self._words[column].kind, self.value(feature, column))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.names)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.names):
            return None
        if role == Role.DisplayRole:
            return self.title(section)
        if role == Role.ToolTipRole:
            name = self.names[section]
            return tip(self._words[section].says, f"In the filter: {name}")
        if role == Role.TextAlignmentRole:
            return self._alignment(section)
        if role == Role.AccessibleTextRole and self._words[section].kind == "star":
            return "star"
        return None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        column = index.column()
        if role == Role.DisplayRole:
            return self.text(self.feature(index.row()), column)[:LONGEST_CELL]
        if role == Role.TextAlignmentRole:
            return self._alignment(column)
        if role == VALUE:
            return self.value(self.feature(index.row()), column)
        if role == Role.ToolTipRole:
            return self._tip(self.feature(index.row()), column)
        if role == Role.AccessibleTextRole:
            return self._spoken(self.feature(index.row()), column)
        return None

    def _alignment(self, column: int) -> int | None:
        kind = self._words[column].kind
        if kind in NUMERIC:
            return RIGHT
        return MIDDLE if kind in ("star", "flag", "note") else None

    def _tip(self, feature: int, column: int) -> str | None:
        kind, value = self._words[column].kind, self.value(feature, column)
        if self.names[column] in ("name", "own_name"):
            return tip(f"Feature {feature}", str(value), *self.explain(feature))
        if kind == "star":
            return tip("Starred: click to take the star away." if value else "Click to star the feature.")
        if kind in ("text", "own", "note", "tags"):
            text = ", ".join(value) if kind == "tags" else str(value)
            return tip(text) if text else None
        return None

    def _spoken(self, feature: int, column: int) -> str:
        kind, value = self._words[column].kind, self.value(feature, column)
        if kind == "star":
            return "starred" if value else "not starred"
        if kind == "note":
            return str(value) or "no note"
        return f"{self.title(column)} {self.text(feature, column)}"
