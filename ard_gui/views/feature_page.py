"""One feature: its head, its clips in cards, and the bar that plays them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.feature_lines import Behind, ClipFeature, ClipLine, FeatureLines, Figure
from ard_gui.session import Session
from ard_gui.views.clip_cards import ClipCards
from ard_gui.views.clip_features_menu import ClipFeaturesMenu
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.feature_header import FeatureHeader
from ard_gui.views.manifest_dialog import ManifestDialog
from ard_gui.views.transport import Transport

CLIPS_AHEAD = 2
MANIFEST, CLIP_FEATURES = "manifest", "features of a clip"


class FeaturePage(QWidget):
    """Shows what `Session.feature_read` brings.

    Attributes
    ----------
    feature : int
        The shown feature; −1 for none.
    """

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._listening = session, session.listening
        self.feature = -1
        self.header = FeatureHeader(actions, session.preferences.values.page_parts)
        self.cards = ClipCards(session, actions)
        self.transport = Transport(session.listening, session.preferences, actions)
        self._head = QScrollArea()
        self._asked_figure = ""
        self._build()
        self._connect()

    @property
    def title(self) -> ElidedLabel:
        """Shows "Feature 12: rain"."""
        return self.header.title

    def _build(self) -> None:
        self._head.setWidget(self.header)
        self._head.setWidgetResizable(True)
        self._head.setFrameShape(QFrame.Shape.NoFrame)
        self._head.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._head.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._head)
        layout.addWidget(self.cards, 1)
        layout.addWidget(self.transport)
        self.setMinimumWidth(360)

    def _connect(self) -> None:
        session, listening, cards = self._session, self._listening, self.cards
        session.feature_read.connect(self.show_feature)
        session.selection.feature_changed.connect(self._feature_changed)
        session.selection.clip_changed.connect(self._clip_changed)
        session.notes.changed.connect(self._show_header)
        session.reader.ready.connect(self._arrived)
        self.header.feature_asked.connect(session.selection.choose)
        self.header.behind_asked.connect(self._ask_behind)
        self.header.parts_changed.connect(lambda parts: session.preferences.set("page_parts", parts))
        self.header.height_changed.connect(self._fit_header)
        cards.current_changed.connect(self._current_changed)
        cards.play_asked.connect(listening.toggle)
        cards.seek_asked.connect(lambda seconds: listening.seek(session.selection.clip, seconds))
        cards.region_changed.connect(self._region_changed)
        cards.features_asked.connect(self._ask_features)
        listening.playhead.connect(cards.show_playhead)
        listening.changed.connect(lambda: cards.show_playing(listening.row if listening.playing else -1))

    def show_feature(self, lines: FeatureLines) -> None:
        """Replace everything on the page."""
        self.feature = lines.feature
        self._show_header()
        self.cards.show_lines(lines)

    def _show_header(self) -> None:
        lines = self._session.lines
        if lines is not None and lines.feature == self.feature:
            self.header.show_lines(lines, self._session.notes.feature(lines.feature))

    def _feature_changed(self, feature: int) -> None:
        if feature < 0:
            self.feature = -1
            self.header.clear()
            self.cards.clear()

    def _clip_changed(self, clip: int) -> None:
        """Another view chose a clip."""
        current = self.cards.current
        if clip >= 0 and (current is None or current.clip != clip):
            self.cards.choose_clip(clip)

    def _current_changed(self, line: ClipLine | None) -> None:
        coming = [*([] if line is None else [line]), *self.cards.coming()[:CLIPS_AHEAD]]
        self._listening.look_ahead([line.media for line in coming if line.media is not None])

    def _region_changed(self, start: float | None, end: float | None) -> None:
        region = None if start is None or end is None else (start, end)
        self._listening.set_region(self._session.selection.clip, region)

    def _ask_behind(self, figure: Figure) -> None:
        ranking = self._session.ranking
        if ranking is not None:
            self._asked_figure = f"{figure.label} = {figure.text} of feature {self.feature}"
            self._session.reader.ask(MANIFEST, lambda: ranking.manifest_behind(figure.kind))

    def _ask_features(self, clip: int) -> None:
        ranking = self._session.ranking
        if ranking is not None:
            self._session.reader.ask(CLIP_FEATURES, lambda: (clip, ranking.clip_features(clip)))

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == MANIFEST and isinstance(result, Behind):
            ManifestDialog(self, self._asked_figure, result).show()
        elif kind == CLIP_FEATURES:
            self._show_features(*result)

    def _show_features(self, clip: int, found: list[ClipFeature]) -> None:
        card = self.cards.current_card()
        lines = self._session.lines
        if card is None or card.line is None or card.line.clip != clip or lines is None:
            return
        menu = ClipFeaturesMenu(self, found, lines.score, self.feature)
        menu.asked.connect(self._session.selection.choose)
        menu.popup(card.features.mapToGlobal(QPoint(0, card.features.height())))

    def _fit_header(self) -> None:
        """As high as it needs to be, but never more than a third of the page; then it scrolls."""
        wanted = self.header.height_at(max(1, self._head.viewport().width()))
        self._head.setFixedHeight(min(wanted, max(90, self.height() // 3)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_header()
