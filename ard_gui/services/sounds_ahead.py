"""What will probably be heard next is read and made ready to start before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from ard_gui.services.clip_media import ClipMedia, Media
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.sound import Sound
from backend.store.clips import Clip

OWNER = "listening"


class SoundsAhead:
    """The current clip and those after it, then the first clips of the next features.

    Attributes
    ----------
    awake : bool
        Whether sounds are made ready for the output as well: not before something was played, as that opens the device.
    """

    def __init__(self, media: ClipMedia, player: Player) -> None:
        self._media, self._player = media, player
        self._near: tuple[Clip, ...] = ()
        self._far: tuple[Clip, ...] = ()
        self.awake = False

    def expect(self, near: Sequence[Clip] | None = None, far: Sequence[Clip] | None = None) -> None:
        """Other clips are next; None for the same as before. `want` has them read."""
        self._near = self._near if near is None else tuple(near)
        self._far = self._far if far is None else tuple(far)

    def want(self, first: Clip | None) -> None:
        """Have all of them read, after `first`; what else was wanted here and is not begun is dropped."""
        self._media.want(OWNER, [*([] if first is None else [first]), *self._near, *self._far])
        self.prepare()

    def prepare(self) -> None:
        """Make ready to start what has been read."""
        if self.awake:
            found = [self._media.find(clip.index) for clip in (*self._near, *self._far)]
            self._player.preload([sound_of(media) for media in found if media is not None])

    def __contains__(self, row: object) -> bool:
        return any(clip.index == row for clip in (*self._near, *self._far))


def sound_of(media: Media) -> Sound:
    """A clip's media as the player takes it."""
    return Sound(media.key, media.wave, media.rate)
