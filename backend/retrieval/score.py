"""The score of a clip for a feature, from what was summed over its tokens (Eq. 2, A-21; numpy only)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

ScoreName = Literal["r", "mean", "coverage"]
Float64 = npt.NDArray[np.float64]


def clip_score(total: npt.ArrayLike, count: npt.ArrayLike, tokens: npt.ArrayLike, which: ScoreName = "r") -> Float64:
    """Representativeness of clips for a feature (Eq. 2, A-21).

    μ = (1/T)·Σ_t z_t, c = (1/T)·Σ_t 1[z_t > 0], r = μ·c = sum·count / T².

    Parameters
    ----------
    total, count, tokens : array
        Σ_t z_t, number of tokens with z > 0, and T; a clip with T = 0 scores 0.
    which : "r", "mean" (μ alone, A-37c) or "coverage" (c alone, A-37d)
    """
    length = np.maximum(np.asarray(tokens, dtype=np.float64), 1.0)
    if which == "mean":
        return np.asarray(np.asarray(total, dtype=np.float64) / length)
    active = np.asarray(count, dtype=np.float64)
    if which == "coverage":
        return np.asarray(active / length)
    return np.asarray(np.asarray(total, dtype=np.float64) * active / (length * length))
