"""Which clips a name is tested on: active ones it was not made from, random and similar inactive ones (P-10).

Everything is drawn by rank or by the hash of record ids, so that no order of the clips changes it. Identical audio
counts once, and clips that sound the same as one of the named clips are never tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.retrieval.lists import identities
from backend.retrieval.score import clip_score
from backend.retrieval.ties import TieOrder
from backend.store.clips import ClipTable
from backend.store.retrieval import FeatureView, RetrievalFile

FEATURES_AT_ONCE = 64
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """Rows of the clip table a feature's name is tested on.

    Attributes
    ----------
    feature : int
    active : int array
        Clips in which the feature is active, spread evenly over the ranks of its scores.
    random : int array
        Inactive clips in a random order.
    hard : int array
        Inactive clips that sound most like the named ones, the most alike first; none without the pair table of an SAE,
        which alone knows all active clips.
    """

    feature: int
    active: Int
    random: Int
    hard: Int


class SampleDraw:
    """Draws samples from one retrieval file.

    Parameters
    ----------
    file : RetrievalFile
    table : ClipTable
    vectors : float array [N, d]
        Embedding of each clip, of any length; clips whose vector is zero or not finite are never drawn.
    most : int
        Clips of each kind, `names.detection_clips`.
    """

    def __init__(self, file: RetrievalFile, table: ClipTable, vectors: Vectors, most: int) -> None:
        self.file, self.most = file, most
        settings = file.settings
        self._p, self._score = int(settings["p"]), settings["score"]
        self._tokens = np.array([file.tokens(i) for i in range(file.clips)], dtype=np.int64)
        self._listed = self._tokens >= max(1, int(settings["min_tokens"]))
        self._rows = np.arange(file.clips)
        self._hashed = settings["tie_break"] == "hash"
        self._order = TieOrder(table.tie_ids, "hash", int(settings["tie_seed"]))
        self._audio = audio_identities(table)
        self._unit, self._heard = unit_rows(vectors)

    def draw(self, features: Sequence[int], named: Sequence[Int]) -> Iterator[Sample]:
        """A sample per feature.

        Parameters
        ----------
        named : sequence of int array
            The clips each feature's name was made from (H).
        """
        for low in range(0, len(features), FEATURES_AT_ONCE):
            part = slice(low, low + FEATURES_AT_ONCE)
            cosines = self._cosines(named[part])
            for k, own, likeness in zip(features[part], named[part], cosines, strict=True):
                yield self._sample(int(k), own, likeness)

    def _cosines(self, named: Sequence[Int]) -> Vectors:
        """Likeness of every clip to the mean of each feature's named clips, [features, N]."""
        means = [self._unit[own[self._heard[own]]].sum(axis=0) for own in named]
        return np.asarray(np.stack(means) @ self._unit.T, dtype=np.float32)

    def _sample(self, k: int, named: Int, likeness: Vectors) -> Sample:
        pairs, view = None if self.file.raw else self.file.pairs(k), self.file.feature(k)
        barred = np.isin(self._audio, self._audio[named]) | ~self._heard | ~self._listed
        if pairs is None:
            active = self._active_of_lists(view, barred)
            return Sample(k, active, self._random_of_list(view, barred), np.empty(0, np.int64))
        clips = pairs["clip"].astype(np.int64)
        scores = clip_score(pairs["sum"], pairs["count"], self._tokens[clips], self._score)
        on = scores > 0
        active = self._ranked(k, clips[on], scores[on], barred)
        barred[clips[scores != 0]] = True
        hard = self._nearest(likeness, barred)
        barred[view.least_clips[: self._p]] = True
        random = self._order.first(k, 2 * self.most, self._rows, barred)
        return Sample(k, spread(active, self.most), self._distinct(random)[: self.most], hard)

    def _ranked(self, k: int, clips: Int, scores: npt.NDArray[np.float64], barred: Bool) -> Int:
        """Clips that are not barred by descending score, each audio once."""
        kept = ~barred[clips]
        clips, scores = clips[kept], scores[kept]
        return self._distinct(clips[np.lexsort((clips, self._order.keys(k, clips), -scores))])

    def _active_of_lists(self, view: FeatureView, barred: Bool) -> Int:
        """Without the pair table: the quantile clips, which are spread already, and as many of the most list as fit."""
        quantile = self._distinct(np.concatenate([c[~barred[c]] for c in view.quantile_clips][::-1]))[: self.most]
        most = view.most_clips[~barred[view.most_clips]]
        most = most[~np.isin(self._audio[most], self._audio[quantile])]
        return np.concatenate([spread(self._distinct(most), self.most - len(quantile)), quantile])

    def _random_of_list(self, view: FeatureView, barred: Bool) -> Int:
        """Without the pair table: what follows L in the least list, if that is in random order."""
        if not self._hashed:
            return np.empty(0, np.int64)
        clips = view.least_clips[self._p :][view.least_scores[self._p :] == 0]
        return self._distinct(clips[~barred[clips]])[: self.most]

    def _nearest(self, likeness: Vectors, barred: Bool) -> Int:
        rows = np.flatnonzero(~barred)
        wanted = min(2 * self.most, len(rows))
        if not wanted or not likeness.any():
            return np.empty(0, np.int64)
        near = rows[np.argpartition(-likeness[rows], wanted - 1)[:wanted]]
        return self._distinct(near[np.lexsort((near, -likeness[near]))])[: self.most]

    def _distinct(self, clips: Int) -> Int:
        """The first of each audio, in the same order."""
        _, first = np.unique(self._audio[clips], return_index=True)
        return clips[np.sort(first)]


def spread(ranked: Int, count: int) -> Int:
    """At most `count` of the clips at evenly spaced ranks: of n, those at ⌊(i + ½)·n/count⌋."""
    if len(ranked) <= count:
        return ranked
    return ranked[(2 * np.arange(count) + 1) * len(ranked) // (2 * max(count, 1))]


def unit_rows(vectors: npt.NDArray[np.floating]) -> tuple[Vectors, Bool]:
    """Rows of length 1 and which rows have a direction; rows that are zero or not finite become zero."""
    rows = np.asarray(vectors, dtype=np.float32)
    usable = np.asarray(np.isfinite(rows).all(axis=1), dtype=bool)
    rows = np.where(usable[:, None], rows, np.float32(0))
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0), usable & (length[:, 0] > 0)


def audio_identities(table: ClipTable) -> Int:
    """Equal numbers for clips of the same file content, member and seconds; by what the clip table knows (A-23)."""
    start, end = (table.numbers[name].astype(np.float64) for name in ("start", "end"))
    content = [f"{h}/{m}" if h else "" for h, m in zip(table.text["hash"], table.text["member"], strict=True)]
    return identities(content, start, end, [None] * len(table))
