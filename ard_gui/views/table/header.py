"""Which columns are shown, in what order and how wide; kept by column name, so that other SAEs find them again."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QWidget

from ard_gui.state.column_words import NUMERIC, SHOWN_AT_FIRST, WORDS
from ard_gui.views.table.model import FeatureTableModel

VERSION = 1
NARROWEST, WIDEST = 24, 2000
MOST_COLUMNS = 500
AT_FIRST_EM: dict[str, float] = {"name": 16, "own_name": 11, "tags": 10, "verdict": 9, "status": 7.5, "star": 2.2}
"""Widths at first in widths of the letter m, of columns whose title does not say it."""


class ColumnHeader(QHeaderView):
    """The header of the feature table.

    Signals
    -------
    sort_asked(name: str)
        A click on a column's title.
    arrangement_changed()
        The person moved, widened, showed or hid a column.
    """

    sort_asked = Signal(str)
    arrangement_changed = Signal()

    def __init__(self, model: FeatureTableModel, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._features = model
        self._order = list(WORDS)
        self._shown: dict[str, bool] = {}
        self._widths: dict[str, int] = {}
        self._arranging = False
        self.setSectionsMovable(True)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(NARROWEST)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Columns")
        self.sectionClicked.connect(lambda column: self.sort_asked.emit(self._features.names[column]))
        self.sectionMoved.connect(self._moved)
        self.sectionResized.connect(self._resized)

    def names(self) -> list[str]:
        """Columns of the model in their order on the screen, hidden ones among them."""
        return [self._features.names[self.logicalIndex(place)] for place in range(len(self._features.names))]

    def shown_names(self) -> list[str]:
        """Shown columns from left to right."""
        return [name for name in self.names() if self.is_shown(name)]

    def is_shown(self, name: str) -> bool:
        return self._shown.get(name, name in SHOWN_AT_FIRST)

    def show_column(self, name: str, shown: bool) -> None:
        """Show or hide a column; the last one stays."""
        if not shown and self.shown_names() == [name]:
            return
        self._shown[name] = shown
        self.arrange()
        self.arrangement_changed.emit()

    def move_column(self, name: str, by: int) -> None:
        """Put a column `by` places further to the right."""
        names = self.names()
        place = names.index(name)
        if 0 <= place + by < len(names):
            self.moveSection(place, place + by)

    def usual(self) -> None:
        """Columns as at first."""
        self._order, self._shown, self._widths = list(WORDS), {}, {}
        self.arrange()
        self.arrangement_changed.emit()

    def show_sort(self, name: str, descending: bool) -> None:
        """Mark the column by which the rows are ordered; "" for none."""
        column = self._features.names.index(name) if name in self._features.names else -1
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.setSortIndicator(column, order)

    def arrange(self) -> None:
        """Lay out the model's columns as the person wants them."""
        self._arranging = True
        self._order += [name for name in self._features.names if name not in self._order]
        wanted = sorted(self._features.names, key=self._order.index)
        for place, name in enumerate(wanted):
            column = self._features.names.index(name)
            self.moveSection(self.visualIndex(column), place)
            self.resizeSection(column, self._widths.get(name) or self._usual_width(column))
            self.setSectionHidden(column, not self.is_shown(name))
        self._arranging = False

    def arrangement(self) -> dict[str, Any]:
        """What `restore` takes, as JSON has it."""
        return {"version": VERSION, "order": self._order, "shown": self._shown, "widths": self._widths}

    def restore(self, found: Any) -> bool:
        """Take a saved arrangement; False, and nothing changes, where it is none of this version."""
        if not is_arrangement(found):
            return False
        known = list(dict.fromkeys(found["order"]))
        self._order = known + [name for name in WORDS if name not in known]
        self._shown, self._widths = dict(found["shown"]), dict(found["widths"])
        if self._features.names and not any(self.is_shown(name) for name in self._features.names):
            self._shown = {}
        self.arrange()
        return True

    def _usual_width(self, column: int) -> int:
        name, letter = self._features.names[column], self.fontMetrics().horizontalAdvance("m")
        if name in AT_FIRST_EM:
            return round(AT_FIRST_EM[name] * letter)
        numeric = self._features.words(column).kind in NUMERIC
        title = self.fontMetrics().horizontalAdvance(self._features.title(column)) + 2.4 * letter
        return round(max(title, (5.5 if numeric else 7) * letter))

    def _moved(self, _column: int, _before: int, _after: int) -> None:
        if not self._arranging:
            present, moved = set(self._features.names), iter(self.names())
            # A column that this SAE lacks keeps its place among the others.
            self._order = [next(moved) if name in present else name for name in self._order]
            self.arrangement_changed.emit()

    def _resized(self, column: int, _before: int, width: int) -> None:
        if not self._arranging and width > 0 and column < len(self._features.names):
            self._widths[self._features.names[column]] = min(max(width, NARROWEST), WIDEST)
            self.arrangement_changed.emit()


def is_arrangement(found: Any) -> bool:
    """Whether a saved value is an arrangement of columns of this version."""
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return False
    order, shown, widths = found.get("order"), found.get("shown"), found.get("widths")
    if not (isinstance(order, list) and isinstance(shown, dict) and isinstance(widths, dict)):
        return False
    if max(len(order), len(shown), len(widths)) > MOST_COLUMNS:
        return False
    return (
        all(isinstance(name, str) for name in (*order, *shown, *widths))
        and all(isinstance(one, bool) for one in shown.values())
        and all(type(one) is int and NARROWEST <= one <= WIDEST for one in widths.values())
    )
