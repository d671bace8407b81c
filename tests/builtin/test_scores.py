"""Balanced accuracy and its interval, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.builtin.scores import Outcome, balanced_accuracy, majority, score


def outcomes(rows: list[tuple[str, int, str]]) -> list[Outcome]:
    return [Outcome(truth, bool(right), group) for truth, right, group in rows]


def test_every_class_counts_alike() -> None:
    """Three of four dogs and one of two cats: (0.75 + 0.5) / 2, not 4 / 6."""
    rows = [("dog", 1, "a"), ("dog", 1, "b"), ("dog", 1, "c"), ("dog", 0, "d"), ("cat", 1, "e"), ("cat", 0, "f")]
    found = score(outcomes(rows))
    assert found.balanced == pytest.approx(0.625)
    assert [(one.name, one.n, one.groups, one.recall) for one in found.classes] == [
        ("cat", 2, 2, 0.5),
        ("dog", 4, 4, 0.75),
    ]
    assert (found.n, found.groups) == (6, 6)


def test_the_interval_is_over_groups_and_not_over_answers() -> None:
    """A hundred answers of two voices, one always right and one never: the mean of two coins, 0, ½ or 1."""
    rows = [("man", right, f"voice {right}") for right in (0, 1) for _ in range(50)]
    found = score(outcomes(rows))
    assert (found.low, found.balanced, found.high) == (0.0, 0.5, 1.0)


def test_the_interval_of_many_groups_is_that_of_a_proportion() -> None:
    """Two classes of 200 groups, each half right: 0.5 ± 1.96·√(0.25 / 400) = 0.451 … 0.549."""
    rows = [(truth, i % 2, f"{truth} {i}") for truth in ("a", "b") for i in range(200)]
    found = score(outcomes(rows))
    assert found.low == pytest.approx(0.451, abs=0.006)
    assert found.high == pytest.approx(0.549, abs=0.006)


def test_a_class_from_one_group_adds_nothing_to_the_interval() -> None:
    found = score(outcomes([("dog", 1, "a"), ("dog", 0, "a"), ("cat", 1, "b")]))
    assert (found.low, found.balanced, found.high) == (0.75, 0.75, 0.75)


def test_without_answers_there_is_no_figure() -> None:
    found = score([])
    assert (found.balanced, found.low, found.high, found.n, found.classes) == (None, None, None, 0, ())


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.sampled_from("uvwxyz")), min_size=1, max_size=40)
)
def test_the_interval_holds_the_estimate(rows: list[tuple[str, int, str]]) -> None:
    found = score(outcomes(rows))
    assert found.balanced is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.balanced + 1e-9
    assert found.balanced - 1e-9 <= found.high <= 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30))
def test_both_ways_to_the_balanced_accuracy_agree(rows: list[tuple[str, str]]) -> None:
    truth, told = zip(*rows, strict=True)
    found = score([Outcome(true, true == said, str(i)) for i, (true, said) in enumerate(rows)])
    assert found.balanced == pytest.approx(balanced_accuracy(truth, told))


def test_an_unread_answer_is_wrong() -> None:
    assert balanced_accuracy(["a", "a", "b"], ["a", None, "b"]) == pytest.approx(0.75)
    assert np.isnan(balanced_accuracy([], []))


def test_of_equally_frequent_classes_the_majority_is_the_first() -> None:
    assert majority(["b", "a", "b", "a", "c"]) == "a"
    assert majority(["b", "a", "b"]) == "b"
    assert majority([]) is None


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = outcomes([("a", i % 3 > 0, str(i % 17)) for i in range(200)])
    assert score(rows, seed=4) == score(rows, seed=4)
    assert score(rows, seed=4) != score(rows, seed=5)
