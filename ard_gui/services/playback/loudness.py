"""Integrated loudness after ITU-R BS.1770-4, in numpy, and the gain that brings a sound to a wanted loudness.

Differences to the letter of the standard: sounds are mono; the two filters of the K weighting are applied through
their frequency response (an FFT over ten seconds at a time, after half a second of lead-in) instead of sample by
sample. The standard gives coefficients for 48 kHz only: at other rates each frequency is weighted as at 48 kHz. A
sound shorter than one block of 400 ms, which the standard leaves undefined, is taken as one block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ard_gui.services.playback.programme import Audio

TARGET_LUFS = -23.0
"""EBU R 128; low enough that nearly every clip reaches it without clipping."""

BLOCK_SECONDS, STEPS_PER_BLOCK = 0.4, 4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0

DESIGN_RATE = 48_000
SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""Numerator and denominator of the standard's two filters at 48 kHz (tables 1 and 2)."""

CHUNK_SECONDS, LEAD_SECONDS = 10.0, 0.5


def integrated_loudness(samples: Audio, rate: int) -> float:
    """Gated loudness in LUFS of a mono sound, float32 [n]; minus infinity for silence and for no samples."""
    squares = np.concatenate([np.square(part) for part in _weighted(samples, rate)] or [np.zeros(0)])
    block = round(BLOCK_SECONDS * rate)
    if len(squares) < block:
        power = squares.mean(keepdims=True) if len(squares) else squares
    else:
        step = block // STEPS_PER_BLOCK
        sums = np.concatenate([np.zeros(1), np.cumsum(squares)])
        starts = np.arange(0, len(squares) - block + 1, step)
        power = (sums[starts + block] - sums[starts]) / block
    return _gated(power)


def gain_to(loudness: float, peak: float, target_lufs: float = TARGET_LUFS) -> float:
    """Factor that brings a sound of `loudness` LUFS to the target, at most what its `peak` allows without clipping.

    Silence keeps its level.
    """
    if not math.isfinite(loudness) or peak <= 0:
        return 1.0
    return min(10 ** ((target_lufs - loudness) / 20), 1.0 / peak)


def _weighted(samples: Audio, rate: int) -> Iterator[npt.NDArray[np.float64]]:
    """The K-weighted sound, ten seconds at a time."""
    chunk, lead = round(CHUNK_SECONDS * rate), round(LEAD_SECONDS * rate)
    for start in range(0, len(samples), chunk):
        begin = max(start - lead, 0)
        part = samples[begin : start + chunk].astype(np.float64)
        # what the filters ring on beyond the end must not wrap around into the beginning
        size = 1 << (len(part) + lead - 1).bit_length()
        filtered = np.fft.irfft(np.fft.rfft(part, size) * _response(size, rate), size)
        yield filtered[start - begin : len(part)]


def _response(size: int, rate: int) -> npt.NDArray[np.complex128]:
    """K weighting at the frequencies of an FFT of `size`; above 24 kHz as at 24 kHz."""
    hertz = np.minimum(np.fft.rfftfreq(size, 1 / rate), DESIGN_RATE / 2)
    z = np.exp(-2j * np.pi * hertz / DESIGN_RATE)
    response = np.ones(len(hertz), np.complex128)
    for above, below in (SHELF, HIGH_PASS):
        response *= (above[0] + above[1] * z + above[2] * z**2) / (below[0] + below[1] * z + below[2] * z**2)
    return response


def _gated(power: npt.NDArray[np.float64]) -> float:
    loud = power[power > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -math.inf
    loud = loud[loud > _power(_lufs(loud.mean()) + RELATIVE_GATE_LU)]
    return _lufs(loud.mean())


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
