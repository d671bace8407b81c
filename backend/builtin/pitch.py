"""The fundamental frequency of a voice, to check that a synthetic man or woman sounds like one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backend.audio.load import Audio

LOWEST, HIGHEST = 60.0, 400.0
"""Hz between which a fundamental is looked for."""

FRAME, HOP = 0.04, 0.02
"""Seconds; 40 ms hold more than two periods of the lowest fundamental."""

VOICED = 0.6
"""Autocorrelation, as a share of the frame's power, above which a frame has a pitch."""

OCTAVE_COST = 0.03
"""Taken off per octave of lag: of two equally good periods the shorter is the true one."""


def fundamental(samples: Audio, rate: int) -> float:
    """Median fundamental frequency over the voiced frames in Hz; NaN where no frame is voiced.

    Autocorrelation of a Hann-windowed frame divided by the window's own (Boersma 1993), without path finding: good
    for a median, not for a contour. Frames more than 26 dB below the loudest count as pauses.
    """
    frames = _frames(samples, rate)
    power = np.square(frames).mean(axis=1, keepdims=True)
    frames = frames[(power > power.max(initial=0.0) / 400)[:, 0]]
    if not len(frames):
        return float("nan")
    window = np.hanning(frames.shape[1])
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)
    shape = _autocorrelation(window[None])
    lags = np.arange(int(rate / HIGHEST), int(rate / LOWEST) + 1)
    share = correlation[:, lags] / np.maximum(correlation[:, :1], 1e-12) / (shape[:, lags] / shape[:, :1])
    best = np.argmax(share - OCTAVE_COST * np.log2(lags / lags[0]), axis=1)
    voiced = share[np.arange(len(share)), best] > VOICED
    return float(np.median(rate / lags[best[voiced]])) if voiced.any() else float("nan")


def _frames(samples: Audio, rate: int) -> npt.NDArray[np.float64]:
    size, hop = round(FRAME * rate), round(HOP * rate)
    if len(samples) < size:
        return np.zeros((0, size))
    return np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), size)[::hop]


def _autocorrelation(frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = frames.shape[1]
    spectrum = np.fft.rfft(frames, 2 * size, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :size]
