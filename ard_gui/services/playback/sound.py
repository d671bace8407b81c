"""Sounds as they are read, and the few that are kept ready for playing."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import soxr

from ard_gui.services.playback.loudness import integrated_loudness
from ard_gui.services.playback.programme import Audio, Track
from ard_gui.services.playback.stretch import stretch

RESAMPLING = "HQ"
KEPT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Sound:
    """Something that can be played.

    Attributes
    ----------
    key : str
        Two sounds of one key have the same samples.
    samples : float32 [n]
        Mono.
    rate : int
        Samples per second.
    loudness : float
        In LUFS; NaN if it has not been measured, then it is when the sound is prepared.
    """

    key: str
    samples: Audio
    rate: int
    loudness: float = math.nan

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate


def prepare(sound: Sound, rate: int, speed: float) -> Track:
    """The sound stretched, resampled to the output's rate and measured. Takes a while: not for the GUI thread."""
    samples = stretch(sound.samples, sound.rate, speed)
    if sound.rate != rate and len(samples):
        samples = soxr.resample(samples, sound.rate, rate, quality=RESAMPLING)
    loudness = integrated_loudness(sound.samples, sound.rate) if math.isnan(sound.loudness) else sound.loudness
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    return Track(np.ascontiguousarray(samples, np.float32), rate, speed, sound.seconds, loudness, peak)


class PreparedSounds:
    """The tracks used last, within a limit of memory; may be asked from any thread."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._tracks: OrderedDict[tuple[str, int, float], Track] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, sound: Sound, rate: int, speed: float) -> Track | None:
        """The track, if it is ready."""
        key = (sound.key, rate, speed)
        with self._lock:
            if key in self._tracks:
                self._tracks.move_to_end(key)
            return self._tracks.get(key)

    def prepare(self, sound: Sound, rate: int, speed: float) -> Track:
        """The track, made if it is not ready."""
        ready = self.find(sound, rate, speed)
        if ready is not None:
            return ready
        track = prepare(sound, rate, speed)
        with self._lock:
            self._tracks[sound.key, rate, speed] = track
            held = sum(kept.samples.nbytes for kept in self._tracks.values())
            while held > self._limit and len(self._tracks) > 1:
                held -= self._tracks.popitem(last=False)[1].samples.nbytes
        return track
