"""Keeps the player as the person's preferences say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ard_gui.services.playback.player import Player
from ard_gui.state.preferences import Preferences

SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Steps of "slower" and "faster"."""


class SoundPreferences:
    """Volume, mute, speed, loop, "only where active", loudness matching, latency and device.

    Whoever wants another value sets the preference, which keeps it; the player follows. What is set in the player
    itself is for a while only (a blind rating, in which everybody hears alike) and is kept nowhere.
    """

    def __init__(self, preferences: Preferences, player: Player) -> None:
        self._preferences, self._player = preferences, player
        self._tell: dict[str, Callable[[Any], None]] = {
            "loop": player.set_loop,
            "only_active": player.set_active_only,
            "match_loudness": player.set_match_loudness,
            "volume": player.set_volume,
            "mute": player.set_mute,
            "speed": player.set_speed,
            "latency_ms": player.set_latency_offset,
            "device": player.set_device,
        }
        for name in self._tell:
            self.apply(name)
        preferences.changed.connect(self.apply)

    def apply(self, name: str) -> None:
        """Tell the player a preference, if it is one of sound and the player has another value."""
        if name in self._tell:
            wanted = getattr(self._preferences.values, name)
            if wanted != self._now()[name]:
                self._tell[name](wanted)

    def flip(self, name: str) -> None:
        """Turn loop, only_active, match_loudness, mute or autoplay on or off."""
        self._preferences.set(name, not getattr(self._preferences.values, name))

    def step_speed(self, by: int) -> None:
        """`by` steps faster along `SPEEDS`; slower if negative."""
        now = self._preferences.values.speed
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - now))
        self._preferences.set("speed", SPEEDS[min(max(nearest + by, 0), len(SPEEDS) - 1)])

    def _now(self) -> dict[str, Any]:
        """How the player is."""
        player = self._player
        return {
            "loop": player.loop,
            "only_active": player.active_only,
            "match_loudness": player.match_loudness,
            "volume": player.volume,
            "mute": player.muted,
            "speed": player.speed,
            # the player has seconds: what comes back must be what was set
            "latency_ms": round(1000 * player.latency_offset, 6),
            "device": player.device,
        }
