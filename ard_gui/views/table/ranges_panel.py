"""Range sliders of the columns the person wants to narrow by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ard_gui.state.column_words import is_number, words_of
from ard_gui.views.plain_text import tip
from ard_gui.views.table.range_slider import RangeSlider, scale_of

AT_FIRST = ("m", "support", "frequency", "detection")
Range = tuple[float, float]
ADD = "Add a column …"


class RangesPanel(QWidget):
    """One slider per chosen column; they are made when the panel is seen.

    Signals
    -------
    range_changed(column: str, range: tuple or None)
        None where the whole range is chosen.
    """

    range_changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sliders: dict[str, RangeSlider] = {}
        self.chosen: tuple[str, ...] = AT_FIRST
        self._columns: dict[str, npt.NDArray[Any]] = {}
        self._figures: dict[str, QLabel] = {}
        self._rows: list[QWidget] = []
        self._ranges: dict[str, Range] = {}
        self._stale = False
        self.more = QComboBox()
        self.more.setAccessibleName("Add a range slider")
        self.more.activated.connect(self._add)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setVerticalSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def show_columns(self, columns: Mapping[str, npt.NDArray[Any]], ranges: Mapping[str, Range]) -> None:
        """Sliders over these columns, at these ranges."""
        self._columns = {name: one for name, one in columns.items() if is_number(one) and name != "feature"}
        self._ranges = dict(ranges)
        self._make()

    def show_ranges(self, ranges: Mapping[str, Range]) -> None:
        """Show what is chosen now; a column that has no slider yet gets one."""
        self._ranges = dict(ranges)
        if set(ranges) & set(self._columns) - set(self.chosen):
            self._make()
        for name, slider in self.sliders.items():
            low, high = ranges.get(name, (slider.scale.low, slider.scale.high))
            if (low, high) != (slider.low, slider.high):
                slider.set_range(low, high)
                self._show_figures(name)

    def choose_columns(self, names: tuple[str, ...]) -> None:
        """Sliders for these columns, as far as they are there."""
        self.chosen = names
        self._make()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        if self._stale:
            self._make(now=True)
        super().showEvent(event)

    def _make(self, now: bool = False) -> None:
        self.chosen = tuple(dict.fromkeys((*self.chosen, *(name for name in self._ranges if name in self._columns))))
        self._stale = not (now or self.isVisible())
        if self._stale:
            return
        for widget in self._rows:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self.sliders, self._figures, self._rows = {}, {}, []
        for name in self.chosen:
            if name in self._columns:
                self._make_row(name, self._ranges.get(name))
        free = [name for name in self._columns if name not in self.chosen]
        self.more.clear()
        self.more.addItems([ADD, *free])
        self.more.setVisible(bool(free))

    def _make_row(self, name: str, chosen: Range | None) -> None:
        values = self._columns[name]
        words = words_of(name, values)
        scale = scale_of(values, words.spread)
        if scale is None:
            return
        slider = RangeSlider(words.title, values, scale)
        slider.setToolTip(tip(words.says, "Features without a value are left out as soon as the range is narrowed."))
        slider.set_range(*(chosen or (scale.low, scale.high)))
        title, figures, away = QLabel(words.title), QLabel(), QToolButton()
        figures.setTextFormat(Qt.TextFormat.PlainText)
        widest = figures.fontMetrics().horizontalAdvance("0.00001 – 0.00001")
        figures.setMinimumWidth(widest)
        away.setText("✕")
        away.setAutoRaise(True)
        away.setAccessibleName(f"Remove the slider of {words.title}")
        away.setToolTip("Remove this slider")
        away.clicked.connect(lambda: self._remove(name))
        slider.range_changed.connect(lambda low, high: self._moved(name, low, high))
        row = self._grid.rowCount()
        for place, widget in enumerate((title, slider, figures, away)):
            self._grid.addWidget(widget, row, place)
            self._rows.append(widget)
        self.sliders[name], self._figures[name] = slider, figures
        self._show_figures(name)

    def _moved(self, name: str, low: float, high: float) -> None:
        self._show_figures(name)
        scale = self.sliders[name].scale
        self.range_changed.emit(name, None if (low, high) == (scale.low, scale.high) else (low, high))

    def _show_figures(self, name: str) -> None:
        slider = self.sliders[name]
        self._figures[name].setText(range_text(slider.low, slider.high))

    def _add(self, place: int) -> None:
        if place > 0:
            self.choose_columns((*self.chosen, self.more.itemText(place)))

    def _remove(self, name: str) -> None:
        self.range_changed.emit(name, None)
        self.choose_columns(tuple(one for one in self.chosen if one != name))


def range_text(low: float, high: float) -> str:
    """A range in three significant digits."""
    return f"{low:.3g} – {high:.3g}"
