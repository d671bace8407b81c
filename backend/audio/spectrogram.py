"""Mel spectrograms to look at, in numpy alone: the desktop and the reports draw without torch.

The scale is Slaney's: linear below 1 kHz, logarithmic above, as in Whisper's features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

BREAK_HERTZ, BREAK_MEL = 1000.0, 15.0
OCTAVE_STEP = np.log(6.4) / 27
SMALLEST = 1e-10
BLOCK = 1024


@dataclass(frozen=True)
class MelSpectrogram:
    """Loudness over time and pitch.

    Attributes
    ----------
    db : float32 array [bins, frames]
        Decibels below the loudest cell of the sound, from −`range_db` to 0; the lowest pitch first. Silence is
        −`range_db` everywhere.
    hertz : float array [bins + 2]
        Corners of the triangular filters: bin b rises from hertz[b] to hertz[b + 1] and falls to hertz[b + 2].
    seconds_per_frame : float
        Frame t is centred at t · seconds_per_frame.
    """

    db: npt.NDArray[np.float32]
    hertz: Array
    seconds_per_frame: float


def mel_spectrogram(
    wave: Audio, rate: int, *, bins: int = 80, window: int = 1024, hop: int = 160, range_db: float = 80.0
) -> MelSpectrogram:
    """Mel spectrogram of mono `wave` [n] at `rate` hertz, with 1 + n // hop frames, zeros beyond both ends.

    Parameters
    ----------
    window, hop : int
        Length of the Hann window and distance of its positions, in samples.
    range_db : float
        What is quieter than the loudest cell by more than this is cut off.
    """
    power = mel_power(wave, rate, 0, 1 + len(wave) // hop, bins=bins, window=window, hop=hop)
    loudest = float(power.max())
    floor = -abs(range_db)
    db = np.full(power.shape, floor) if loudest <= SMALLEST else 10 * np.log10(np.maximum(power / loudest, SMALLEST))
    return MelSpectrogram(np.maximum(db, floor).astype(np.float32), mel_corners(rate, bins), hop / rate)


def mel_power(
    wave: Audio, rate: int, first: int, frames: int, *, bins: int = 80, window: int = 1024, hop: int = 160
) -> Array:
    """Power [bins, frames] of mono `wave` [n] in windows centred at samples `first`, `first` + `hop`, …

    Both ends are surrounded by zeros. Any part of a long sound is as it would be in the whole, so that it can be
    computed in pieces. Divided by window², powers of different windows compare.
    """
    filters = mel_filters(rate, window, bins)
    begin = first - window // 2
    padded = np.zeros((frames - 1) * hop + window, dtype=np.float32)
    kept = wave[max(0, begin) : max(0, begin + len(padded))]
    padded[max(0, -begin) : max(0, -begin) + len(kept)] = kept
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    power = np.empty((bins, frames))
    for low in range(0, frames, BLOCK):
        spectrum = np.fft.rfft(windows[low : low + BLOCK] * hann, axis=1)
        power[:, low : low + BLOCK] = filters @ (np.abs(spectrum) ** 2).T
    return power


def hertz_to_mel(hertz: npt.ArrayLike) -> Array:
    """Slaney's mel of each frequency: 3 mel in 200 Hz up to 1 kHz, then 27 mel for each factor of 6.4."""
    f = np.asarray(hertz, dtype=np.float64)
    above = BREAK_MEL + np.log(np.maximum(f, BREAK_HERTZ) / BREAK_HERTZ) / OCTAVE_STEP
    return np.asarray(np.where(f < BREAK_HERTZ, f * BREAK_MEL / BREAK_HERTZ, above))


def mel_to_hertz(mel: npt.ArrayLike) -> Array:
    """Inverse of `hertz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    above = BREAK_HERTZ * np.exp(OCTAVE_STEP * (np.maximum(m, BREAK_MEL) - BREAK_MEL))
    return np.asarray(np.where(m < BREAK_MEL, m * BREAK_HERTZ / BREAK_MEL, above))


def mel_corners(rate: int, bins: int) -> Array:
    """bins + 2 frequencies in hertz, evenly spaced in mel from 0 to half the rate."""
    return mel_to_hertz(np.linspace(0.0, float(hertz_to_mel(rate / 2)), bins + 2))


@lru_cache(maxsize=4)
def mel_filters(rate: int, window: int, bins: int) -> Array:
    """Triangular filters [bins, window // 2 + 1] of equal area over the frequencies of `np.fft.rfft`."""
    corners = mel_corners(rate, bins)
    frequencies = np.fft.rfftfreq(window, 1 / rate)
    rising = (frequencies - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - frequencies) / np.diff(corners)[1:, None]
    filters: Array = np.maximum(0, np.minimum(rising, falling)) * (2 / (corners[2:] - corners[:-2]))[:, None]
    filters.flags.writeable = False
    return filters
