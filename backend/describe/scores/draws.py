"""Random draws that belong to a feature: the same whatever else is drawn, in whatever order (A-24, A-31)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backend.retrieval.ties import splitmix64

Int = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


def words(seed: int, features: Int, stream: int, count: int) -> UInt64:
    """Random 64-bit words [n, count]: splitmix64(splitmix64(seed·2³² + k) XOR (stream·2³² + i)).

    Parameters
    ----------
    seed, stream : int
        Below 2³²; draws of different streams have nothing to do with each other.
    features : array [n]
        k of each row.
    """
    start = splitmix64(np.uint64(seed << 32) + features.astype(np.uint64))
    position = np.uint64(stream << 32) + np.arange(count, dtype=np.uint64)
    return splitmix64(start[:, None] ^ position)


def distinct(random: UInt64, available: Int) -> Int:
    """Different numbers below `available`, every ordered choice equally likely.

    The j-th number is drawn among those not yet taken, so nothing is ever drawn again.

    Parameters
    ----------
    random : array [..., count]
        One random word per number.
    available : array [...]
        How many numbers there are to choose from; only the first `available` columns of such a row mean anything.

    Returns
    -------
    int64 array [..., count]
    """
    chosen = np.empty(random.shape, np.int64)
    for j in range(random.shape[-1]):
        left = np.maximum(available - j, 1).astype(np.uint64)
        number = (random[..., j] % left).astype(np.int64)
        taken = np.sort(chosen[..., :j], axis=-1)
        for i in range(j):
            number += number >= taken[..., i]
        chosen[..., j] = number
    return chosen
