"""The curves of the SAEs that a run trains or has trained, from their `metrics.jsonl`."""

from __future__ import annotations

import html
import math
from importlib import import_module
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.run_curves import CurvesShown
from ard_gui.services.worker import Failure
from ard_gui.session import Session
from ard_gui.state.metric_fold import CURVES
from ard_gui.state.run_words import size
from ard_gui.views.flow import FlowLayout
from ard_gui.views.runs.curve_plot import HUES, STYLES, WORDS, CurvePlot, hue

FIRST_SAES = 6
"""Drawn unless others are chosen."""
LETTERS = 36
"""Least width of a plot, in mean letters."""
LINE = dict(zip(STYLES, ("━━", "╍╍", "┈┈", "━┈"), strict=True))


class CurvesTab(QWidget):
    """`show_run` says whose curves are wanted; they come from the watcher."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._chosen = session, session.runs_chosen
        self.run = ""
        self.saes: tuple[str, ...] = ()
        self.shown = CurvesShown("")
        self.plots: dict[str, CurvePlot] = {}
        self._drawn: set[str] | None = None
        self._pyqtgraph: Any = None
        self._loading = False
        self._columns = 0
        self.curves_button, self.saes_button = QToolButton(), QToolButton()
        self.logarithmic = QCheckBox("&Log scale for losses")
        self.note, self.legend, self.here = QLabel(), QLabel(), QLabel()
        self._body = QWidget()
        self._grid = QGridLayout(self._body)
        self._build()
        session.run_watch.curves_read.connect(self.take)
        self._explain()

    def show_run(self, run: str, saes: tuple[str, ...]) -> None:
        """Show the curves of this run's SAEs; "" for no run."""
        if run != self.run:
            self.run, self._drawn = run, None
            self.shown = CurvesShown(run)
        self.saes = saes
        self._explain()

    def take(self, shown: CurvesShown) -> None:
        """Curves have been read."""
        if shown.run != self.run:
            return
        self.shown = shown
        if self._pyqtgraph is None and not self._loading and shown.curves:
            self._loading = True
            self._session.worker.run(lambda: import_module("pyqtgraph"), self._loaded, self._missing)
        self._draw()

    def restored(self) -> None:
        """Another study's choices are in place."""
        self.logarithmic.setChecked(self._chosen.now.log_scale)
        self._draw()

    def drawn_saes(self) -> list[str]:
        """The SAEs whose curves are drawn, in the run's order."""
        known = [one for one in self.saes if one in self.shown.curves]
        return known[:FIRST_SAES] if self._drawn is None else [one for one in known if one in self._drawn]

    def _loaded(self, pyqtgraph: Any) -> None:
        self._pyqtgraph = pyqtgraph
        self._draw()

    def _missing(self, failure: Failure) -> None:
        self.note.setText(f"No curves can be drawn: {failure.text}")

    def _draw(self) -> None:
        self._explain()
        if self._pyqtgraph is None:
            return
        saes, places = self.drawn_saes(), {name: at for at, name in enumerate(self.saes)}
        wanted = [one for one in self._chosen.now.curves if any(one in self.shown.curves[sae] for sae in saes)]
        if wanted != list(self.plots):
            self._arrange(wanted)
        for name, plot in self.plots.items():
            curves = {sae: self.shown.curves[sae][name] for sae in saes if name in self.shown.curves[sae]}
            plot.show_curves(curves, places, logarithmic=self.logarithmic.isChecked())

    def _arrange(self, wanted: list[str]) -> None:
        """One plot for each number, side by side as far as there is room."""
        for name in [one for one in self.plots if one not in wanted]:
            plot = self.plots.pop(name)
            self._grid.removeWidget(plot)
            plot.hide()
            plot.deleteLater()
        for name in wanted:
            if name not in self.plots:
                self.plots[name] = CurvePlot(self._pyqtgraph, name)
                self.plots[name].pointed.connect(self._point)
        self.plots = {name: self.plots[name] for name in wanted}
        self._columns = 0
        self._place()

    def _place(self) -> None:
        width = max(1, self.fontMetrics().averageCharWidth() * LETTERS)
        columns = max(1, min(len(self.plots), self.width() // width))
        if columns == self._columns:
            return
        self._columns = columns
        for at, plot in enumerate(self.plots.values()):
            self._grid.addWidget(plot, at // columns, at % columns)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def _point(self, step: float) -> None:
        """Say what the curves are at the step the mouse points at."""
        for plot in self.plots.values():
            plot.point_at(step)
        parts = []
        if not math.isnan(step):
            for name in self.plots:
                for sae in self.drawn_saes():
                    curve = self.shown.curves[sae].get(name)
                    if curve is not None and len(curve.steps):
                        at, low, high = curve.at(step)
                        value = f"{low:.4g}" if low == high else f"{low:.4g} … {high:.4g}"
                        parts.append(f"{WORDS.get(name, name)} {value}" + (f" ({sae})" * (len(self.drawn_saes()) > 1)))
            if parts:
                parts.insert(0, f"step {at:,.0f}")
        self.here.setText(", ".join(parts) or " ")

    def _explain(self) -> None:
        """The note, the legend and the two menus."""
        saes = self.drawn_saes()
        if not self.run:
            note = "Choose a run in the list."
        elif not self.saes:
            note = "This run has trained no SAE, or not written its first metrics yet."
        elif self.shown.behind > 0:
            note = f"Still reading: {size(self.shown.behind)} left."
        elif not saes:
            note = "Its metrics have not been read yet." if not self.shown.curves else "No SAE is chosen."
        else:
            note = ""
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.legend.setText(" &nbsp; ".join(_entry(self.saes.index(one), one) for one in saes))
        self.legend.setVisible(bool(saes))
        self.saes_button.setText(f"SAEs ({len(saes)} of {len(self.saes)})")
        for widget in (self.saes_button, self.curves_button):
            widget.setEnabled(bool(self.saes))

    def _offer_curves(self) -> None:
        menu = self.curves_button.menu()
        menu.clear()
        known = dict.fromkeys((*CURVES, *(name for one in self.shown.curves.values() for name in one)))
        for name in known:
            action = menu.addAction(WORDS.get(name, name), lambda name=name: self._turn_curve(name))
            action.setCheckable(True)
            action.setChecked(name in self._chosen.now.curves)

    def _turn_curve(self, name: str) -> None:
        now = self._chosen.now.curves
        self._chosen.now.curves = tuple(one for one in now if one != name) if name in now else (*now, name)
        self._draw()

    def _offer_saes(self) -> None:
        menu = self.saes_button.menu()
        menu.clear()
        for name in self.saes:
            action = menu.addAction(name, lambda name=name: self._turn_sae(name))
            action.setCheckable(True)
            action.setChecked(name in self.drawn_saes())

    def _turn_sae(self, name: str) -> None:
        self._drawn = set(self.drawn_saes()) ^ {name}
        self._draw()

    def _scaled(self, on: bool) -> None:
        self._chosen.now.log_scale = on
        self._draw()

    def _build(self) -> None:
        for button, text, offer in (
            (self.curves_button, "Curves", self._offer_curves), (self.saes_button, "SAEs", self._offer_saes),
        ):  # fmt: skip
            button.setText(text)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            menu = QMenu(button)
            menu.aboutToShow.connect(offer)
            button.setMenu(menu)
        self.curves_button.setToolTip("Choose the numbers that are drawn.")
        self.saes_button.setToolTip("Choose the SAEs that are drawn.")
        self.logarithmic.toggled.connect(self._scaled)
        for label, name in ((self.note, "State of the curves"), (self.legend, "Legend"), (self.here, "Values")):
            label.setAccessibleName(name)
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        for label in (self.note, self.here):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.here.setText(" ")
        heads = QWidget()
        flow = FlowLayout(heads)
        for button in (self.curves_button, self.saes_button):
            flow.addWidget(button)
        flow.addWidget(self.logarithmic)
        self._grid.setContentsMargins(0, 0, 0, 0)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self._body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        for widget in (heads, self.note, self.legend):
            layout.addWidget(widget)
        layout.addWidget(area, 1)
        layout.addWidget(self.here)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._place()

    def theme_changed(self) -> None:
        """Colours of its own; its plots are told by themselves."""
        self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._columns = 0
            self._place()


def _entry(place: int, name: str) -> str:
    line = LINE[STYLES[place // HUES % len(STYLES)]]
    return f"<span style='color:{hue(place).name()}'>{line}</span>&nbsp;{html.escape(name)}"
