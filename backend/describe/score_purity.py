"""Does monosemanticity predict purity? Purity of the best-scored features, and the rank correlation of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.describe.rank_correlation import rank_correlation
from backend.retrieval.purity import Purity, mean_purity, pair_purity
from backend.store.scores import ScoresFile

BEST = 50
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ScoredPurity:
    """Purity (`backend.retrieval.purity`) against rank.

    Attributes
    ----------
    best : Purity
        Over the `BEST` features of highest rank.
    correlation : float
        Spearman's ρ of the ranking score m and purity, over all ranked features with a labelled pair.
    """

    best: Purity
    correlation: float


def scored_purity(scores: ScoresFile, lists: Int, label: Int, group: Int | None = None) -> ScoredPurity:
    """Purity of ranked features.

    Parameters
    ----------
    lists : int array [D, p]
        H of every feature; −1 for none.
    label, group : int array [N]
        As in `mean_purity`.
    """
    ranked = scores.ranked()
    clips = [lists[k][lists[k] >= 0] for k in ranked]
    each = [pair_purity(label[some], None if group is None else group[some])[0] for some in clips]
    return ScoredPurity(mean_purity(clips[:BEST], label, group), rank_correlation(scores.columns["m"][ranked], each))
