"""Rank correlation, for asking whether one number predicts another (numpy only)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's ρ of two arrays [n]: the correlation of their ranks, equal values sharing the mean of their ranks.

    Pairs with a NaN are left out; NaN for fewer than two pairs, or where one side has a single value.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = _ranks(a[known]), _ranks(b[known])
    a, b = a - a.mean() if len(a) else a, b - b.mean() if len(b) else b
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], dtype=np.float64)
