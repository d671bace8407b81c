"""Detection rate and its interval, and paired differences (S-44)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from backend.export.shares import Share

RESAMPLES = 2000


def detected(p: npt.ArrayLike, threshold: float, texts: Sequence[str] | None = None) -> npt.NDArray[np.bool_]:
    """1[p_i < tau], strict (S-44, O-17); with `texts` also 1[the transcript is not empty]."""
    found: npt.NDArray[np.bool_] = np.asarray(p, dtype=np.float64) < threshold
    if texts is not None:
        found &= np.array([bool(text.strip()) for text in texts], dtype=bool)
    return found


def detection_rate(p: npt.ArrayLike, threshold: float, texts: Sequence[str] | None = None) -> Share:
    """DR = mean 1[p_i < tau]: the false positive rate on non-speech, the true positive rate on speech (S-44)."""
    found = detected(p, threshold, texts)
    return Share(int(found.sum()), len(found))


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float], n: int, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % percentile interval of `statistic(rows)` over resampled rows 0 … n − 1; NaN where n = 0."""
    if not n:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    values = [statistic(generator.integers(0, n, n)) for _ in range(resamples)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def paired_difference(after: npt.ArrayLike, before: npt.ArrayLike, seed: int) -> dict[str, float]:
    """mean(after − before) over the same clips with its bootstrap interval."""
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    low, high = bootstrap(lambda rows: float(change[rows].mean()), len(change), seed)
    return {"value": float(change.mean()) if len(change) else math.nan, "low": low, "high": high, "n": len(change)}
