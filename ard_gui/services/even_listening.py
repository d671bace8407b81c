"""Everybody hears every clip alike in a blind rating, whatever the player is set to at other times (A-45)."""

from __future__ import annotations

from dataclasses import dataclass

from ard_gui.services.playback.outputs import SILENT
from ard_gui.services.playback.player import Player


@dataclass(frozen=True)
class _Settings:
    loop: bool
    active_only: bool
    muted: bool
    match_loudness: bool
    speed: float


EVEN = _Settings(loop=False, active_only=False, muted=False, match_loudness=True, speed=1.0)
"""Whole, once, at its own speed, all equally loud."""


class EvenListening:
    """Between `begin` and `end` the player plays evenly; then it is set as it was."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._usual: _Settings | None = None

    def begin(self) -> None:
        """Stop what plays, and play evenly from now on."""
        player = self._player
        player.stop()
        self._usual = _Settings(player.loop, player.active_only, player.muted, player.match_loudness, player.speed)
        self._set(EVEN)
        # of a clip that was looked at before, a part may be marked
        player.set_region(None)

    def end(self) -> None:
        """Stop what plays, and play as before."""
        self._player.stop()
        if self._usual is not None:
            self._set(self._usual)
            self._usual = None

    @property
    def nothing_heard(self) -> bool:
        """Whether what plays now cannot be heard: no sound device, muted, or the volume at 0."""
        player = self._player
        return bool(player.message) or player.device == SILENT or player.muted or player.volume == 0

    def _set(self, settings: _Settings) -> None:
        self._player.set_loop(settings.loop)
        self._player.set_active_only(settings.active_only)
        self._player.set_mute(settings.muted)
        self._player.set_match_loudness(settings.match_loudness)
        self._player.set_speed(settings.speed)
