"""Which clips each feature's score compares: H, L, the re-draws of L and the permuted control (A-23, A-24, A-31)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from backend.describe.scores.draws import distinct, words
from backend.store.retrieval import RetrievalFile

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
CONTROL, REDRAW = 1, 2


def listed_clips(file: RetrievalFile) -> Bool:
    """Clips that retrieval could list: probed, with at least `min_tokens` tokens (A-22), [N]."""
    return np.asarray(file.clip_tokens() >= max(1, int(file.settings.get("min_tokens", 0))))


class Groups:
    """Groups of p clips of all features of a retrieval file; a clip −1 stands for none.

    Parameters
    ----------
    known : bool array [N]
        Clips with an embedding.
    redraws : int
        Draws of L to look for.
    seed : int
        Of the control.

    Attributes
    ----------
    p : int
        Clips per group, that of the retrieval.
    high, low : array [D, p]
        H, the first p of the most list, and L, the first p of the least list.
    complete : bool array [D]
        H and L have p clips each.
    embedded : bool array [D]
        All of these have an embedding.
    decided : bool array [D]
        No tie decides which clips L holds, so that every draw of L is L.

    The least list is in the order (score, tie key). Those of its clips that have the score of the last clip of L are
    tied for the places in L that better clips left over, mostly all p places. With tie_break = "hash" the tied clips
    stand in an independent random order, so that each next block of them is another draw of L, L itself being the
    first. With tie_break = "index" they stand by position, and draws of L are random subsets of the stored ones.
    """

    def __init__(self, file: RetrievalFile, known: Bool, *, redraws: int, seed: int) -> None:
        settings: dict[str, Any] = file.settings
        self.p, self.redraws, self._seed = int(settings["p"]), redraws, seed
        self._hash = settings.get("tie_break", "hash") == "hash"
        self._tie_seed = int(settings.get("tie_seed", 0))
        listed = listed_clips(file)
        self._control_clips = np.flatnonzero(listed & known).astype(np.int64)
        self._known = known
        self.high = file.most_clips(self.p)
        self._least, scores = file.least_lists()
        self.low = self._least[:, : self.p]
        self.complete = _whole(self.high, self.p) & _whole(self.low, self.p)
        self.embedded = self.complete & known[self.high].all(axis=1) & known[self.low].all(axis=1)
        last = scores[:, self.p - 1 : self.p] if self.low.shape[1] == self.p else np.full((len(scores), 1), np.nan)
        self._better = (scores < last).sum(axis=1)
        self._tied = (scores == last).sum(axis=1)
        self._places = self.p - self._better
        stored = (self._least >= 0).sum(axis=1)
        none_left = (self._better + self._tied < stored) | (stored == listed.sum())
        self.decided = self.complete & (self._tied == self._places) & none_left

    def draws(self, features: Int) -> Int:
        """Draws of L of complete features, [n, redraws, p]; a draw that cannot be made, or lacks embeddings, is −1."""
        better, places, tied = (a[features, None, None] for a in (self._better, self._places, self._tied))
        place = np.arange(self.p)
        if self._hash:
            number = np.arange(self.redraws)[:, None]
            possible = number < tied // places
            position = place + (place >= better) * places * number
        else:
            random = words(self._tie_seed, features, REDRAW, self.redraws * self.p)
            chosen = distinct(random.reshape(len(features), self.redraws, self.p), tied[..., 0])
            nth = np.broadcast_to(np.maximum(place - better, 0), chosen.shape)
            possible = np.broadcast_to(tied > places, (len(features), self.redraws, 1))
            position = np.where(place < better, place, better + np.take_along_axis(chosen, nth, axis=2))
        position = np.where(possible, position, 0)
        clips = np.take_along_axis(self._least[features][:, None, :], position, axis=2)
        usable = possible & self._known[clips].all(axis=2, keepdims=True)
        return np.where(usable, clips, -1)

    def control(self, features: Int) -> Int:
        """p different clips that have an embedding and could be listed, drawn for each feature, [n, p] (A-31).

        −1 where there are not as many. It depends on the seed, the feature and which clips there are; what is known
        of identical audio (A-23) is not asked.
        """
        count = len(self._control_clips)
        if count < self.p:
            return np.full((len(features), self.p), -1)
        random = words(self._seed, features, CONTROL, self.p)
        return self._control_clips[distinct(random, np.full(len(features), count))]


def _whole(clips: Int, p: int) -> Bool:
    """Rows with p clips."""
    if clips.shape[1] < p:
        return np.zeros(len(clips), dtype=bool)
    return np.asarray((clips >= 0).all(axis=1))
