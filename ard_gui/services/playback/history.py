"""Which moment of which sound was written at which frame of the output."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIZE = 4096
"""Entries kept. A loop of 10 ms writes 200 a second, anything longer less, and no output is 20 s late."""

GUARD = 8
"""Oldest entries the reader leaves alone, because the callback may be overwriting them."""


class Heard(NamedTuple):
    """What a frame of the output holds: a sound's number (0: none), its second, and whether time runs on there."""

    sound: int
    seconds: float
    moving: bool


class History:
    """A ring of straight lines: from an output frame on, `seconds` grow by `slope` a frame.

    One thread writes (the output's callback), another reads; neither waits. A line that goes on where the last one
    stopped is not written again, so that plain playing costs one entry however long it lasts.
    """

    def __init__(self) -> None:
        self._frame = np.zeros(SIZE, np.int64)
        self._seconds = np.zeros(SIZE, np.float64)
        self._slope = np.zeros(SIZE, np.float64)
        self._sound = np.zeros(SIZE, np.int64)
        self._count = 0
        self._last = (0, 0.0, 0.0, 0)

    def note(self, frame: int, seconds: float, slope: float, sound: int) -> None:
        """From output frame `frame` on, `sound` is heard at `seconds`, growing by `slope` a frame (callback only)."""
        began, origin, last_slope, last_sound = self._last
        if sound == last_sound and slope == last_slope and abs(origin + (frame - began) * slope - seconds) < 1e-7:
            return
        slot = self._count % SIZE
        self._frame[slot] = frame
        self._seconds[slot] = seconds
        self._slope[slot] = slope
        self._sound[slot] = sound
        self._last = (frame, seconds, slope, sound)
        self._count += 1

    def at(self, frame: int) -> Heard:
        """What output frame `frame` holds."""
        count = self._count
        for entry in range(count - 1, max(count - SIZE + GUARD, 0) - 1, -1):
            slot = entry % SIZE
            if self._frame[slot] <= frame:
                slope = float(self._slope[slot])
                seconds = float(self._seconds[slot]) + (frame - int(self._frame[slot])) * slope
                return Heard(int(self._sound[slot]), seconds, slope > 0)
        return Heard(0, 0.0, False)
