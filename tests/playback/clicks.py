"""What the playback tests measure sound with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ard_gui.services.playback.engine import Command, Engine
from ard_gui.services.playback.programme import Audio, Programme, Track

RATE = 48_000


def sine(seconds: float, hertz: float = 440.0, phase: float = 0.3, rate: int = RATE) -> Audio:
    """A sine of amplitude one."""
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate + phase).astype(np.float32)


def click_db(heard: Audio, hertz: float = 440.0, rate: int = RATE) -> float:
    """What the largest second difference has beyond that of a sine of amplitude one; a jump by one is 0 dB."""
    own = 4 * np.sin(np.pi * hertz / rate) ** 2
    excess = np.abs(np.diff(heard.astype(np.float64), 2)).max() - own
    return float(20 * np.log10(max(excess, 1e-12)))


def ready(samples: Audio, rate: int = RATE, speed: float = 1.0) -> Track:
    """A track as `prepare` would make it at the sound's own rate and speed one."""
    return Track(samples, rate, speed, len(samples) * speed / rate, -23.0, float(np.abs(samples).max(initial=0.0)))


class Listener:
    """An engine and all that it has rendered."""

    def __init__(self, rate: int = RATE) -> None:
        self.engine = Engine(rate)
        self._parts: list[Audio] = []

    def tell(self, programme: Programme | None, *, jump: int = 0, start: float = 0.0, playing: bool = True) -> None:
        self.engine.command = Command(programme, jump, start, playing)

    def hear(self, frames: int, block: int = 480) -> Audio:
        """Render so many frames in blocks; those frames."""
        parts = []
        for start in range(0, frames, block):
            out = np.full((min(block, frames - start), 2), np.nan, np.float32)
            self.engine.render(out)
            parts.append(out[:, 0])
        self._parts += parts
        return np.concatenate(parts)

    def everything(self) -> Audio:
        return np.concatenate(self._parts)

    def seconds(self) -> npt.NDArray[np.float64]:
        """What the history says of every frame."""
        return np.array([self.engine.history.at(frame).seconds for frame in range(self.engine.written)])
