"""Which clips stand for a feature: the most, the least and the quantile clips (A-22 to A-25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.retrieval.ties import TieOrder

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ListRules:
    """Lengths of what is kept per feature; the names are those of `[retrieve]` in study.toml."""

    list_length: int = 64
    quantiles: int = 5
    quantile_clips: int = 4
    histogram_bins: int = 32


@dataclass(frozen=True)
class Ranking:
    """One feature's listed clips; lists are as long as there are clips for them.

    Attributes
    ----------
    most, most_scores : arrays [≤ list_length]
        Clips with score > 0, by descending score, equal scores by ascending key.
    least, least_scores : arrays [≤ list_length]
        By ascending (score, key) among all clips that may be listed.
    quantiles : list of array [≤ quantile_clips]
        From the lowest part of the clips with score > 0 to the highest; each by descending score.
    quantile_scores : list of array
    histogram : int64 array [histogram_bins]
        Clips with score > 0 in equal bins from 0 to `upper`, the largest score.
    """

    most: Int64
    most_scores: Float64
    least: Int64
    least_scores: Float64
    quantiles: list[Int64]
    quantile_scores: list[Float64]
    histogram: Int64
    upper: float


class Ranker:
    """Ranks the clips of one feature after another.

    Parameters
    ----------
    order : TieOrder
        Decides among equal scores.
    listed : bool array [N]
        Clips that may be listed: probed, with T > 0 and at least `min_tokens` tokens (A-22).
    rules : ListRules
    identity : int64 array [N], optional
        Equal numbers for identical audio; given where the most list shows each audio once (A-23).
    """

    def __init__(
        self, order: TieOrder, listed: npt.NDArray[np.bool_], rules: ListRules, identity: Int64 | None = None
    ) -> None:
        self.order, self.listed, self.rules = order, listed, rules
        self.rows = np.flatnonzero(listed).astype(np.int64)
        self._nonzero = np.zeros(len(listed), dtype=bool)
        self._identity = identity
        if identity is not None:
            _, inverse, counts = np.unique(identity[self.rows], return_inverse=True, return_counts=True)
            self._repeated = np.zeros(len(listed), dtype=bool)
            self._repeated[self.rows] = counts[inverse] > 1

    def rank(self, feature: int, clips: Int64, scores: Float64) -> Ranking:
        """Lists of one feature.

        Parameters
        ----------
        clips : array [n]
            Clip rows with a stored pair, each once; every other clip scores 0.
        scores : array [n]
        """
        may = self.listed[clips]
        if not may.all():
            clips, scores = clips[may], scores[may]
        positive = scores > 0
        active, strengths = (clips, scores) if positive.all() else (clips[positive], scores[positive])
        most, most_scores = self._most(feature, active, strengths)
        least, least_scores = self._least(feature, clips, scores)
        quantiles, quantile_scores = self._quantiles(feature, active, strengths)
        upper = float(strengths.max()) if len(strengths) else 0.0
        return Ranking(
            most, most_scores, least, least_scores, quantiles, quantile_scores,
            histogram(strengths, upper, self.rules.histogram_bins), upper,
        )  # fmt: skip

    def _most(self, feature: int, clips: Int64, scores: Float64) -> tuple[Int64, Float64]:
        length, wanted = self.rules.list_length, self.rules.list_length
        while True:
            found, values = self._extreme(feature, clips, -scores, wanted)
            kept = self._without_repeats(found)
            if kept is None or len(kept) >= length or wanted >= len(clips):
                chosen = slice(length) if kept is None else kept[:length]
                return found[chosen], -values[chosen]
            wanted *= 4

    def _without_repeats(self, clips: Int64) -> Int64 | None:
        """Positions of the first clip of each identical audio; None if there is nothing to leave out."""
        if self._identity is None or not self._repeated[clips].any():
            return None
        _, first = np.unique(self._identity[clips], return_index=True)
        return np.sort(first)

    def _least(self, feature: int, clips: Int64, scores: Float64) -> tuple[Int64, Float64]:
        length = self.rules.list_length
        nonzero = scores != 0
        others, values = (clips, scores) if nonzero.all() else (clips[nonzero], scores[nonzero])
        negative = values < 0
        parts = [self._extreme(feature, others[negative], values[negative], length)]
        have = len(parts[0][0])
        zeros = len(self.rows) - len(others)
        if have < length and zeros:
            self._nonzero[others] = True
            found = self.order.first(feature, min(length - have, zeros), self.rows, self._nonzero, available=zeros)
            self._nonzero[others] = False
            parts.append((found, np.zeros(len(found))))
            have += len(found)
        if have < length:
            parts.append(self._extreme(feature, others[~negative], values[~negative], length - have))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _extreme(self, feature: int, clips: Int64, scores: Float64, length: int) -> tuple[Int64, Float64]:
        """The `length` clips smallest by (score, key, row), in that order."""
        if len(scores) > length:
            threshold = np.partition(scores, length - 1)[length - 1]
            near = scores <= threshold
            clips, scores = clips[near], scores[near]
        order = np.argsort(scores)
        ranked = scores[order]
        if (ranked[1:] == ranked[:-1]).any():
            order = np.lexsort((clips, self.order.keys(feature, clips), scores))
        chosen = order[:length]
        return clips[chosen], scores[chosen]

    def _quantiles(self, feature: int, clips: Int64, scores: Float64) -> tuple[list[Int64], list[Float64]]:
        """Clips of each part of the active clips; within a part the tie order draws them.

        A clip with s smaller scores among the n is in part ⌊s·Q/n⌋; equal scores share a part, so that
        the parts depend on no order.
        """
        parts, keep = self.rules.quantiles, self.rules.quantile_clips
        if not len(scores):
            return [np.empty(0, np.int64)] * parts, [np.empty(0)] * parts
        last = [-(-len(scores) * j // parts) - 1 for j in range(1, parts)]
        part = np.searchsorted(np.sort(scores)[last], scores, side="left")
        drawn = np.lexsort((clips, self.order.keys(feature, clips), part))
        part = part[drawn]
        place = np.arange(len(part)) - np.searchsorted(part, part)
        drawn, part = drawn[place < keep], part[place < keep]
        clips, scores = clips[drawn], scores[drawn]
        cuts = np.searchsorted(part, np.arange(1, parts))
        order = np.lexsort((-scores, part))  # stable: equal scores stay in the order they were drawn
        return np.split(clips[order], cuts), np.split(scores[order], cuts)


def histogram(scores: Float64, upper: float, bins: int) -> Int64:
    """Number of scores in each of `bins` equal bins of [0, upper]; `upper` itself is in the last."""
    if not len(scores):
        return np.zeros(bins, np.int64)
    return np.bincount(np.minimum((scores * (bins / upper)).astype(np.int64), bins - 1), minlength=bins)


def identities(hashes: list[str], starts: Float64, ends: Float64, sound: Sequence[int | None]) -> Int64:
    """Equal numbers for clips with the same audio (A-23).

    The hash of the samples decides where it is known: files of other bytes may decode to the same audio. Elsewhere
    it is the same file content between the same seconds; clips without any hash are identical to no other.
    """
    numbers: dict[tuple[str, ...], int] = {}
    out = np.empty(len(hashes), np.int64)
    for row, (digest, start, end, heard) in enumerate(zip(hashes, starts.tolist(), ends.tolist(), sound, strict=True)):
        if heard is not None:
            name: tuple[str, ...] = ("sound", str(heard))
        else:
            name = (digest, repr(start), repr(end)) if digest else ("", str(row))
        out[row] = numbers.setdefault(name, len(numbers))
    return out
