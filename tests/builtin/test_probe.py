"""The linear baseline."""

from __future__ import annotations

import numpy as np

from backend.builtin.probe import PENALTIES, train_probe
from backend.builtin.scores import balanced_accuracy


def blobs(counts: dict[str, int], seed: int, spread: float = 0.3) -> tuple[np.ndarray, list[str]]:
    """Points around the corners of a triangle, far from the origin and on different scales."""
    dice = np.random.default_rng(seed)
    corners = {"a": (0.0, 0.0), "b": (1.0, 0.0), "c": (0.0, 1.0)}
    keys = [name for name, n in counts.items() for _ in range(n)]
    points = np.array([corners[key] for key in keys]) + spread * dice.standard_normal((len(keys), 2))
    return (points * [1.0, 1000.0] + [50.0, -3.0]).astype(np.float32), keys


def test_a_separable_set_is_learnt() -> None:
    x, keys = blobs({"a": 40, "b": 40, "c": 40}, 0, spread=0.05)
    probe = train_probe(x, keys)
    assert probe is not None
    assert probe.predict(x) == keys
    new, truth = blobs({"a": 30, "b": 30, "c": 30}, 1, spread=0.05)
    assert probe.predict(new) == truth


def test_rare_classes_weigh_as_much_as_frequent_ones() -> None:
    x, keys = blobs({"a": 2000, "b": 20}, 0)
    probe = train_probe(x, keys)
    assert probe is not None
    new, truth = blobs({"a": 300, "b": 300}, 1)
    told = np.array(probe.predict(new))
    assert min(np.mean(told[:300] == "a"), np.mean(told[300:] == "b")) > 0.85
    assert truth[299:301] == ["a", "b"]


def test_the_penalty_is_the_one_that_serves_the_validation_split_best() -> None:
    """Thirty rows of sixty features of which one counts."""
    dice = np.random.default_rng(0)

    def rows(n: int) -> tuple[np.ndarray, list[str]]:
        keys = [("a", "b")[i % 2] for i in range(n)]
        x = dice.standard_normal((n, 60))
        x[:, 0] += [1.5 if key == "a" else -1.5 for key in keys]
        return x, keys

    (x, keys), held_back = rows(30), rows(400)
    chosen = train_probe(x, keys, held_back)
    assert chosen is not None
    right = {}
    for penalty in PENALTIES:
        alone = train_probe(x, keys, penalties=[penalty])
        assert alone is not None
        right[penalty] = balanced_accuracy(held_back[1], alone.predict(held_back[0]))
    assert right[chosen.penalty] == max(right.values()) > min(right.values())


def test_a_feature_that_never_changes_does_no_harm() -> None:
    x, keys = blobs({"a": 20, "b": 20}, 0, spread=0.05)
    x = np.column_stack([x, np.full(len(x), 7.3)])
    probe = train_probe(x, keys)
    assert probe is not None
    assert probe.predict(x) == keys


def test_a_single_class_is_always_told() -> None:
    probe = train_probe(np.ones((3, 2)), ["only"] * 3)
    assert probe is not None
    assert probe.predict(np.zeros((2, 2))) == ["only", "only"]


def test_of_equally_likely_classes_the_first_is_told() -> None:
    probe = train_probe(np.zeros((4, 2)), ["b", "a", "b", "a"])
    assert probe is not None
    assert probe.predict(np.zeros((1, 2))) == ["a"]


def test_without_rows_there_is_no_probe() -> None:
    assert train_probe(np.zeros((0, 3)), []) is None
