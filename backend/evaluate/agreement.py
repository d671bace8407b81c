"""How far several observers agree: Krippendorff's α, with missing values (Krippendorff 2011, webpage "Computing α")."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Level = Literal["nominal", "ordinal", "interval"]
Floats = npt.NDArray[np.float64]


def alpha(values: npt.ArrayLike, level: Level = "interval") -> float:
    """Krippendorff's α = 1 − D_o / D_e of `values` [observers, units], NaN where there is none.

    With the coincidences o_ck = Σ_u n_uc (n_uk − [c = k]) / (m_u − 1) over units of m_u ≥ 2 values, their sums n_c and
    n = Σ n_c: D_o = Σ_ck o_ck δ²_ck / n and D_e = Σ_ck n_c n_k δ²_ck / (n (n − 1)). δ²_ck is [c ≠ k] for nominal
    values, (c − k)² for interval values, and (Σ_{g=c…k} n_g − (n_c + n_k)/2)² for ordinal ones.

    Returns NaN where no unit has two values, or all values that can be paired are equal: there is nothing to agree on.
    """
    found = np.asarray(values, dtype=np.float64)
    found = found[:, (~np.isnan(found)).sum(axis=0) >= 2]
    known = np.unique(found[~np.isnan(found)])
    if len(known) < 2:
        return float("nan")
    counts = (found[:, :, None] == known).sum(axis=0).astype(np.float64)
    per_unit = counts.sum(axis=1)
    coincidences = (counts / (per_unit - 1)[:, None]).T @ counts
    coincidences -= np.diag((counts / (per_unit - 1)[:, None]).sum(axis=0))
    sums = coincidences.sum(axis=1)
    distance = _distances(known, sums, level)
    expected = float((np.outer(sums, sums) * distance).sum()) / float(sums.sum() - 1)
    return 1.0 - float((coincidences * distance).sum()) / expected


def _distances(known: Floats, sums: Floats, level: Level) -> Floats:
    """δ² between every two of the sorted values."""
    if level == "nominal":
        return 1.0 - np.eye(len(known))
    if level == "interval":
        return (known[:, None] - known[None, :]) ** 2
    # Σ_{g=c…k} n_g − (n_c + n_k)/2 is the distance between the middles of two ranks
    middle = np.cumsum(sums) - sums / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2, dtype=np.float64)
