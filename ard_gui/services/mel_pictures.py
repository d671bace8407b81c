"""Mel spectrograms for the screen: one overview of a whole clip, finer pieces for what is zoomed into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from backend.audio.spectrogram import SMALLEST, mel_corners, mel_power

Audio = npt.NDArray[np.float32]

RATE = 16000
"""Hertz at which sounds are pictured, as the models under study hear them: every axis ends at 8 kHz."""

BINS, WINDOW, HOP = 96, 1024, 160
FINE_WINDOW, FINEST_HOP = 512, 16
COLUMNS = 4096
FLOOR_DB = -120.0
PIECE = 2048
MARGIN = 1600


@dataclass(frozen=True)
class MelPicture:
    """Loudness over a stretch of time and over pitch.

    Attributes
    ----------
    db : float32 [bins, columns]
        Decibels below the loudest cell of the whole clip's overview, from `FLOOR_DB`; the lowest pitch first.
    start, end : float
        Seconds of the clip at the left edge of the first and the right edge of the last column.
    hertz : float [bins + 2]
        Corners of the triangular filters.
    loudest : float
        Power that is 0 dB; 0 for silence.
    """

    db: npt.NDArray[np.float32]
    start: float
    end: float
    hertz: npt.NDArray[np.float64]
    loudest: float


def overview(wave: Audio, rate: int, stopped: Callable[[], bool] = lambda: False) -> MelPicture | None:
    """The whole of mono `wave` [n] in at most `COLUMNS` columns, the loudest of their frames; None if `stopped`.

    A column is a frame of 10 ms up to 40 s of sound.
    """
    heard = wave if rate == RATE else soxr.resample(wave, rate, RATE).astype(np.float32, copy=False)
    frames = 1 + len(heard) // HOP
    pooled = -(-frames // COLUMNS)
    columns = []
    for first in range(0, frames, PIECE * pooled):
        if stopped():
            return None
        count = min(PIECE * pooled, frames - first)
        power = mel_power(heard, RATE, first * HOP, count, bins=BINS, window=WINDOW, hop=HOP)
        columns.append(np.maximum.reduceat(power, np.arange(0, count, pooled), axis=1))
    found = np.concatenate(columns, axis=1) / WINDOW**2
    loudest = float(found.max())
    step = pooled * HOP / RATE
    start = -HOP / RATE / 2
    return MelPicture(_decibels(found, loudest), start, start + step * found.shape[1], mel_corners(RATE, BINS), loudest)


def detail(wave: Audio, rate: int, start: float, end: float, columns: int, loudest: float) -> MelPicture:
    """Seconds `start` … `end` of the same sound in about `columns` columns, by `overview`'s scale of decibels.

    Never finer than 1 ms; below 5 ms a column the window is halved, for sharper edges in time.
    """
    hop = max(FINEST_HOP, round((end - start) * RATE / max(1, columns)))
    window = FINE_WINDOW if hop < HOP // 2 else WINDOW
    first, last = max(0.0, start), min(end, len(wave) / rate)
    # from whole hundredths of a second on: there both sampling grids meet
    begin = max(0, int(first * 100) * rate // 100 - MARGIN * rate // RATE)
    part = wave[begin : round(last * rate) + MARGIN * rate // RATE]
    heard = part if rate == RATE else soxr.resample(part, rate, RATE).astype(np.float32, copy=False)
    offset = round(begin / rate * RATE)
    at = round(start * RATE)
    frames = 1 + max(0, round(end * RATE) - at) // hop
    found = mel_power(heard, RATE, at - offset, frames, bins=BINS, window=window, hop=hop) / window**2
    left = (at - hop / 2) / RATE
    return MelPicture(_decibels(found, loudest), left, left + frames * hop / RATE, mel_corners(RATE, BINS), loudest)


def _decibels(power: npt.NDArray[np.float64], loudest: float) -> npt.NDArray[np.float32]:
    if loudest * WINDOW**2 <= SMALLEST:
        return np.full(power.shape, FLOOR_DB, np.float32)
    db = 10 * np.log10(np.maximum(power / loudest, 10 ** (FLOOR_DB / 10)))
    return db.astype(np.float32)
