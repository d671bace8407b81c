"""Fuzzy neighbourhoods of directions on inputs small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backend.analyse.neighbour_graph import NeighbourGraph, fuzzy_graph


def dense(graph: NeighbourGraph) -> np.ndarray:
    count = len(graph.start) - 1
    found = np.zeros((count, count))
    found[np.repeat(np.arange(count), np.diff(graph.start)), graph.tail] = graph.weight
    return found


def graph_of(near: list[list[int]], cosine: list[list[float]]) -> np.ndarray:
    return dense(fuzzy_graph(np.array(near, np.int32), np.array(cosine, np.float32)))


def test_only_neighbour_has_weight_one_from_both_sides() -> None:
    found = graph_of([[1], [0], [1]], [[0.9], [0.9], [0.2]])
    assert found.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_memberships_of_one_side_sum_to_the_logarithm_of_their_number() -> None:
    """Direction 0 names all others, which name only each other in a ring: row 0 holds its own memberships."""
    near = [[1, 2, 3, 4], [2, 3, 4, 2], [3, 4, 1, 3], [4, 1, 2, 4], [1, 2, 3, 1]]
    cosine = [[0.9, 0.7, 0.6, 0.1]] + [[0.5, 0.4, 0.3, 0.2]] * 4
    row = graph_of(near, cosine)[0]
    assert row[1] == 1
    assert row.sum() == pytest.approx(np.log2(4), abs=1e-5)
    # exp(-(δ - ρ)/s): distances beyond the nearest are 0.2, 0.3 and 0.8
    assert np.log(row[3]) / np.log(row[2]) == pytest.approx(1.5, rel=1e-4)
    assert np.log(row[4]) / np.log(row[2]) == pytest.approx(4.0, rel=1e-4)


def test_two_sides_are_united_as_probabilities() -> None:
    """0 and 1 name each other as second of two neighbours; p is then almost 0, and 0 + 0 − 0 stays 0, 1 + p − p = 1."""
    near, cosine = [[2, 1], [3, 0], [0, 1], [1, 0]], [[0.9, 0.1], [0.9, 0.1], [0.9, 0.8], [0.9, 0.8]]
    found = graph_of(near, cosine)
    assert np.array_equal(found, found.T)
    assert (found[0, 2], found[1, 3]) == (1, 1)
    assert found[0, 1] < 1e-3


def test_equal_directions_weigh_one_and_nothing_is_infinite() -> None:
    found = graph_of([[1, 2], [0, 2], [0, 1]], [[1.0, 1.0]] * 3)
    assert np.array_equal(found, 1 - np.eye(3))
