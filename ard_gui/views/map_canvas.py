"""A map of features: coloured points with a legend. Plain arrays in, signals out; knows no study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ard_gui.views.map_colouring import Colouring, by_category, by_number, plain
from ard_gui.views.map_legend import MapLegend
from ard_gui.views.map_plot import MapPlot

PALETTE = {
    "ground": "#ffffff", "text": "#1b1b1b", "point": "#1f6fb2", "missing": "#c9cbcd", "other": "#8b8f94",
    "current": "#c7282d",
    "category0": "#1f77b4", "category1": "#e07b00", "category2": "#2a8f2a", "category3": "#c7282d",
    "category4": "#8757b8", "category5": "#8c5a4a", "category6": "#d457a8", "category7": "#8a8f00",
    "category8": "#0093a8", "category9": "#3b3f9e",
}  # fmt: skip
"""The names of the colours that a map is drawn with, and what they are until `set_palette`."""


class MapCanvas(QWidget):
    """Up to some hundred thousand points of a plane.

    Signals
    -------
    hovered(int)
        The feature under the pointer or the keyboard's mark; −1 for none.
    chosen(int)
        Clicked, or Return pressed on the mark.
    lassoed(int array)
        The features inside a closed line that was drawn with Shift held, or under `set_lasso(True)`; may be empty.
    """

    hovered = Signal(int)
    chosen = Signal(int)
    lassoed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.plot, self.legend = MapPlot(), MapLegend()
        self._palette = dict(PALETTE)
        self._paint: Callable[[], Colouring] = lambda: plain(len(self.plot.places_x), self._palette)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.legend)
        self.setFocusProxy(self.plot)
        self.plot.setAccessibleName("Map of features")
        self.plot.hovered.connect(self.hovered)
        self.plot.chosen.connect(self.chosen)
        self.plot.lassoed.connect(self.lassoed)
        self._recolour()

    def set_points(self, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> None:
        """Show feature k at (x[k], y[k]), all in one colour; one whose place is not finite is not drawn."""
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(f"x and y must be of one length, not {x.shape} and {y.shape}")
        self._paint = lambda: plain(len(self.plot.places_x), self._palette)
        self.plot.set_points(x.astype(np.float64), y.astype(np.float64))
        self.plot.setAccessibleDescription(f"{len(x)} features")
        self._recolour()

    def colour_by_number(self, values: npt.NDArray[np.floating], title: str, *, log: bool = False) -> None:
        """Colour the points by a column [D]; `title` names it and its unit. What is not finite is grey."""
        self._paint = lambda: by_number(self._checked(values), title, self._palette, log=log)
        self._recolour()

    def colour_by_category(self, labels: Sequence[str], title: str) -> None:
        """Colour the points by texts [D]: the ten commonest, and the others together; "" is grey."""
        self._paint = lambda: by_category(self._checked(labels), title, self._palette)
        self._recolour()

    def colour_plainly(self) -> None:
        """All points in one colour."""
        self._paint = lambda: plain(len(self.plot.places_x), self._palette)
        self._recolour()

    def set_current(self, feature: int) -> None:
        """Ring one feature; −1 for none."""
        self.plot.set_current(feature)

    def set_kept(self, mask: npt.NDArray[np.bool_] | None) -> None:
        """Fade all features but these; None shows all alike."""
        self.plot.set_kept(None if mask is None else self._checked(mask))

    def set_palette(self, colours: Mapping[str, str]) -> None:
        """Draw with other colours "#rrggbb", by the names in `PALETTE`; those left out stay."""
        unknown = sorted(colours.keys() - PALETTE.keys())
        if unknown:
            raise ValueError(f"unknown colours: {', '.join(unknown)}")
        self._palette |= colours
        self._recolour()

    def set_lasso(self, on: bool) -> None:
        """Let a drag without Shift draw the lasso."""
        self.plot.lasso_mode = on

    def fit(self) -> None:
        """Show all points."""
        self.plot.fit()

    def _recolour(self) -> None:
        colouring = self._paint()
        self.plot.set_colouring(colouring, self._palette)
        self.legend.show_colouring(colouring, self._palette)

    def _checked(self, column: Any) -> Any:
        if len(column) != len(self.plot.places_x):
            raise ValueError(f"{len(column)} values for {len(self.plot.places_x)} points")
        return column
