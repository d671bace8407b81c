"""Online augmentation: another recording added at an exact signal-to-noise ratio (S-07)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]


def power(x: npt.NDArray[np.floating]) -> float:
    """Mean square, in fp64."""
    return float(np.mean(np.square(x, dtype=np.float64))) if len(x) else 0.0


def gain(speech_power: float, noise_power: float, snr_db: float) -> float:
    """g = √(P_speech / (P_noise · 10^(SNR/10))) (S-07); 0 where either is silent and no ratio exists."""
    if speech_power <= 0 or noise_power <= 0:
        return 0.0
    return math.sqrt(speech_power / (noise_power * 10 ** (snr_db / 10)))


def fit(interferer: Audio, samples: int, offset: int) -> Audio:
    """`samples` samples of the interferer from `offset` on, looped where it is shorter."""
    if len(interferer) == 0:
        return np.zeros(samples, np.float32)
    return np.take(interferer, np.arange(offset, offset + samples), mode="wrap")


def mix(speech: Audio, interferer: Audio, snr_db: float) -> Audio:
    """`speech` with `interferer` (equally long) added so that their power ratio is `snr_db` decibels.

    Computed in fp64. Where the sum exceeds 1 in magnitude the whole is divided by its peak, which leaves the ratio.
    """
    g = gain(power(speech), power(interferer), snr_db)
    mixed = speech.astype(np.float64) + g * interferer.astype(np.float64)
    peak = float(np.abs(mixed).max(initial=0.0))
    return (mixed / peak if g and peak > 1 else mixed).astype(np.float32)
