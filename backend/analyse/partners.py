"""Which feature of another SAE points the way a feature does: exact nearest decoder directions (S-19)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.sae.base import SMALLEST_NORM

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float32]
MARGIN = 1e-5
"""More than float32 errs in a product of unit vectors: what is this near to the last place is compared in float64."""
SPARE = 8
"""Directions beyond the asked number that are looked at in any case, so that few rows need a second look."""
NOBODY = -1


@dataclass(frozen=True)
class Partners:
    """The nearest directions of another SAE, for each feature of one.

    Attributes
    ----------
    feature : int32 array [D, c]
        By descending cosine, equal ones by ascending number; −1 where the feature has no direction, or the other SAE
        has not so many.
    cosine : float32 array [D, c]
        NaN at −1.
    """

    feature: npt.NDArray[np.int32]
    cosine: npt.NDArray[np.float32]

    def mmcs(self) -> float:
        """Mean of the largest cosine over the features that have a direction; NaN if none has (S-19)."""
        best = self.cosine[:, 0].astype(np.float64)
        return float(best[~np.isnan(best)].mean()) if (~np.isnan(best)).any() else float("nan")


@torch.no_grad()
def partners(
    rows: Tensor, others: Tensor, count: int, memory: int = 1 << 28, compared: Callable[[int], None] = lambda _: None
) -> Partners:
    """The `count` rows of `others` of largest cosine with each row of `rows`.

    The order is that of cosines computed in float64 and rounded to float32, pair by pair, so that it depends neither on
    the order of the features nor on how the work is cut, and equal directions are equally near.

    Parameters
    ----------
    rows, others : tensor [D, d], [E, d]
        Decoder directions of any norm; a row without one is nobody's partner.
    memory : int
        Bytes of similarities and of gathered rows that may exist at once.
    compared : callable
        Called after every part with the number of rows done; what it raises ends the work.
    """
    directed, pointing = _directed(rows), _directed(others)
    count = min(count, len(others))
    feature = np.full((len(rows), count), NOBODY, np.int32)
    cosine = np.full((len(rows), count), np.nan, np.float32)
    left, right = _unit(rows[directed]), _unit(others[pointing])
    wide = min(count + SPARE, len(right))
    step = max(1, memory // max(1, 8 * (len(right) + wide * rows.shape[1])))
    number = pointing.cpu().numpy().astype(np.int32)
    target = directed.cpu().numpy()
    for low in range(0, len(left) if wide else 0, step):
        part = left[low : low + step]
        near, value = _nearest(part, right, count, wide)
        shown = slice(0, near.shape[1])
        feature[target[low : low + step], shown] = number[near]
        cosine[target[low : low + step], shown] = value
        compared(min(low + step, len(left)))
    return Partners(feature, cosine)


def mutual(ab: Partners, ba: Partners) -> npt.NDArray[np.bool_]:
    """Features [D] of A that are the best partner of their best partner."""
    best = ab.feature[:, 0] if ab.feature.shape[1] else np.full(len(ab.feature), NOBODY)
    found = np.zeros(len(best), np.bool_)
    known = np.flatnonzero(best >= 0)
    found[known] = ba.feature[best[known], 0] == known
    return found


def _nearest(
    part: Tensor, right: Tensor, count: int, wide: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Places in `right` and cosines of the nearest rows, [n, min(count, len(right))]."""
    similar = part.float() @ right.float().T
    value, index = similar.topk(wide, dim=1)
    count = min(count, wide)
    limit = value[:, count - 1] - MARGIN
    near, exact = _ordered(_cosines(part, right, index), index.cpu().numpy(), count)
    if wide < len(right):
        # where more than `wide` rows may belong to the first ones, all of those are looked at
        for row in (value[:, -1] >= limit).nonzero()[:, 0].tolist():
            close = (similar[row] >= limit[row]).nonzero().T
            one = slice(row, row + 1)
            near[one], exact[one] = _ordered(_cosines(part[one], right, close), close.cpu().numpy(), count)
    return near, exact


def _cosines(part: Tensor, right: Tensor, index: Tensor) -> Float:
    """Cosines [n, c] of the pairs (row, index[row, j]), each computed alike wherever it stands."""
    found: npt.NDArray[np.float32] = (
        (part[:, None, :] * right[index]).sum(dim=2).clamp(-1.0, 1.0).float().cpu().numpy()
    )  # fmt: skip
    return found


def _ordered(cosine: Float, index: Int, count: int) -> tuple[Int, Float]:
    order = np.lexsort((index, -cosine), axis=1)[:, :count]
    return np.take_along_axis(index, order, axis=1), np.take_along_axis(cosine, order, axis=1)


def _directed(rows: Tensor) -> Tensor:
    """Numbers of the rows that have a direction."""
    norms: Tensor = rows.double().norm(dim=1)
    return (norms > SMALLEST_NORM).nonzero()[:, 0]


def _unit(rows: Tensor) -> Tensor:
    wide = rows.double()
    norms: Tensor = wide.norm(dim=1, keepdim=True)
    return wide / norms
