"""Krippendorff's α against his own worked example and against answers done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backend.evaluate.agreement import Level, alpha

NAN = math.nan
CANONICAL = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]
"""Four observers, twelve units: "Computing Krippendorff's Alpha-Reliability", 2011, part D."""


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_published_example_of_four_observers_and_twelve_units(level: Level, published: float) -> None:
    assert alpha(CANONICAL, level) == pytest.approx(published, abs=0.0005)


def test_two_observers_by_hand() -> None:
    """Units (0,0), (0,1), (5,5): o = [[2,1,0],[1,0,0],[0,0,2]], n_c = 3,1,2, n = 6.

    Σ o δ² = 2 · 1 = 2; Σ n_c n_k δ² = 2 · (3·1·1 + 3·2·25 + 1·2·16) = 370; α = 1 − 2 · 5 / 370.
    """
    assert alpha([[0, 0, 5], [0, 1, 5]], "interval") == pytest.approx(1 - 10 / 370)


def test_unit_with_one_value_says_nothing_and_complete_agreement_is_one() -> None:
    assert alpha([[1, 4, 2], [1, 4, NAN]], "ordinal") == 1.0


@pytest.mark.parametrize("values", [[[1, 2, 3]], [[1, NAN], [NAN, 2]], [[3, 3], [3, 3]], np.full((0, 4), NAN)])
def test_nothing_to_agree_on_is_nan(values: list[list[float]]) -> None:
    assert math.isnan(alpha(values))


@given(
    arrays.arrays(np.float64, (3, 5), elements=st.sampled_from([0.0, 1.0, 2.0, 5.0, NAN])), st.permutations(range(3))
)
def test_order_of_observers_and_units_and_the_origin_do_not_matter(values: np.ndarray, order: list[int]) -> None:
    for level in ("nominal", "ordinal", "interval"):
        expected = alpha(values, level)
        assert alpha(values[order][:, ::-1] + 7, level) == pytest.approx(expected, nan_ok=True)
