"""Statistics of a layer's activations, merged from its shards in their order (A-09, anchors D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.store.activations import Sums
from backend.study.atomic import replacing


@dataclass(frozen=True)
class Statistics:
    """Over all tokens of a layer, in fp64.

    Attributes
    ----------
    mean, std : array [d]
        Per dimension; std with divisor n.
    mean_square_norm : float
        E‖x‖².
    median_norm, max_norm : float
        Exact, of ‖x‖.
    tokens : int
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]
    mean_square_norm: float
    median_norm: float
    max_norm: float
    tokens: int


def merge(parts: Sequence[Sums], d: int) -> Statistics:
    """Statistics of all shards; the same bits for the same shards in the same order, however often a run was killed."""
    total, squares = np.zeros(d), np.zeros(d)
    for part in parts:
        total += part.total
        squares += part.squares
    norm = np.concatenate([np.empty(0, np.float32), *(part.norm for part in parts)])
    n = len(norm)
    if n == 0:
        return Statistics(total, squares, 0.0, 0.0, 0.0, 0)
    mean = total / n
    std = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
    return Statistics(
        mean, std, float(squares.sum() / n), float(np.median(norm)), float(norm.max()), n
    )  # fmt: skip


def outliers(norm: npt.NDArray[np.float32], median: float, factor: float) -> npt.NDArray[np.bool_]:
    """Tokens with ‖x‖ > factor · median (A-09); none if `factor` is 0."""
    return norm > factor * median if factor else np.zeros(len(norm), dtype=bool)


def save(path: Path, statistics: Statistics) -> None:
    """Write `statistics.npz`, equal bytes for equal values."""
    with replacing(path) as temporary, open(temporary, "wb") as handle:
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in vars(statistics).items()}
        np.savez(handle, **arrays)
