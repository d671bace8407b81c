"""Features that may drive a concept, by what is known without steering: label, score and name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.steer.classes import LabelledClip
from backend.store.features import Columns
from backend.store.retrieval import RetrievalFile

PAIRS_AT_ONCE = 1_000_000
SEPARATING = 0.75
"""AUC from which on a feature of good score is a candidate."""


@dataclass(frozen=True)
class Candidate:
    """One feature.

    Attributes
    ----------
    m : float
        Monosemanticity; NaN without a score.
    difference : float
        Mean activation μ over the target's clips minus that over the other classes, each class weighing the same.
    auc : float
        Chance that a clip of the target has the larger μ than one of another class, ties counting half.
    maximum : float
        Largest value on the probing set.
    why : tuple of str
        Of "difference", "score" and "name".
    """

    feature: int
    name: str
    m: float
    difference: float
    auc: float
    maximum: float
    why: tuple[str, ...]


def separation(
    file: RetrievalFile, clips: Sequence[LabelledClip], target: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """`Candidate.difference` and `auc` of every feature, [D] each, over some clips.

    Raises ArdError if the ranking kept no pair table, or the clips are of one class only.
    """
    from scipy.stats import rankdata

    names = sorted({one.value for one in clips} - {target})
    hits = np.array([one.value == target for one in clips])
    if not hits.any() or not names:
        raise ArdError(f"there are no clips of '{target}' and of another class to compare")
    tokens = np.maximum(file.clip_tokens()[[one.index for one in clips]], 1)
    place = np.full(file.clips, -1)
    place[[one.index for one in clips]] = np.arange(len(clips))
    weight = np.where(hits, 1 / hits.sum(), 0.0)
    for name in names:
        own = np.array([one.value == name for one in clips])
        weight -= own / own.sum() / len(names)
    difference, auc = np.zeros(file.features), np.full(file.features, 0.5)
    for block in file.pair_blocks(PAIRS_AT_ONCE, ("clip", "sum")):
        count = np.diff(block.bounds)
        rows, at = np.repeat(np.arange(len(count)), count), place[block.columns["clip"]]
        mean = np.zeros((len(count), len(clips)))
        mean[rows[at >= 0], at[at >= 0]] = block.columns["sum"][at >= 0]
        mean /= tokens
        difference[block.low : block.high] = mean @ weight
        # features without any of these clips keep 0.5
        some = np.flatnonzero(mean.any(axis=1))
        ranks = rankdata(mean[some], axis=1)[:, hits].sum(axis=1) - hits.sum() * (hits.sum() + 1) / 2
        auc[block.low + some] = ranks / (hits.sum() * (~hits).sum())
    return difference, auc


def candidates(
    columns: Columns,
    difference: npt.NDArray[np.float64],
    auc: npt.NDArray[np.float64],
    target: str,
    count: int,
) -> list[Candidate]:
    """Features to try, those of largest class difference first.

    Parameters
    ----------
    columns : Columns
        Of `backend.store.features.feature_columns`.
    count : int
        Of largest difference; a quarter as many by score (of those with an AUC of at least `SEPARATING`), and a
        quarter as many whose name has the target's words in it.
    """
    alive = (columns["max"] > 0) & np.isfinite(columns["max"])
    m = columns["m"] if "m" in columns else np.full(len(alive), np.nan)
    names = columns["name"] if "name" in columns else np.full(len(alive), "", dtype=object)
    word = target.replace("_", " ").lower()
    named = np.array([word in str(one).lower() for one in names])
    by_m = np.where(np.isfinite(m), -m, np.inf)
    some = max(1, count // 4)
    chosen = {
        "difference": _first(alive & (difference > 0), -difference, count),
        "score": _first(alive & (difference > 0) & (auc >= SEPARATING) & np.isfinite(m), by_m, some),
        "name": _first(alive & named, by_m, some),
    }
    every = sorted({k for found in chosen.values() for k in found}, key=lambda k: -difference[k])
    return [
        Candidate(
            k, str(names[k]), float(m[k]), float(difference[k]), float(auc[k]), float(columns["max"][k]),
            tuple(why for why, found in chosen.items() if k in found),
        )
        for k in every
    ]  # fmt: skip


def _first(mask: npt.NDArray[Any], key: npt.NDArray[np.float64], count: int) -> list[int]:
    """At most `count` features of `mask` in ascending order of `key`, equal ones by their number."""
    rows = np.flatnonzero(mask)
    found: list[int] = rows[np.argsort(key[rows], kind="stable")][:count].tolist()
    return found
