"""The map of an SAE's directions as a panel: made in the background, coloured by what is known of the features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.actions import Actions
from ard_gui.map_theme import map_palette
from ard_gui.services.map_maker import MapMaker
from ard_gui.services.map_reading import CommonLabels, LabelReading, ShownMap, read_map
from ard_gui.session import Session
from ard_gui.views.map_canvas import MapCanvas
from ard_gui.views.map_legend import tip

NUMBERS = {
    "m": ("m, monosemanticity", False),
    "detection": ("detection, balanced accuracy", False),
    "frequency": ("frequency, share of tokens", True),
    "support": ("support, clips", True),
    "max": ("largest activation", True),
}
"""Numeric columns by which a map is coloured: title with unit, and whether the scale is logarithmic."""
UNNAMED = "no name"
NO_MAP, NO_DIRECTIONS = "There is no map of this SAE yet.", "Raw units have no directions to map."


class MapView(QWidget):
    """Shows the valid map of the shown SAE, or offers to make one."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self._shown: ShownMap | None = None
        self._made_of: tuple[str, str] = ("", "")
        self.maker = MapMaker(self)
        self.canvas = MapCanvas()
        self.canvas.set_palette(map_palette())
        self.colour, self.directions = QComboBox(), QComboBox()
        self.lasso, self.fit = QToolButton(), QToolButton()
        self.make, self.stop = QPushButton("Draw the map"), QPushButton("Stop")
        self.progress, self.offer, self.told = QProgressBar(), QLabel(), QLabel()
        self._middle = QStackedWidget()
        self._build()
        self._connect()
        self._ask()

    # what is shown

    def _ask(self) -> None:
        """Read the map of the shown ranking."""
        overview, ranking = self._session.overview, self._session.ranking
        if overview is None or ranking is None:
            self._show_none("No study is open.")
            return
        if not self._has_map():
            self._show_none("Looking for the map …")
        study = overview.study
        self._session.reader.ask("map", lambda: read_map(study, ranking))

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == "map" and result.name == self._session.ranking_name:
            self._show_map(result)
        elif kind == "map labels":
            self._labels_arrived(result)

    def _labels_arrived(self, result: CommonLabels | LabelReading) -> None:
        if self._shown is None or self.colour.currentData() != ("label", result.name):
            return
        if isinstance(result, LabelReading):
            if result.ranking is self._session.ranking:
                self._session.reader.ask("map labels", result.step)
        elif result.ranking == self._shown.name:
            self.canvas.colour_by_category(result.values, f"{result.name}, the commonest of H")

    def _failed(self, kind: str, message: str) -> None:
        if kind == "map":
            self._show_none(message, offer=True)

    def _show_map(self, found: ShownMap) -> None:
        if found.file is None:
            raw = found.name.startswith("raw-")
            self._show_none(NO_DIRECTIONS if raw else NO_MAP, offer=not raw)
            return
        before = self._shown.file.path if self._shown is not None and self._shown.file is not None else None
        self._shown = found
        self._middle.setCurrentWidget(self.canvas)
        if before != found.file.path:  # else it is the same map, and the person may have zoomed into it
            self.canvas.set_points(found.file.x, found.file.y)
        self.directions.setCurrentText(str(found.file.settings["directions"]))
        self._fill_colours(found)
        self._recolour()
        self._mark()
        self.canvas.set_current(self._session.selection.feature)
        self._tell(-1)

    def _show_none(self, text: str, *, offer: bool = False) -> None:
        """Words in place of a map, and whether one can be made."""
        self._shown = None
        self.offer.setText(text)
        self.make.setVisible(offer)
        self._middle.setCurrentIndex(0)
        self.told.clear()

    def _fill_colours(self, found: ShownMap) -> None:
        before = self.colour.currentData()
        ranking = self._session.ranking
        columns = ranking.columns if ranking is not None else {}
        self.colour.clear()
        for name, (title, _) in NUMBERS.items():
            if name in columns:
                self.colour.addItem(title, ("number", name))
        self.colour.addItem("status", ("column", "status"))
        for name in found.labels:
            self.colour.addItem(f"label of its clips: {name}", ("label", name))
        self.colour.addItem("own stars", ("own", "star"))
        self.colour.addItem("own tags", ("own", "tag"))
        again = [i for i in range(self.colour.count()) if self.colour.itemData(i) == before]
        self.colour.setCurrentIndex(again[0] if again else 0)

    def _recolour(self) -> None:
        ranking, choice = self._session.ranking, self.colour.currentData()
        if ranking is None or choice is None or not self._has_map():
            return
        kind, name = choice
        if kind == "number":
            title, log = NUMBERS[name]
            self.canvas.colour_by_number(ranking.columns[name].astype(float), title, log=log)
        elif kind == "column":
            self.canvas.colour_by_category([str(one) for one in ranking.columns[name]], name)
        elif kind == "own":
            self.canvas.colour_by_category(self._own(name), f"own {name}s")
        else:
            self._session.reader.ask("map labels", LabelReading(ranking, name).step)

    def _own(self, what: str) -> list[str]:
        """For every feature "starred", or the first of its tags."""
        found = [""] * self._session.features
        for k, note in self._session.notes.now.features.items():
            if 0 <= k < len(found):
                found[k] = ("starred" if note.star else "") if what == "star" else min(note.tags, default="")
        return found

    def _mark(self) -> None:
        """Fade what is neither lassoed nor marked in the table."""
        if not self._has_map():
            return
        chosen = self._session.query.value.chosen or self._session.selection.features
        if len(chosen) < 2 and not self._session.query.value.chosen:
            self.canvas.set_kept(None)
            return
        mask = np.zeros(self._session.features, bool)
        mask[[k for k in chosen if 0 <= k < len(mask)]] = True
        self.canvas.set_kept(mask)

    def _tell(self, feature: int) -> None:
        """A line about the feature under the pointer, else about the map."""
        file = self._shown.file if self._shown is not None else None
        if file is None:
            return
        if feature >= 0:
            own = self._session.notes.feature(feature).name
            text = f"Feature {feature}: {own or self._session.automatic_name(feature) or UNNAMED}"
            self.canvas.plot.setAccessibleDescription(text)
        else:
            text = f"{file.settings['directions']} directions of {file.features} features"
            if file.kept == file.kept:
                text += (
                    f"; {file.kept:.0%} of a feature's nearest directions are its nearest here "
                    f"({file.by_chance:.1%} by chance)"
                )
        self.told.setText(text)
        self.told.setToolTip(tip(text))

    def _has_map(self) -> bool:
        found = self._shown
        return found is not None and found.file is not None and found.name == self._session.ranking_name

    # what the person does

    def _lassoed(self, features: npt.NDArray[np.int64]) -> None:
        chosen = tuple(features.tolist())
        self._session.selection.choose_several(chosen)
        self._session.query.update(chosen=chosen)

    def _start(self) -> None:
        overview, name = self._session.overview, self._session.ranking_name
        if overview is not None and name and not self.maker.running:
            self.maker.start(overview.study.root, name, self.directions.currentText())
            self._working(True)

    def _other_directions(self) -> None:
        """Another choice of directions makes (or finds again) its map, where there is a map already."""
        if self._has_map():
            self._start()

    def _working(self, on: bool) -> None:
        self.progress.setValue(0)
        self.progress.setVisible(on)
        self.stop.setVisible(on)
        for one in (self.make, self.directions):
            one.setEnabled(not on)

    def _ended(self, text: str = "", *, error: bool = False) -> None:
        self._working(False)
        if error:
            self._session.notices.error(f"The map was not made: {text}")
        self._ask()

    # building

    def _build(self) -> None:
        for box, name in ((self.colour, "Colour of the points"), (self.directions, "Directions on the map")):
            box.setAccessibleName(name)
            box.setToolTip(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        self.directions.addItems(["decoder", "encoder"])
        self.lasso.setText("Lasso")
        self.lasso.setCheckable(True)
        self.lasso.setToolTip("Draw around features with the mouse to list them; without this, hold Shift.")
        self.fit.setText("Show all")
        self.fit.setToolTip("Fit the whole map into the panel (Home).")
        for button in (self.lasso, self.fit):
            button.setAccessibleName(button.text())
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("Progress of the map")
        self.offer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for label in (self.offer, self.told):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.addWidget(self.colour, 1)
        for widget in (self.directions, self.lasso, self.fit):
            top.addWidget(widget)
        empty = QWidget()
        middle = QVBoxLayout(empty)
        middle.addStretch(1)
        middle.addWidget(self.offer)
        middle.addWidget(self.make, 0, Qt.AlignmentFlag.AlignCenter)
        middle.addStretch(1)
        self._middle.addWidget(empty)
        self._middle.addWidget(self.canvas)
        below = QHBoxLayout()
        below.addWidget(self.progress, 1)
        below.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self._middle, 1)
        layout.addLayout(below)
        layout.addWidget(self.told)
        self.setFocusProxy(self.canvas)
        self._working(False)

    def _connect(self) -> None:
        session, canvas = self._session, self.canvas
        canvas.chosen.connect(session.selection.choose)
        canvas.hovered.connect(self._tell)
        canvas.lassoed.connect(self._lassoed)
        self.colour.activated.connect(lambda _: self._recolour())
        self.directions.activated.connect(lambda _: self._other_directions())
        self.lasso.toggled.connect(canvas.set_lasso)
        self.fit.clicked.connect(canvas.fit)
        self.make.clicked.connect(self._start)
        self.stop.clicked.connect(self.maker.stop)
        self.maker.progressed.connect(self._progressed)
        self.maker.made.connect(self._ended)
        self.maker.stopped.connect(self._ended)
        self.maker.failed.connect(partial(self._ended, error=True))
        session.reader.ready.connect(self._arrived)
        session.reader.failed.connect(self._failed)
        session.ranking_opened.connect(self._ask)
        session.study_refreshed.connect(self._ask)
        session.study_closing.connect(self.maker.close)
        session.closing.connect(self.maker.close)
        session.study_closed.connect(self._closed)
        session.notes.changed.connect(self._notes_changed)
        forget: list[Callable[[], None]] = [
            session.selection.feature_changed.connect(canvas.set_current),
            session.selection.features_changed.connect(lambda _: self._mark()),
            session.query.changed.connect(lambda _: self._mark()),
        ]
        self.destroyed.connect(lambda: [one() for one in forget])

    def _closed(self) -> None:
        self._working(False)
        self._show_none("No study is open.")

    def _progressed(self, what: str, share: float) -> None:
        self.progress.setFormat(f"{what}: %p %")
        self.progress.setValue(round(1000 * share))

    def _notes_changed(self) -> None:
        choice = self.colour.currentData()
        if choice is not None and choice[0] == "own":
            self._recolour()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.canvas.set_palette(map_palette())
