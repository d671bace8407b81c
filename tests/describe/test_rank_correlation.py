"""Spearman's ρ, with ties and gaps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from backend.describe.rank_correlation import rank_correlation


def test_monotone_relation_has_correlation_one() -> None:
    assert rank_correlation([1, 2, 3], [1, 10, 1000]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3], [3, 2, -9]) == pytest.approx(-1.0)


def test_ties_share_their_mean_rank_as_elsewhere() -> None:
    dice = np.random.default_rng(0)
    x, y = dice.integers(0, 5, 200), dice.integers(0, 7, 200)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_pairs_with_a_gap_are_left_out() -> None:
    assert rank_correlation([1, np.nan, 2, 3], [1, 5, 2, 3]) == pytest.approx(1.0)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [1]), ([1, 1, 1], [1, 2, 3])])
def test_what_has_no_correlation_is_nan(x: list[float], y: list[float]) -> None:
    assert np.isnan(rank_correlation(x, y))
