"""F1 of "value > θ" against a label (S-40), by O-16 and by trying every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.describe.halves import first_half
from backend.describe.label_f1 import Active, best_threshold, confusion, f1, grid, held_out, score, thresholds_below


def active_of(values: np.ndarray) -> Active:
    """Of a matrix [features, clips]."""
    feature, clip = np.nonzero(values > 0)
    return Active(feature, clip, values[feature, clip], len(values))


def f1_at(values: np.ndarray, has: np.ndarray, threshold: float) -> float:
    said = values > threshold
    return 2 * int((said & has).sum()) / max(1, int(said.sum()) + int(has.sum()))


def first_best(values: np.ndarray, has: np.ndarray) -> tuple[float, float]:
    """F1 and threshold by trying all of the grid."""
    steps = int((values.max() - values.min()) / 0.1) + 2
    tried = [np.round(values.min() + j * 0.1, 9) for j in range(steps)]
    found = [f1_at(values, has, t) for t in tried if t <= max(values.max(), tried[0])]
    return max(found), tried[int(np.argmax(found))]


def test_f1_of_oracle_o16_at_every_threshold() -> None:
    active, has = active_of(np.array([[0, 0, 0.2, 0.5, 0.9]])), np.array([0, 0, 0, 1, 1], dtype=bool)
    thresholds = grid(np.zeros(10), np.arange(10.0))
    found = [f1(*confusion(active, has, np.array([t])), 2).item() for t in thresholds]
    assert thresholds.tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert found == pytest.approx([0.8, 0.8, 1, 1, 1, 2 / 3, 2 / 3, 2 / 3, 2 / 3, 0])


def test_best_threshold_of_oracle_o16_is_the_lowest_of_the_equal_ones() -> None:
    values, has = np.array([[0, 0, 0.2, 0.5, 0.9]]), np.array([0, 0, 0, 1, 1], dtype=bool)
    assert best_threshold(active_of(values), has, np.ones(5, dtype=bool)).tolist() == [0.2]
    found = score(active_of(values), has, np.array([1, 0, 1, 1, 0], dtype=bool))
    assert (found.f1[0], found.precision[0], found.recall[0], found.active[0]) == (1, 1, 1, 3)


def test_grid_does_not_step_over_the_decimals_it_names() -> None:
    """Without rounding 3·0.1 is above 0.3, and a value of 0.3 would not be reached by its own threshold."""
    assert thresholds_below(np.array([0.3, 0.30000001, 0.0, 0.05]), np.zeros(4)).tolist() == [3, 4, 0, 1]


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 7.3, 7.35, 40.0, 412.7]), st.booleans()),
        min_size=2,
        max_size=14,
    )
)
@example([(0.7, True), (0.7, False)])
@example([(0.3, True), (0.45, True), (7.35, False)])
def test_best_threshold_equals_that_of_trying_all(rows: list[tuple[float, bool]]) -> None:
    values, has = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    expected, at = first_best(values, has)
    found = score(active_of(values[None]), has, np.arange(len(rows)) % 2 == 0)
    assert found.f1[0] == expected
    if expected > 0:
        assert found.threshold[0] == at


def test_many_features_on_many_scales_equal_trying_all() -> None:
    dice = np.random.default_rng(3)
    scale = 10.0 ** dice.uniform(-2, 2.5, size=(40, 1))
    values = scale * dice.random((40, 60)) * (dice.random((40, 60)) < dice.uniform(0.02, 1, size=(40, 1)))
    has = dice.random(60) < 0.3
    half = first_half(has, np.arange(60, dtype=np.uint64))
    found = score(active_of(values), has, half)
    for row, own in enumerate(values):
        best, at = first_best(own, has)
        assert (found.f1[row], found.threshold[row]) == (best, at if own.any() else 0)
        said = np.empty(60, dtype=bool)
        for one in (half, ~half):
            said[~one] = own[~one] > first_best(own[one], has[one])[1]
        assert found.held_out_f1[row] == 2 * (said & has).sum() / max(1, said.sum() + has.sum())


def test_held_out_half_is_judged_by_the_threshold_of_the_other() -> None:
    """First half 0, 1 | 2 (has): best from θ = 1 on. Second half 0, 3 | 0.5 (has): best at θ = 0.

    θ = 0 says yes to 1 and 2 of the first half, θ = 1 to 3 of the second: one of three is right, one of two is found.
    """
    values, has = np.array([[0, 1, 2, 0, 3, 0.5]]), np.array([0, 0, 1, 0, 0, 1], dtype=bool)
    half = np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    assert held_out(active_of(values), has, half).tolist() == [2 * 1 / (3 + 2)]
    assert held_out(active_of(values), has, ~half).tolist() == [2 * 1 / (3 + 2)]


def test_held_out_f1_of_a_random_label_is_near_what_chance_has() -> None:
    """A feature active at half of the clips, of which half have the label: precision and recall are both 0.5."""
    dice = np.random.default_rng(0)
    has = np.arange(200) % 2 == 0
    values = (dice.random((300, 200)) < 0.5).astype(float)
    half = first_half(has, dice.permutation(200).astype(np.uint64))
    found = score(active_of(values), has, half)
    assert found.held_out_f1.mean() == pytest.approx(0.5, abs=0.01)


def test_feature_without_an_active_clip_finds_nothing() -> None:
    found = score(active_of(np.zeros((1, 4))), np.array([1, 1, 0, 0], dtype=bool), np.array([1, 0, 1, 0], dtype=bool))
    assert (found.active[0], found.f1[0], found.held_out_f1[0], found.recall[0]) == (0, 0, 0, 0)
    assert np.isnan(found.precision[0])


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_halves_are_even_in_both_kinds_and_know_no_order(kinds: list[bool], dice: object) -> None:
    kind, ids = np.array(kinds), np.array([hash((i, "x")) % 2**63 for i in range(len(kinds))], dtype=np.uint64)
    half = first_half(kind, ids)
    for one in (True, False):
        assert 0 <= (half & (kind == one)).sum() - (~half & (kind == one)).sum() <= 1
    order = np.random.default_rng(dice.randrange(1000)).permutation(len(kinds))  # type: ignore[attr-defined]
    assert first_half(kind[order], ids[order]).tolist() == half[order].tolist()
