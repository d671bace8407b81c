"""Where a recording sounds: a stretch that is cut at random must not fall into a pause."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.audio.load import Audio, load_wave
from backend.builtin.examples import RATE, Recording
from backend.store.clips import Clip

HOP = 0.1
"""Seconds of each value."""

Envelope = npt.NDArray[np.float64]


def envelope(samples: Audio) -> Envelope:
    """RMS of every `HOP` of samples at 16 kHz; the last value may cover less."""
    size = round(HOP * RATE)
    padded = np.pad(np.square(samples, dtype=np.float64), (0, -len(samples) % size))
    return np.asarray(np.sqrt(padded.reshape(-1, size).mean(axis=1)))


def envelopes(recordings: Iterable[Recording], folder: Path) -> dict[str, Envelope]:
    """The envelopes by `Recording.id`; ArdError if a file cannot be decoded."""
    return {
        recording.id: envelope(load_wave(Clip(record=recording.id, path=recording.path, root=str(folder)), RATE))
        for recording in recordings
    }


def moment(loudness: Envelope, chance: np.random.Generator) -> float:
    """A second of the recording, the likelier the louder it is there; anywhere in one that is silent."""
    total = loudness.sum()
    shares = loudness / total if total > 0 else np.full(len(loudness), 1 / len(loudness))
    return HOP * (float(chance.choice(len(loudness), p=shares)) + float(chance.random()))
