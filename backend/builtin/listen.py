"""Decode a recording once: its length, whether it sounds at all, its identity, and a sketch that finds near copies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.audio.load import load_wave
from backend.builtin.examples import RATE
from backend.store.clips import Clip

FRAME, HOP = 512, 256
BANDS, SLOTS = 16, 12
LOWEST_HERTZ = 100.0
FLOOR_DB = 60.0
"""Bands more than this below the loudest one count as silent, so that codecs' noise floors look alike."""

Wave = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What decoding tells of a file.

    Attributes
    ----------
    duration : float
        Seconds.
    peak : float
        Largest magnitude of a sample.
    rms : float
        Root mean square over the whole recording.
    sound : str
        SHA-256 of the samples at 16 kHz rounded to 16 bits: equal for lossless copies.
    sketch : str
        Hexadecimal bytes of `sketch`.
    """

    duration: float
    peak: float
    rms: float
    sound: str
    sketch: str


def listen(path: Path) -> Heard:
    """Decode a file (16 kHz mono) and describe it; ArdError if it cannot be decoded whole."""
    wave = load_wave(Clip(record=path.name, path=path.name, root=str(path.parent)), RATE)
    rounded = np.round(np.clip(wave, -1, 1) * 32767).astype("<i2")
    return Heard(
        duration=round(len(wave) / RATE, 4),
        peak=float(np.abs(wave).max(initial=0)),
        rms=float(np.sqrt(np.square(wave, dtype=np.float64).mean())) if len(wave) else 0.0,
        sound=hashlib.sha256(rounded.tobytes()).hexdigest(),
        sketch=sketch(wave).tobytes().hex(),
    )


def sketch(wave: Wave) -> npt.NDArray[np.int8]:
    """How the spectrum moves through the recording, whatever its loudness.

    Power in `BANDS` bands (even on a logarithmic scale from 100 Hz up) and `SLOTS` equal stretches of time, in dB
    above the floor, less the mean of all, scaled to at most 127. The cosine of two sketches is their likeness.

    Returns
    -------
    int8 [BANDS * SLOTS]
        All zero for silence.
    """
    if len(wave) < FRAME:
        wave = np.pad(wave, (0, FRAME - len(wave)))
    frames = np.lib.stride_tricks.sliding_window_view(wave, FRAME)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1)))
    hertz = np.fft.rfftfreq(FRAME, 1 / RATE)
    edges = np.geomspace(LOWEST_HERTZ, RATE / 2, BANDS + 1)
    bands = np.stack([power[:, (hertz >= low) & (hertz <= high)].sum(axis=1) for low, high in pairwise(edges)])
    slots = np.stack([part.mean(axis=1) for part in np.array_split(_spread(bands), SLOTS, axis=1)], axis=1)
    loudest = slots.max()
    if loudest <= 0:
        return np.zeros(BANDS * SLOTS, np.int8)
    decibels = np.maximum(10 * np.log10(np.maximum(slots / loudest, 1e-12)) + FLOOR_DB, 0)
    values = (decibels - decibels.mean()).ravel()
    scaled: npt.NDArray[np.int8] = np.round(values / max(float(np.abs(values).max()), 1e-9) * 127).astype(np.int8)
    return scaled


def _spread(bands: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """At least one frame for each slot: short recordings repeat theirs."""
    count = bands.shape[1]
    if count >= SLOTS:
        return bands
    return bands[:, np.arange(SLOTS) * count // SLOTS]
