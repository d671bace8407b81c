"""What needs every pair: E_L expected over ties (A-24) and the activation-weighted score (A-32), in one pass.

Both are squared norms of sums of unit vectors u: Σ_{i≠j} w_i w_j u_i·u_j = ‖Σ w_i u_i‖² − Σ w_i². A feature's clips
with a pair are few, so only these are summed; the others follow from the sum over all clips.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.describe.scores.vectors import UnitVectors
from backend.retrieval.score import clip_score
from backend.store.retrieval import PairBlock, RetrievalFile

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
BYTES_PER_PAIR = 128


def why_not(file: RetrievalFile) -> str:
    """Why the pass cannot be made with this file; "" if it can."""
    if file.raw:
        return "raw units have no pair table of features"
    if int(file.settings.get("max_tokens_window", 0)):
        return "with max_tokens_window the pair table does not hold the scores"
    if not file.has_pairs:
        return "the pair table was not kept (retrieve.pair_table)"
    return ""


def expected_coherence(square: Float, clips: npt.NDArray[Any]) -> Float:
    """E_L* = (‖Σe‖² − n)/(n(n−1)): mean cosine of two different clips of n, over all pairs (A-24).

    Parameters
    ----------
    square, clips : array
        ‖Σe‖² of the clips' unit vectors, and n; NaN below two clips.
    """
    n = np.where(clips >= 2, clips, np.nan)
    return np.asarray((square - n) / (n * (n - 1)))


def weighted_coherence(square: Float, total: Float, squares: Float) -> Float:
    """Σ_{i<j} ã_i ã_j cos_ij / Σ_{i<j} ã_i ã_j = (‖Σ ã u‖² − Σ ã²)/((Σ ã)² − Σ ã²) (A-32, P-7).

    Parameters
    ----------
    square, total, squares : array
        ‖Σ ã u‖², Σ ã, Σ ã²; NaN where the weights of the pairs sum to 0.
    """
    weight = total * total - squares
    return np.asarray((square - squares) / np.where(weight > 0, weight, np.nan))


class PairPass:
    """One pass over the pair table of a retrieval file.

    Parameters
    ----------
    counted : bool array [N]
        Clips the pass is over: those that could be listed and have an embedding.
    memory : int
        Bytes for a block of pairs and the vectors gathered for it.

    Attributes
    ----------
    e_l_expected, weighted : array [D]
    """

    def __init__(self, file: RetrievalFile, units: UnitVectors, counted: Bool, *, memory: int) -> None:
        self._file, self._units, self._counted = file, units, counted
        self._tokens = file.clip_tokens()
        self._rows = units.rows_at_once(memory // 2)
        self._limit = max(1, memory // (2 * BYTES_PER_PAIR))
        self._clips = int(counted.sum())
        self._total = units.total(np.flatnonzero(counted))
        self.e_l_expected = np.full(file.features, np.nan)
        self.weighted = np.full(file.features, np.nan)

    def run(self, check_stop: Callable[[], None], progress: Callable[[int], None]) -> None:
        """Fill the columns; `progress` is told how many features are done. Raises what `check_stop` raises."""
        for block in self._file.pair_blocks(self._limit, ("clip", "sum", "count")):
            check_stop()
            self._add(block)
            progress(block.high)

    def _add(self, block: PairBlock) -> None:
        clip, activation, nonzero, bounds = self._read(block)
        weight, base = scaled(activation, bounds, self._clips)
        owner = np.repeat(np.arange(len(base)), np.diff(bounds))
        extra = weight - base[owner]
        lists = np.stack([nonzero.astype(np.float64), extra])
        active, heavy = self._sums(clip, lists, bounds)
        here = slice(block.low, block.high)
        others = self._total - active
        n = self._clips - np.bincount(owner, nonzero, len(base))
        self.e_l_expected[here] = expected_coherence(np.square(others).sum(axis=1), n)
        weighed = heavy + base[:, None] * self._total
        total = np.bincount(owner, extra, len(base)) + base * self._clips
        squares: Float = np.square(base) * self._clips
        squares = squares + np.bincount(owner, np.square(weight) - np.square(base[owner]), len(base))
        self.weighted[here] = weighted_coherence(np.square(weighed).sum(axis=1), total, squares)

    def _read(self, block: PairBlock) -> tuple[Int, Float, Bool, Int]:
        """Clips, mean activation μ = sum/T, whether the score is not 0, and bounds, of the pairs that count."""
        counted = self._counted[block.columns["clip"]]
        columns: dict[str, npt.NDArray[Any]] = {name: values[counted] for name, values in block.columns.items()}
        bounds = np.concatenate(([0], np.cumsum(counted)))[block.bounds]
        clip = columns["clip"].astype(np.int64)
        tokens = self._tokens[clip]
        score = clip_score(columns["sum"], columns["count"], tokens, self._file.settings.get("score", "r"))
        return clip, clip_score(columns["sum"], columns["count"], tokens, "mean"), score != 0, bounds

    def _sums(self, clip: Int, lists: Float, bounds: Int) -> tuple[Float, Float]:
        """Sums of the clips' unit vectors under two lists of weights, per feature: two arrays [n, d]."""
        weights = lists * self._units.scale[clip]
        out = np.zeros((len(bounds) - 1, 2, self._units.dimension))
        for row, (begin, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
            for low in range(begin, end, self._rows):
                part = slice(low, min(end, low + self._rows))
                out[row] += weights[:, part] @ self._units.raw(clip[part]).astype(np.float64)
        return out[:, 0], out[:, 1]


def scaled(activation: Float, bounds: Int, clips: int) -> tuple[Float, Float]:
    """Activations scaled to [0, 1] between each feature's smallest and largest over all clips (A-32).

    Parameters
    ----------
    activation : array [pairs]
        Of the clips with a pair, feature after feature; every other clip has 0.
    bounds : array [n+1]
    clips : int

    Returns
    -------
    scaled : array [pairs]
        NaN where all clips have the same activation.
    base : array [n]
        The scaled activation of the clips without a pair; 0 if there are none.
    """
    count = np.diff(bounds)
    some = np.flatnonzero(count)
    low, high = np.zeros(len(count)), np.zeros(len(count))
    if len(some):
        low[some] = np.minimum.reduceat(activation, bounds[some])
        high[some] = np.maximum.reduceat(activation, bounds[some])
    others = count < clips
    low[others], high[others] = np.minimum(low[others], 0.0), np.maximum(high[others], 0.0)
    span = np.where(high > low, high - low, np.nan)
    base = np.where(others, -low / span, 0.0)
    owner = np.repeat(np.arange(len(count)), count)
    return (activation - low[owner]) / span[owner], base
