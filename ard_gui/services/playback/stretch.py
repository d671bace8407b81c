"""Slower and faster with the pitch kept: overlap-add of windows that are shifted until their waveforms agree (WSOLA).

W. Verhelst, M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ard_gui.services.playback.programme import Audio

SLOWEST, FASTEST = 0.25, 2.0
WINDOW_SECONDS = 0.04
"""Two periods of a 50 Hz voice."""
SEARCH_SECONDS = 0.01
"""How far a window may be moved to fit: the playhead is wrong by no more than this."""
COARSE_RATE = 8000
"""Rate at which the best shift is looked for first; it is then refined at the full rate."""

Array = npt.NDArray[np.float32]


def stretch(samples: Audio, rate: int, speed: float) -> Audio:
    """The sound played at `speed` (0.25 to 2) with its pitch kept.

    Parameters
    ----------
    samples : float32 [n]

    Returns
    -------
    float32 [round(n / speed)]
        Frame i stands for the original's frame i · speed, within `SEARCH_SECONDS`.

    Raises
    ------
    ValueError
        If the speed is outside its range.
    """
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"speed must lie between {SLOWEST} and {FASTEST}, not {speed}")
    length = round(len(samples) / speed)
    if speed == 1.0 or length == 0:
        return samples[:length]
    half = round(WINDOW_SECONDS * rate / 2)
    reach = round(SEARCH_SECONDS * rate)
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)
    margin = half + reach
    padded = np.pad(samples, (margin, margin + 3 * half))
    search = _Search(padded, half, reach, max(1, rate // COARSE_RATE))
    hops = length // half + 2
    out = np.zeros((hops + 1) * half, np.float32)
    chosen = reach
    for hop in range(hops):
        ideal = min(round(hop * half * speed), len(samples)) + reach
        chosen = ideal if hop == 0 else search.best(ideal, chosen + half)
        out[hop * half : (hop + 2) * half] += window * padded[chosen : chosen + 2 * half]
    # the first window rises around frame 0 of the sound, half a window into `out`
    return out[half : half + length]


class _Search:
    """Finds the window near an ideal place that looks most like what would have come next."""

    def __init__(self, samples: Array, half: int, reach: int, factor: int) -> None:
        self._samples, self._half, self._reach, self._factor = samples, half, reach, factor
        whole = len(samples) // factor * factor
        self._coarse = samples[:whole].reshape(-1, factor).mean(axis=1) if factor > 1 else samples

    def best(self, ideal: int, natural: int) -> int:
        """Start of the best window within `reach` of `ideal`; `natural` is where the last one would go on."""
        size, factor = 2 * self._half, self._factor
        if abs(natural - ideal) <= 1:
            return natural
        found = factor * _match(
            self._coarse, (ideal - self._reach) // factor, (ideal + self._reach) // factor, natural // factor,
            size // factor,
        )  # fmt: skip
        if factor == 1:
            return found
        low, high = max(found - factor, ideal - self._reach), min(found + factor, ideal + self._reach)
        return _match(self._samples, low, high, natural, size)


def _match(samples: Array, low: int, high: int, wanted: int, size: int) -> int:
    """The start in [low, high] whose window of `size` has the largest normalised correlation with `wanted`'s."""
    low, high = max(low, 0), min(high, len(samples) - size)
    template = samples[wanted : wanted + size]
    area = samples[low : high + len(template)]
    score = np.correlate(area, template, "valid")
    sums = np.concatenate([np.zeros(1), np.cumsum(np.square(area, dtype=np.float64))])
    energy = sums[len(template) :] - sums[: len(score)]
    return low + int(np.argmax(score / np.sqrt(energy + 1e-9)))
