"""Brings sound pictures to the cards on the screen, and remembers how a person looks at each clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject

from ard_gui.services.clip_media import ClipMedia, Media
from ard_gui.services.feature_lines import ClipLine
from ard_gui.services.mel_pictures import MelPicture
from ard_gui.views.clip_card import ClipCard

OWNER = "clip cards"


class CardMedia(QObject):
    """Between the media of the study and the visible cards.

    Parameters
    ----------
    cards : function
        Gives the cards on the screen.

    Attributes
    ----------
    regions, zooms : dict of clip to (first, last) seconds
        What is marked and what is shown of a clip, kept while its card is scrolled away.
    """

    def __init__(self, media: ClipMedia, cards: Callable[[], Sequence[ClipCard]], parent: QObject) -> None:
        super().__init__(parent)
        self._media, self._cards = media, cards
        self.regions: dict[int, tuple[float, float]] = {}
        self.zooms: dict[int, tuple[float, float]] = {}
        media.ready.connect(self._ready)
        media.failed.connect(self._failed)
        media.detail_ready.connect(self._detail_ready)

    def attach(self, card: ClipCard) -> None:
        """Serve a new card."""
        card.canvas.zoom_changed.connect(lambda first, last: self._zoomed(card, first, last))
        card.canvas.detail_asked.connect(lambda *piece: self._ask_detail(card, *piece))

    def forget_views(self) -> None:
        """Another feature is shown."""
        self.regions.clear()
        self.zooms.clear()

    def want(self, lines: Sequence[ClipLine]) -> None:
        """Have these made, the most urgent first."""
        self._media.want(OWNER, [line.media for line in lines if line.media is not None])

    def show(self, card: ClipCard) -> None:
        """Let a card show what there is of its clip."""
        line = card.line
        if line is None:
            return
        if line.media is None:
            card.show_media(None, "It is not known which sound this is.")
            return
        media = self._media.find(line.clip)
        card.show_media(media, self._media.problem(line.clip))
        if media is not None:
            card.canvas.set_region(self.regions.get(line.clip))
            if line.clip in self.zooms:
                card.canvas.set_visible_seconds(*self.zooms[line.clip])

    def mark(self, clip: int, region: tuple[float, float] | None) -> None:
        """Remember the marked part of a clip."""
        if region is None:
            self.regions.pop(clip, None)
        else:
            self.regions[clip] = region

    def _of(self, clip: int) -> list[ClipCard]:
        return [card for card in self._cards() if card.line is not None and card.line.clip == clip]

    def _ready(self, clip: int, _media: Media) -> None:
        for card in self._of(clip):
            self.show(card)

    def _failed(self, clip: int, _text: str) -> None:
        for card in self._of(clip):
            self.show(card)

    def _zoomed(self, card: ClipCard, first: float, last: float) -> None:
        if card.line is not None:
            self.zooms[card.line.clip] = (first, last)

    def _ask_detail(self, card: ClipCard, first: float, last: float, columns: int) -> None:
        if card.line is not None and card.line.media is not None:
            self._media.ask_detail(card.line.media, first, last, columns)

    def _detail_ready(self, clip: int, picture: MelPicture) -> None:
        for card in self._of(clip):
            card.canvas.set_detail(picture)
