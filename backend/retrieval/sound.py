"""What the features of one ranking do in one sound: the numbers that its retrieval file has of a clip (A-21, A-22)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from backend.retrieval.encoding import ClipEncoder
from backend.retrieval.merge import Scoring
from backend.retrieval.raw import read_tokens, read_units, unit_statistics, units_of
from backend.retrieval.score import clip_score
from backend.retrieval.statistics import pair_statistics
from backend.sae.base import Sae
from backend.sae.metrics import Quality
from backend.store.retrieval import Trace

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SoundFeatures:
    """The features of one sound.

    Attributes
    ----------
    tokens : int
        T.
    feature : int64 array [n]
        Ascending: the features of an SAE with a code, or all raw units.
    score : float64 array [n]
        Under the ranking's settings: r, mean or coverage, of the whole sound or of its best window (A-21, A-22).
    mean, coverage : float64 array [n]
        μ and c of the whole sound.
    max : float64 array [n]
        Largest value at a token.
    read_trace : function
        Trace of the feature at a position of `feature`.
    quality : dict
        Metrics of the SAE's reconstruction of this sound (`Quality`), the variance being that inside the sound, which
        one token has not; empty for raw units.
    features : int
        D.
    nbytes : int
        Memory that the traces hold.
    """

    tokens: int
    feature: Int64
    score: Float64
    mean: Float64
    coverage: Float64
    max: Float64
    read_trace: Callable[[int], Trace]
    quality: dict[str, float]
    features: int
    nbytes: int

    def top(self, count: int) -> Int64:
        """Positions of the `count` features of largest score > 0; of equal scores the lower feature comes first."""
        order = np.argsort(-self.score, kind="stable")
        return order[self.score[order] > 0][:count].astype(np.int64)

    def position(self, feature: int) -> int:
        """Where `feature` stands; −1 where it has no code in this sound."""
        found = int(np.searchsorted(self.feature, feature))
        return found if found < len(self.feature) and self.feature[found] == feature else -1


@torch.no_grad()
def sae_features(sae: Sae, x: torch.Tensor, settings: Mapping[str, Any]) -> SoundFeatures:
    """Features of an SAE in x [T, d], T ≥ 1, under the `[retrieve]` settings of its ranking."""
    scoring = Scoring(settings["score"], int(settings["max_tokens_window"]), int(settings["p"]))
    length = np.array([len(x)], dtype=np.int64)
    quality = Quality(sae.config.d, sae.W_dec.device)
    codes = ClipEncoder(sae, int(settings["batch_tokens"]))(x, length, quality)
    run = pair_statistics(codes, np.zeros(1, np.int64), length, scoring.window, scoring.score)
    pairs = {name: getattr(run, name) for name in ("sum", "count", "window_sum", "window_count")}
    tokens = np.full(len(run.sum), len(x), dtype=np.int64)
    begin = np.concatenate(([0], np.cumsum(run.entries))).astype(np.int64)

    def trace(position: int) -> Trace:
        where = slice(int(begin[position]), int(begin[position + 1]))
        return Trace(run.token[where].astype(np.int64), run.value[where])

    return SoundFeatures(
        tokens=len(x),
        feature=np.repeat(np.arange(run.features), np.diff(run.start)),
        score=scoring(pairs, tokens),
        mean=clip_score(run.sum, run.count, tokens, "mean"),
        coverage=clip_score(run.sum, run.count, tokens, "coverage"),
        max=run.max.astype(np.float64),
        read_trace=trace,
        quality=quality.values() | ({} if len(x) > 1 else {"fvu": nan, "explained_variance": nan}),
        features=run.features,
        nbytes=run.token.nbytes + run.value.nbytes,
    )


def unit_features(x: torch.Tensor, settings: Mapping[str, Any], device: torch.device) -> SoundFeatures:
    """Raw units in x [T, d], T ≥ 1, under the reading of their ranking (A-37a)."""
    length, reading = np.array([len(x)], dtype=np.int64), settings["raw_reading"]
    sums = unit_statistics(x.to(device).float(), length)
    units = read_units({name: column.T for name, column in sums.items()}, reading)
    total, count = units["sum"][:, 0], units["count"][:, 0]
    values = x.float().cpu().numpy()
    feature = np.arange(units_of(x.shape[1], reading))

    def read(position: int) -> npt.NDArray[np.float32]:
        return np.asarray(read_tokens(values, feature[position : position + 1], reading)[0])

    def trace(position: int) -> Trace:
        found = read(position)
        token = np.flatnonzero(found).astype(np.int64)
        return Trace(token, found[token])

    return SoundFeatures(
        tokens=len(x),
        feature=feature,
        score=clip_score(total, count, len(x), settings["score"]),
        mean=clip_score(total, count, len(x), "mean"),
        coverage=clip_score(total, count, len(x), "coverage"),
        max=np.array([read(k).max() for k in range(len(feature))], dtype=np.float64),
        read_trace=trace,
        quality={},
        features=len(feature),
        nbytes=values.nbytes,
    )
