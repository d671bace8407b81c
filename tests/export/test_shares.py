"""Wilson's interval (O-8)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.export.shares import wilson


@pytest.mark.parametrize(
    ("successes", "n", "expected"), [(2, 3, (0.2077, 0.9385)), (288, 384, (0.7044, 0.7907))]
)  # fmt: skip
def test_known_intervals(successes: int, n: int, expected: tuple[float, float]) -> None:
    assert wilson(successes, n) == pytest.approx(expected, abs=1e-4)


def test_nothing_tried_has_no_interval() -> None:
    assert all(math.isnan(one) for one in wilson(0, 0))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_share_and_mirrors_for_its_complement(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)
