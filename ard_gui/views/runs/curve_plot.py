"""One number of a training over its steps, a line for each SAE; pyqtgraph is handed in when it has been loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ard_gui.map_theme import map_palette
from ard_gui.state.metric_fold import Curve
from ard_gui.theme import colours, points
from ard_gui.views.elided import ElidedLabel

LOGARITHMIC = ("loss", "fvu", "l2", "normalised_l2")
"""Losses: numbers above 0 that a logarithmic scale may be chosen for."""
WORDS = {
    "loss": "loss", "fvu": "FVU", "explained_variance": "explained variance", "l0": "L0", "dead_share": "dead share",
    "lr": "learning rate", "normalised_l2": "normalised L2", "l2": "L2", "l0_max": "largest L0",
    "grad_norm": "gradient norm", "tokens_per_second": "tokens a second", "step_ms": "step, ms",
}  # fmt: skip
STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
HUES = 10
LINES = 9
SMALLEST = 1e-12


class CurvePlot(QWidget):
    """Signals: pointed(step), or NaN when the mouse leaves."""

    pointed = Signal(float)

    def __init__(self, pyqtgraph: Any, name: str) -> None:
        super().__init__()
        self.name = name
        self.title = ElidedLabel()
        self.plot = pyqtgraph.GraphicsLayoutWidget()
        self.plot.setAccessibleName(WORDS.get(name, name))
        self.plot.viewport().setMouseTracking(True)
        self.plot.viewport().installEventFilter(self)
        self.lines: dict[str, Any] = {}
        self._line = pyqtgraph.PlotDataItem
        for widget in (self.plot, self.plot.viewport()):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.box = pyqtgraph.ViewBox(enableMenu=False, enableMouse=False)
        self.axes = {one: pyqtgraph.AxisItem(one) for one in ("left", "bottom")}
        self._here = pyqtgraph.InfiniteLine(angle=90)
        self.plot.ci.layout.setSpacing(0)
        self.plot.ci.layout.setContentsMargins(2, 2, 6, 2)
        for item, row, column in ((self.axes["left"], 0, 0), (self.box, 0, 1), (self.axes["bottom"], 1, 1)):
            self.plot.addItem(item, row, column)
        for axis in self.axes.values():
            axis.linkToView(self.box)
        self.axes["bottom"].enableAutoSIPrefix(False)
        self.box.addItem(self._here, ignoreBounds=True)
        self._here.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.title)
        layout.addWidget(self.plot, 1)
        self.theme_changed()

    def show_curves(self, curves: Mapping[str, Curve], places: Mapping[str, int], *, logarithmic: bool) -> None:
        """Draw these, each in the colour of its place."""
        logarithmic = logarithmic and self.name in LOGARITHMIC
        for name in [one for one in self.lines if one not in curves]:
            self.box.removeItem(self.lines.pop(name))
        spans: list[tuple[float, float, float, float]] = []
        for name, curve in curves.items():
            x, y = drawn(curve, logarithmic=logarithmic)
            if name not in self.lines:
                self.lines[name] = self._line(connect="finite", symbolSize=5, symbolPen=None)
                self.box.addItem(self.lines[name])
            colour = hue(places[name])
            self.lines[name].setData(
                x, y, pen=_pen(places[name], colour), symbol="o" if len(x) < 2 else None, symbolBrush=colour
            )
            if np.isfinite(y).any():
                spans.append((float(x[0]), float(x[-1]), float(np.nanmin(y)), float(np.nanmax(y))))
        self.axes["left"].setLogMode(x=False, y=logarithmic)
        if spans:
            self._fit(spans)
        self._entitle(curves)

    def point_at(self, step: float) -> None:
        """Draw a line at a step; NaN for none."""
        self._here.setVisible(not math.isnan(step))
        if not math.isnan(step):
            self._here.setValue(step)

    def theme_changed(self) -> None:
        """Colours, fonts and height of its own."""
        self.plot.setBackground(map_palette()["ground"])
        for axis in self.axes.values():
            axis.setPen(QPen(QColor(colours().line)))
            axis.setTextPen(QPen(QColor(colours().muted)))
            axis.setStyle(tickFont=points(0.85), hideOverlappingLabels=True)
        self._here.setPen(QPen(QColor(colours().muted)))
        self.setMinimumHeight(self.fontMetrics().height() * LINES)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.theme_changed()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            scene = self.plot.mapToScene(event.position().toPoint())
            self.pointed.emit(float(self.box.mapSceneToView(scene).x()))
        elif event.type() == QEvent.Type.Leave:
            self.pointed.emit(math.nan)
        return False

    def _fit(self, spans: list[tuple[float, float, float, float]]) -> None:
        first, last = min(one[0] for one in spans), max(one[1] for one in spans)
        low, high = min(one[2] for one in spans), max(one[3] for one in spans)
        self.box.setXRange(first, last if last > first else first + 1, padding=0.02)
        spare = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        self.box.setYRange(low - spare, high + spare, padding=0.0)

    def _entitle(self, curves: Mapping[str, Curve]) -> None:
        words = WORDS.get(self.name, self.name)
        known = [one for one in curves.values() if not math.isnan(one.last)]
        if len(known) == 1:
            told = f"{words}: {known[0].last:.5g} at step {known[0].last_step:,.0f}"
        elif known:
            told = f"{words}: {min(one.last for one in known):.4g} to {max(one.last for one in known):.4g}"
        else:
            told = words
        self.title.setText(told)
        self.plot.setAccessibleDescription(told)


def drawn(curve: Curve, *, logarithmic: bool) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The points of the line: of a part of many steps its smallest and its largest value."""
    if np.array_equal(curve.low, curve.high, equal_nan=True):
        x, y = curve.steps, curve.low
    else:
        x, y = np.repeat(curve.steps, 2), np.column_stack((curve.low, curve.high)).ravel()
    if logarithmic:
        y = np.log10(np.where(y > 0, np.maximum(y, SMALLEST), np.nan))
    return x, y


def hue(place: int) -> QColor:
    """Colour of the SAE at this place of the run."""
    return QColor(map_palette()[f"category{place % HUES}"])


def _pen(place: int, colour: QColor) -> QPen:
    pen = QPen(colour, 1, STYLES[place // HUES % len(STYLES)])
    pen.setCosmetic(True)
    return pen
