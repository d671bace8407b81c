"""The weighted graph of nearest directions that a map is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BISECTIONS = 48
SMALLEST_WIDTH = 1e-3


@dataclass(frozen=True)
class NeighbourGraph:
    """A symmetric graph over D directions.

    Attributes
    ----------
    start : int64 array [D + 1]
        The edges of direction i are `start[i] : start[i + 1]`.
    tail : int64 array [edges]
        The other end, ascending within a direction.
    weight : float32 array [edges]
        In (0, 1].
    """

    start: npt.NDArray[np.int64]
    tail: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]


def fuzzy_graph(near: npt.NDArray[np.int32], cosine: npt.NDArray[np.float32]) -> NeighbourGraph:
    """UMAP's fuzzy neighbourhoods (McInnes et al. 2018, §3.1) of cosine distances δ = 1 − cos.

    Direction i gives its neighbour j the membership p_ij = exp(−max(0, δ_ij − ρ_i)/s_i), where ρ_i is its smallest
    distance above zero and s_i makes Σ_j p_ij = log2 K. Both sides together: w_ij = p_ij + p_ji − p_ij p_ji.

    Parameters
    ----------
    near : int32 array [D, K]
        Neighbours of each direction, the nearest first, K ≥ 1.
    cosine : float32 array [D, K]
        Their cosines.
    """
    features, count = near.shape
    p = _memberships(np.clip(1.0 - cosine.astype(np.float64), 0.0, 2.0))
    head, tail = np.repeat(np.arange(features, dtype=np.int64), count), near.astype(np.int64).ravel()
    # one row per ordered pair: the first column of `both` is what i says of j, the second what j says of i
    key = np.concatenate([head * features + tail, tail * features + head])
    pairs, where = np.unique(key, return_inverse=True)
    both = np.zeros((2, len(pairs)))
    both[0, where[: len(head)]] = p.ravel()
    both[1, where[len(head) :]] = p.ravel()
    weight = both[0] + both[1] - both[0] * both[1]
    start = np.searchsorted(pairs, np.arange(features + 1, dtype=np.int64) * features)
    return NeighbourGraph(start.astype(np.int64), pairs % features, weight.astype(np.float32))


def _memberships(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """p [D, K]; s_i by bisection of all rows at once."""
    count = distance.shape[1]
    above = np.where(distance > 0, distance, np.inf).min(axis=1)
    beyond = np.maximum(distance - np.where(np.isfinite(above), above, 0.0)[:, None], 0.0)
    # where all neighbours are equally far, every width gives the same sum, and this one is as good as any
    floor = SMALLEST_WIDTH * max(float(distance.mean()), np.finfo(np.float64).tiny)
    low, high = np.zeros(len(distance)), np.full(len(distance), 64.0 * max(float(distance.max()), floor))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        wide = np.exp(-beyond / middle[:, None]).sum(axis=1) > np.log2(max(count, 2))
        high, low = np.where(wide, middle, high), np.where(wide, low, middle)
    found: npt.NDArray[np.float64] = np.exp(-beyond / np.maximum(high, floor)[:, None])
    return found
