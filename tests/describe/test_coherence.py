"""Coherence and score of written-out groups: oracle O-4 and the double loop (A-27 to A-29)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_files import unit

from backend.describe.scores.coherence import (
    check_group_size,
    coherence,
    degenerate,
    epsilon_score,
    floored_score,
    of_groups,
    pooled,
    spread,
)
from backend.describe.scores.vectors import UnitVectors
from backend.errors import ArdError

O4 = UnitVectors(np.array([(1, 0), (1, 0), (0.6, 0.8), (1, 0), (0, 1), (-1, 0)]))
H, L = np.array([[0, 1, 2]]), np.array([[3, 4, 5]])


def measured(units: UnitVectors, groups: Any, sigma: Any = "pairs", ddof: int = 0) -> tuple[Any, Any]:
    return of_groups(units, np.asarray(groups), sigma=sigma, ddof=ddof, memory=1 << 20)


@pytest.mark.parametrize(
    ("ddof", "var_h", "var_l", "sigma", "m"),
    [
        (0, 0.0355556, 0.2222222, 0.3590110, 2.9711253),
        (1, 0.0533333, 0.3333333, 0.4396969, 2.4259137),
    ],
)
def test_o4_is_the_printed_one(ddof: int, var_h: float, var_l: float, sigma: float, m: float) -> None:
    e_h, found_h = measured(O4, H, ddof=ddof)
    e_l, found_l = measured(O4, L, ddof=ddof)
    assert (e_h[0], e_l[0]) == (pytest.approx(0.7333333, abs=1e-7), pytest.approx(-0.3333333, abs=1e-7))
    assert (found_h[0], found_l[0]) == (pytest.approx(var_h, abs=1e-7), pytest.approx(var_l, abs=1e-7))
    found = pooled(found_h, found_l)
    assert found[0] == pytest.approx(sigma, abs=1e-7)
    assert epsilon_score(e_h, e_l, found, 1e-8)[0] == pytest.approx(m, abs=1e-7)
    assert floored_score(e_h, e_l, found, 0.01)[0] == pytest.approx(m, abs=1e-6)


def test_o4_of_vectors_of_any_length_is_the_same() -> None:
    longer = UnitVectors(O4.vectors * np.array([[3], [0.1], [7], [1e-30], [1e30], [2]]))
    np.testing.assert_allclose(measured(longer, np.concatenate([H, L])), measured(O4, np.concatenate([H, L])))


def test_duplicates_in_both_groups_divide_by_epsilon_or_by_the_floor_and_are_flagged() -> None:
    """H holds equal embeddings, L three at 120° to each other: E_H = 1, E_L = −0.5, no similarity differs."""
    units = UnitVectors(np.array([(1.0, 0), (1, 0), (1, 0), (1, 0), (-0.5, 0.75**0.5), (-0.5, -(0.75**0.5))]))
    e_h, var_h = measured(units, H)
    e_l, var_l = measured(units, L)
    sigma = pooled(var_h, var_l)
    assert degenerate(sigma).tolist() == [True]
    assert epsilon_score(e_h, e_l, sigma, 1e-8)[0] == pytest.approx(1.5e8, rel=1e-6)
    assert floored_score(e_h, e_l, sigma, 0.01)[0] == pytest.approx(150)


def test_degenerate_is_below_a_thousandth() -> None:
    assert degenerate(np.array([0.0, 0.00099, 0.001, 0.3])).tolist() == [True, True, False, False]


def test_o4_spread_of_embeddings_is_their_mean_squared_distance_to_the_centroid() -> None:
    """H: centroid (13/15, 4/15), 1 − ‖centroid‖² = 40/225; L: centroid (0, 1/3), 1 − 1/9."""
    _, variance = measured(O4, np.concatenate([H, L]), sigma="embedding", ddof=1)
    assert variance.tolist() == pytest.approx([40 / 225, 8 / 9])


@settings(deadline=None)
@given(
    p=st.integers(2, 7),
    d=st.integers(1, 6),
    ddof=st.integers(0, 1),
    sigma=st.sampled_from(["pairs", "embedding"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 1000),
    memory=st.sampled_from([1, 200, 10**6]),
)
def test_many_groups_equal_the_double_loop(
    p: int, d: int, ddof: int, sigma: Any, dtype: Any, seed: int, memory: int
) -> None:
    if p == 2 and ddof:
        ddof = 0
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(20, d)).astype(dtype)
    groups = np.array([draw.choice(20, p, replace=False) for _ in range(5)])
    e, variance = of_groups(UnitVectors(vectors), groups, sigma=sigma, ddof=ddof, memory=memory)
    u = unit(vectors.astype(np.float64))
    for row, group in enumerate(groups.tolist()):
        cosines = [math.fsum(u[i] * u[j]) for i, j in itertools.combinations(group, 2)]
        mean = math.fsum(cosines) / len(cosines)
        assert e[row] == pytest.approx(mean, abs=1e-12)
        if sigma == "pairs":
            wanted = math.fsum((c - mean) ** 2 for c in cosines) / (len(cosines) - ddof)
        else:
            wanted = np.mean([np.sum((u[i] - u[group].mean(axis=0)) ** 2) for i in group])
        assert variance[row] == pytest.approx(wanted, abs=1e-12)


@settings(deadline=None)
@given(p=st.integers(3, 8), seed=st.integers(0, 1000))
def test_ddof_one_multiplies_every_score_by_the_same_factor(p: int, seed: int) -> None:
    """√((B−1)/B), 0.9129 for p = 4 (A-28)."""
    units = UnitVectors(np.random.default_rng(seed).normal(size=(2 * p, 3)))
    groups = np.arange(2 * p).reshape(2, p)
    e, var_0 = measured(units, groups)
    _, var_1 = measured(units, groups, ddof=1)
    m_0, m_1 = ((e[:1] - e[1:]) / pooled(v[:1], v[1:]) for v in (var_0, var_1))
    pairs = p * (p - 1) / 2
    assert m_1[0] == pytest.approx(m_0[0] * math.sqrt((pairs - 1) / pairs))


@settings(deadline=None)
@given(st.permutations(range(4)))
def test_order_inside_a_group_does_not_matter(order: list[int]) -> None:
    gram = UnitVectors(np.random.default_rng(3).normal(size=(4, 3))).unit(np.arange(4))
    gram = gram @ gram.T
    mixed = gram[np.ix_(order, order)]
    assert coherence(mixed) == pytest.approx(float(coherence(gram)))
    assert spread(mixed) == pytest.approx(float(spread(gram)))


def test_one_clip_makes_no_pair() -> None:
    with pytest.raises(ArdError, match="p must be at least 2 for a score") as raised:
        check_group_size(1, "pairs", 0)
    assert raised.value.todo


def test_two_clips_have_no_variance_with_ddof_one() -> None:
    with pytest.raises(ArdError, match="p = 2 gives one similarity"):
        check_group_size(2, "pairs", 1)
    check_group_size(2, "pairs", 0)
    check_group_size(2, "embedding", 1)


def test_clips_without_a_direction_have_no_embedding() -> None:
    vectors = np.array([[3.0, 4.0], [0, 0], [np.nan, 1], [np.inf, 1], [1e-200, 0], [1e200, 1e200]])
    units = UnitVectors(vectors)
    assert units.known.tolist() == [True, False, False, False, True, True]
    np.testing.assert_allclose(units.unit(np.array([0, 4, 5])), [[0.6, 0.8], [1, 0], [0.5**0.5, 0.5**0.5]])


@pytest.mark.parametrize("vectors", [np.zeros(3), np.zeros((3, 2), int), np.zeros((1, 2, 3))])
def test_embeddings_that_are_no_matrix_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(ArdError, match="one vector per clip"):
        UnitVectors(vectors)


@settings(deadline=None)
@given(st.integers(0, 100), st.sampled_from([1, 64, 300, 10**6]))
def test_total_is_the_sum_of_unit_vectors(seed: int, memory: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(25, 4))
    clips = np.arange(3, 21)
    np.testing.assert_allclose(UnitVectors(vectors).total(clips, memory), unit(vectors[clips]).sum(axis=0), atol=1e-12)
