"""The steering panel: a sound, a prompt, features with sliders, and the model's answers beside each other."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.actions import Actions
from ard_gui.services.concept_sets import ConceptSet, concept_sets
from ard_gui.services.model_kind import ModelTold, model_told
from ard_gui.services.study_reading import OpenRanking
from ard_gui.session import Session
from ard_gui.views.steering.add_feature import ALL, AddFeature
from ard_gui.views.steering.answers import Answers
from ard_gui.views.steering.clip_source import ClipSource
from ard_gui.views.steering.feature_rows import FeatureRows
from ard_gui.views.steering.presets import Presets
from ard_gui.views.steering.prompt_box import PromptBox
from ard_gui.views.steering.saved import SavedResults
from ard_gui.views.steering.settings_row import SettingsRow
from ard_gui.views.steering.status_row import StatusRow
from backend.audio.formats import DECODED
from backend.store.notes.steering import SteeringResult

UPPER_LINES = 15
MODEL, SETS = "model that is steered", "sets of features"


class SteeringPanel(QWidget):
    """Everything about steering in one dock; `add_tab` takes further views beside the answers.

    Attributes
    ----------
    tabs : QTabWidget
        Answers first.
    sets : list of ConceptSet
        Of the shown SAE.
    """

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self.sets: list[ConceptSet] = []
        self.dialog: AddFeature | None = None
        self.source, self.prompt = ClipSource(session), PromptBox(session)
        self.add, self.presets = QPushButton("&Add features …"), Presets(session)
        self.bypass = QCheckBox("&Bypass all")
        self.rows, self.settings = FeatureRows(session), SettingsRow(session)
        self.status, self.answers = StatusRow(session, actions), Answers(session)
        self.saved = SavedResults(session, actions)
        self._unmade: dict[int, tuple[str, str]] = {}
        self.tabs = QTabWidget()
        self._build()
        self._connect()
        self._study_opened()

    def _build(self) -> None:
        self.setAcceptDrops(True)
        self.add.setToolTip(self._actions.entries["steering.add_feature"].tip)
        self.add.setAutoDefault(False)
        self.bypass.setToolTip(self._actions.entries["steering.bypass"].tip)
        heads = QHBoxLayout()
        heads.addWidget(self.add)
        heads.addWidget(self.presets)
        heads.addStretch(1)
        heads.addWidget(self.bypass)
        upper = QWidget()
        inside = QVBoxLayout(upper)
        inside.setContentsMargins(6, 4, 6, 2)
        inside.setSpacing(4)
        inside.addWidget(self.source)
        inside.addWidget(self.prompt)
        inside.addLayout(heads)
        inside.addWidget(self.rows, 1)
        inside.addWidget(self.settings)
        inside.addStretch(0)
        scrolled = _scrolled(upper)
        self.settings.fold.toggled.connect(
            lambda _: QTimer.singleShot(0, self, lambda: scrolled.ensureWidgetVisible(self.settings, 0, 0))
        )
        scrolled.setMinimumHeight(self.fontMetrics().height() * UPPER_LINES)
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Views of the answers")
        self.add_tab("Answers", self.answers)
        self.add_tab("Sweep", "sweep", "SweepView")
        self.add_tab("Code", "code", "CodeView")
        self.add_tab("Saved", self.saved)
        self.add_tab("A/B", "blind", "BlindView")
        lower = QWidget()
        below = QVBoxLayout(lower)
        below.setContentsMargins(6, 2, 6, 4)
        below.addWidget(self.status)
        below.addWidget(self.tabs, 1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(scrolled)
        halves.addWidget(lower)
        halves.setChildrenCollapsible(False)
        halves.setStretchFactor(1, 1)
        halves.setSizes([270, 550])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(halves)
        self.setFocusProxy(self.prompt.field)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("0") * 42)

    def _connect(self) -> None:
        session = self._session
        self.add.clicked.connect(lambda _=False: self.add_features())
        self.prompt.entered.connect(session.answers.ask)
        self.tabs.currentChanged.connect(self._tab_shown)
        self.bypass.toggled.connect(session.steering.bypass_all)
        session.steering.changed.connect(self._changed)
        session.study_opened.connect(self._study_opened)
        session.ranking_opened.connect(self._ranking_opened)
        session.reader.ready.connect(self._arrived)
        self.saved.open_wanted.connect(self.open_result)

    def add_tab(self, title: str, view: QWidget | str, kind: str = "") -> None:
        """One more view beside the answers; of a module of this package and a class in it when it is first shown."""
        if isinstance(view, str):
            self._unmade[self.tabs.count()] = view, kind
        self.tabs.addTab(_scrolled(QWidget() if isinstance(view, str) else view), title)

    def tab(self, title: str) -> QWidget:
        """Show a view, made if it has not been shown yet."""
        place = next(place for place in range(self.tabs.count()) if self.tabs.tabText(place) == title)
        self.tabs.setCurrentIndex(place)
        area = self.tabs.widget(place)
        assert isinstance(area, QScrollArea)
        found = area.widget()
        assert found is not None
        return found

    def _tab_shown(self, place: int) -> None:
        if place in self._unmade:
            module, kind = self._unmade.pop(place)
            area = self.tabs.widget(place)
            assert isinstance(area, QScrollArea)
            made = getattr(import_module(f"ard_gui.views.steering.{module}"), kind)(self._session, self._actions)
            area.setWidget(made)

    def add_features(self, source: str = ALL) -> None:
        """Open the dialog that adds features."""
        if self._session.ranking is None:
            self._session.notices.warning("Open a study with ranked features first.")
            return
        self.dialog = AddFeature(self, self._session, self.sets)
        self.dialog.offer(source)
        self.dialog.open()

    def open_result(self, result: SteeringResult) -> None:
        """Go on from a saved result; only where its SAE is the one shown, for its numbers mean nothing in another."""
        if result.sae != self._session.notes.now.key:
            self._session.notices.warning(
                f"This result belongs to the SAE {result.ranking}. Show that one first, at the top of the table."
            )
            return
        self._session.steering.take_result(result)
        self.tabs.setCurrentIndex(0)
        self._session.answers.ask()

    def _changed(self, part: str) -> None:
        if part in ("values", "rows", "all"):
            self.bypass.setChecked(self._session.steering.now.bypass)

    def _study_opened(self) -> None:
        found = self._session.overview
        if found is not None:
            study = found.study
            self._session.reader.ask(MODEL, lambda: model_told(study))
            self._ranking_opened()

    def _ranking_opened(self) -> None:
        ranking = self._session.ranking
        self.sets = []
        if ranking is not None:
            count = self._session.features
            self._session.reader.ask(SETS, lambda: (ranking, concept_sets(ranking.study, ranking.name, count)))

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == MODEL and isinstance(result, ModelTold):
            self.prompt.show_kind(result.kind, result.prompts)
            if result.prompts:
                self._session.steering.begin_with(result.prompts[0][1])
        elif kind == SETS and _is_of(result, self._session.ranking):
            self.sets = result[1]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape and self._session.answers.busy:
            self._session.answers.stop()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """What nobody sees is not asked for by itself."""
        super().hideEvent(event)
        self._session.answers.live = False

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        event.acceptProposedAction() if _dropped(event) is not None else event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        path = _dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.source.take_file(path)


def _scrolled(view: QWidget) -> QScrollArea:
    """A view that scrolls where the panel is too low or too narrow for it."""
    found = QScrollArea()
    found.setWidget(view)
    found.setWidgetResizable(True)
    found.setFrameShape(QFrame.Shape.NoFrame)
    found.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return found


def _is_of(result: Any, ranking: OpenRanking | None) -> bool:
    return ranking is not None and result[0] is ranking


def _dropped(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """The one file of sound that is dropped; None for anything else, which is the window's."""
    urls = event.mimeData().urls()
    path = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
    return path if path is not None and path.suffix.lower() in DECODED else None
