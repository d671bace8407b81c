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
        self.plot = pyqtgraph.PlotWidget(enableMenu=False)
        for widget in (self.plot, self.plot.viewport()):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.setAccessibleName("Probabilities of the words by value")
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.setAntialiasing(True)
        self._layout.addWidget(self.plot, 1)
        self._level = pyqtgraph.InfiniteLine
        self._style()
        self._draw()

    def _style(self) -> None:
        palette, ink = map_palette(), QColor(colours().muted)
        self.plot.setBackground(palette["ground"])
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.enableAutoSIPrefix(False)
            axis.setPen(QPen(QColor(colours().line)))
            axis.setTextPen(QPen(ink))
            axis.setStyle(tickFont=points(0.85), hideOverlappingLabels=True)

    def _draw(self) -> None:
        steps, words, original, axis = self._shown
        palette = map_palette()
        self.plot.clear()
        highest = SMALLEST_TOP
        order = sorted(range(len(steps)), key=lambda at: steps[at])
        for place, (word, shares) in enumerate(words.items()):
            colour = QColor(palette[f"category{place % 10}"])
            known = [(steps[at], shares[at]) for at in order if math.isfinite(shares[at])]
            x, y = [one for one, _ in known], [one for _, one in known]
            highest = max(highest, *y, original.get(word, 0.0)) if known else highest
            if word in original:
                dashed = _cosmetic(colour, 1, Qt.PenStyle.DashLine)
                self.plot.addItem(self._level(original[word], angle=0, pen=dashed))
            self.plot.plot(
                x, y, pen=_cosmetic(colour, CURVE), symbol=SYMBOLS[place][0],
                symbolBrush=colour, symbolPen=None, symbolSize=SYMBOL,
            )  # fmt: skip
        if len(steps):
            low, high = min(steps), max(steps)
            self.plot.setXRange(low, high if high > low else low + 1, padding=0.05)
        self.plot.setYRange(0.0, min(1.05, highest * HEADROOM), padding=0.0)
        label = {"color": colours().muted, "font-size": f"{points(0.85).pointSizeF():.1f}pt"}
        self.plot.setLabel("bottom", axis, **label)
        self.plot.setLabel("left", "probability", **label)

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
