"""The strongest features of every clip, kept while features pass by in ascending blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

FLUSH = 1_000_000


class StrongestFeatures:
    """Per clip the `keep` features of largest score > 0; equal scores go to the lower feature.

    Attributes
    ----------
    feature : int32 array [N, keep]
        −1 where there are fewer.
    score : float64 array [N, keep]
        NaN there.
    """

    def __init__(self, clips: int, keep: int) -> None:
        self.keep = keep
        self._feature = np.full((clips, keep), -1, np.int32)
        self._score = np.full((clips, keep), -np.inf)
        self._waiting: list[tuple[int, Int64, Float64]] = []
        self._pairs = 0

    def add(self, feature: int, clips: Int64, scores: Float64) -> None:
        """One feature's clips, each once; features come in ascending order."""
        better = scores > np.maximum(self._score[clips, -1], 0.0)
        clips, scores = clips[better], scores[better]
        self._waiting.append((feature, clips, scores))
        self._pairs += len(clips)
        if self._pairs >= FLUSH:
            self._flush()

    def finish(self) -> tuple[npt.NDArray[np.int32], Float64]:
        """`feature` and `score` of all clips."""
        self._flush()
        return self._feature, np.where(self._feature >= 0, self._score, np.nan)

    def _flush(self) -> None:
        if not self._waiting:
            return
        clip = np.concatenate([clips for _, clips, _ in self._waiting])
        score = np.concatenate([scores for _, _, scores in self._waiting])
        feature = np.repeat([k for k, _, _ in self._waiting], [len(clips) for _, clips, _ in self._waiting])
        self._waiting, self._pairs = [], 0
        touched = np.unique(clip)
        held = self._feature[touched] >= 0
        clip = np.concatenate([np.repeat(touched, held.sum(axis=1)), clip])
        score = np.concatenate([self._score[touched][held], score])
        feature = np.concatenate([self._feature[touched][held], feature])
        order = np.lexsort((feature, -score, clip))
        clip, score, feature = clip[order], score[order], feature[order]
        place = np.arange(len(clip)) - np.searchsorted(clip, clip)
        kept = place < self.keep
        self._feature[clip[kept], place[kept]] = feature[kept]
        self._score[clip[kept], place[kept]] = score[kept]
