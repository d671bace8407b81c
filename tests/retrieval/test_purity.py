"""Label purity, worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.purity import chance_purity, label_codes, mean_purity, pair_purity, random_lists


def test_two_of_six_pairs_share_a_label() -> None:
    value, pairs = pair_purity(np.array([0, 0, 1, 1]))
    assert (value, pairs) == (pytest.approx(2 / 6), 6)


def test_clips_without_a_label_form_no_pair() -> None:
    value, pairs = pair_purity(np.array([0, -1, 0, 1]))
    assert (value, pairs) == (pytest.approx(1 / 3), 3)
    value, pairs = pair_purity(np.array([-1, 3]))
    assert np.isnan(value)
    assert pairs == 0


def test_across_groups_only_pairs_of_different_groups_count() -> None:
    """Pairs (0,2), (0,3), (1,2), (1,3): two share the label."""
    value, pairs = pair_purity(np.array([0, 1, 0, 1]), np.array([7, 7, 8, 8]))
    assert (value, pairs) == (pytest.approx(0.5), 4)


def test_mean_is_over_features_and_counts_those_left_out() -> None:
    label = np.array([0, 0, 1, 2, -1, -1])
    found = mean_purity([np.array([0, 1]), np.array([2, 3]), np.array([4, 5])], label)
    assert (found.mean, found.features, found.pairs, found.left_out) == (0.5, 2, 2, 1)
    assert found.low == 0.0
    assert found.high == 1.0


def test_interval_of_many_features_is_that_of_a_proportion() -> None:
    """400 features of one pair each, half of them pure: 0.5 ± 1.96·√(0.25/400) = 0.451 … 0.549."""
    lists = [np.array([0, 1])] * 200 + [np.array([0, 2])] * 200
    found = mean_purity(lists, np.array([0, 0, 1]))
    assert found.low == pytest.approx(0.451, abs=0.005)
    assert found.high == pytest.approx(0.549, abs=0.005)


def test_no_feature_gives_no_number() -> None:
    found = mean_purity([], np.array([0]))
    assert np.isnan([found.mean, found.low, found.high]).all()


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 2)), min_size=2, max_size=12),
    st.booleans(),
)
def test_chance_equals_the_count_over_all_pairs(rows: list[tuple[int, int]], grouped: bool) -> None:
    label, group = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [
        label[i] == label[j]
        for i, j in itertools.combinations(range(len(rows)), 2)
        if label[i] >= 0 and label[j] >= 0 and (not grouped or group[i] != group[j])
    ]
    found = chance_purity(label, np.arange(len(rows)), group if grouped else None)
    assert found == pytest.approx(np.mean(pairs)) if pairs else np.isnan(found)


def test_random_lists_hold_different_clips_and_repeat_with_their_seed() -> None:
    clips = np.array([3, 5, 8, 13, 21])
    lists = random_lists(clips, 4, 50, seed=1)
    assert all(len(set(one.tolist())) == 4 and set(one.tolist()) <= set(clips.tolist()) for one in lists)
    assert [one.tolist() for one in random_lists(clips, 4, 50, seed=1)] == [one.tolist() for one in lists]


def test_random_lists_have_chance_purity() -> None:
    label = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    found = mean_purity(random_lists(np.arange(100), 4, 2000, seed=0), label)
    assert found.low < chance_purity(label, np.arange(100)) < found.high


def test_empty_labels_have_no_code() -> None:
    assert label_codes(["b", "", "a", "b"]).tolist() == [1, -1, 0, 1]
