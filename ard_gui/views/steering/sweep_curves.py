"""How probable words become over the values of a sweep; pyqtgraph is loaded when there is something to draw."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ard_gui.map_theme import map_palette
from ard_gui.services.worker import Failure, Worker
from ard_gui.theme import colours, points

SYMBOLS = (("o", "●"), ("s", "■"), ("t", "▼"), ("d", "◆"), ("t1", "▲"), ("p", "⬟"), ("star", "★"), ("h", "⬢"))
HEADROOM = 1.08
SMALLEST_TOP = 1e-6
CURVE, SYMBOL = 2, 8


class SweepCurves(QWidget):
    """A line and a symbol per word; the original answer's probability is a dashed line of the same colour.

    The table of the sweep has the same numbers for whoever does not see or point.

    Parameters
    ----------
    worker : Worker
        Loads pyqtgraph, which takes a quarter of a second.
    """

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker, self._loading = worker, False
        self.legend = QLabel()
        self.plot: Any = None
        self.curves: dict[str, Any] = {}
        self._shown: tuple[Sequence[float], Mapping[str, Sequence[float]], Mapping[str, float], str] = ((), {}, {}, "")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.legend.setAccessibleName("Legend of the curves")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.legend)
        self.setMinimumHeight(150)

    def show_curves(
        self, steps: Sequence[float], words: Mapping[str, Sequence[float]], original: Mapping[str, float], axis: str
    ) -> None:
        """Draw one curve per word over `steps`; NaN where a value has no answer yet.

        Parameters
        ----------
        original : mapping of word to float
            Its probability in the original answer.
        axis : str
            What the steps are.
        """
        self._shown = (steps, words, original, axis)
        if self.plot is None and words and not self._loading:
            self._loading = True
            self._worker.run(lambda: import_module("pyqtgraph"), self._make, self._missing)
        if self.plot is not None:
            self._draw()
        self._explain()

    def _missing(self, failure: Failure) -> None:
        self.legend.setText(html.escape(f"No curves can be drawn: {failure.text}"))
        self.legend.show()

    def _make(self, pyqtgraph: Any) -> None:
        """Axes and a box for curves; pyqtgraph's own plot comes with menus that nothing here needs."""
        self.plot = pyqtgraph.GraphicsLayoutWidget()
        self.plot.setAccessibleName("Probabilities of the words by value")
        for widget in (self.plot, self.plot.viewport()):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            widget.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._box = pyqtgraph.ViewBox(enableMenu=False, enableMouse=False)
        self._axes = {name: pyqtgraph.AxisItem(name) for name in ("left", "bottom")}
        self._curve, self._level = pyqtgraph.PlotDataItem, pyqtgraph.InfiniteLine
        self.plot.ci.layout.setSpacing(0)
        self.plot.ci.layout.setContentsMargins(2, 2, 6, 2)
        for item, row, column in ((self._axes["left"], 0, 0), (self._box, 0, 1), (self._axes["bottom"], 1, 1)):
            self.plot.addItem(item, row, column)
        for axis in self._axes.values():
            axis.linkToView(self._box)
            axis.enableAutoSIPrefix(False)
        self._layout.addWidget(self.plot, 1)
        self._style()
        self._draw()

    def _style(self) -> None:
        self.plot.setBackground(map_palette()["ground"])
        for axis in self._axes.values():
            axis.setPen(QPen(QColor(colours().line)))
            axis.setTextPen(QPen(QColor(colours().muted)))
            axis.setStyle(tickFont=points(0.85), hideOverlappingLabels=True)

    def _draw(self) -> None:
        steps, words, original, axis = self._shown
        palette = map_palette()
        self._box.clear()
        self.curves = {}
        highest = SMALLEST_TOP
        order = sorted(range(len(steps)), key=lambda at: steps[at])
        for place, (word, shares) in enumerate(words.items()):
            colour = QColor(palette[f"category{place % 10}"])
            known = [(steps[at], shares[at]) for at in order if math.isfinite(shares[at])]
            highest = max(highest, original.get(word, 0.0), *(share for _, share in known))
            if word in original:
                dashed = _cosmetic(colour, 1, Qt.PenStyle.DashLine)
                self._box.addItem(self._level(original[word], angle=0, pen=dashed))
            self.curves[word] = self._curve(
                [step for step, _ in known], [share for _, share in known], pen=_cosmetic(colour, CURVE),
                symbol=SYMBOLS[place][0], symbolBrush=colour, symbolPen=None, symbolSize=SYMBOL, antialias=True,
            )  # fmt: skip
            self._box.addItem(self.curves[word])
        if len(steps):
            low, high = min(steps), max(steps)
            self._box.setXRange(low, high if high > low else low + 1, padding=0.05)
        self._box.setYRange(0.0, min(1.05, highest * HEADROOM), padding=0.0)
        look = {"color": colours().muted, "font-size": f"{points(0.85).pointSizeF():.1f}pt"}
        self._axes["bottom"].setLabel(axis, **look)
        self._axes["left"].setLabel("probability", **look)

    def _explain(self) -> None:
        _, words, original, _ = self._shown
        palette = map_palette()
        hues = [palette[f"category{place % 10}"] for place in range(len(words))]
        parts = [
            f"<span style='color:{hue}'>{symbol}</span>&nbsp;{html.escape(word)}"
            for word, hue, (_, symbol) in zip(words, hues, SYMBOLS, strict=False)
        ]
        if parts and original:
            parts.append("<span>┄&nbsp;original</span>")
        self.legend.setText(" &nbsp; ".join(parts))
        self.legend.setVisible(bool(parts))

    def theme_changed(self) -> None:
        """Colours and fonts of its own."""
        if self.plot is not None:
            self._style()
            self._draw()
        self._explain()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and self.plot is not None:
            self.theme_changed()


def _cosmetic(colour: QColor, width: int, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """A pen whose width is in pixels however the axes are scaled."""
    pen = QPen(colour, width, style)
    pen.setCosmetic(True)
    return pen
