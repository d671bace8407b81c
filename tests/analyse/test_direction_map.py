"""The map of directions keeps what is near together and gives the same places again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from backend.analyse.direction_map import direction_map, kept_neighbours, principal_places
from backend.errors import Stopped
from backend.retrieval.neighbours import decoder_neighbours
from builders.interrupted import StopsAfter


def groups(count: int = 3, each: int = 20, width: int = 16) -> tuple[Tensor, np.ndarray]:
    """Directions scattered around `count` random ones, and which of these each belongs to."""
    dice = torch.Generator().manual_seed(4)
    middle = torch.randn(count, width, generator=dice)
    noise = torch.randn(count, each, width, generator=dice)
    return (middle[:, None] + 0.3 * noise).reshape(-1, width), np.repeat(np.arange(count), each)


def test_directions_of_one_group_lie_nearer_to_each_other_than_to_any_other() -> None:
    vectors, group = groups()
    places = direction_map(vectors, seed=0, neighbours=8, epochs=200).places.astype(float)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    same = group[:, None] == group[None]
    middles = np.stack([places[group == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(places[:, None] - middles[None], axis=2).argmin(axis=1)
    assert np.array_equal(nearest, group)
    assert apart[same].mean() < apart[~same].mean() / 3


def test_same_seed_gives_the_same_places_and_another_seed_others() -> None:
    vectors, _ = groups()
    first, again, other = (direction_map(vectors, seed=s, epochs=20).places for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_length_of_a_vector_has_no_part_in_the_map() -> None:
    vectors, _ = groups()
    powers = 2.0 ** torch.arange(len(vectors)).remainder(7)[:, None]
    assert np.array_equal(
        direction_map(vectors, seed=0, epochs=20).places, direction_map(vectors * powers, seed=0, epochs=20).places
    )


@pytest.mark.parametrize(("count", "places"), [(0, []), (1, [[0, 0]]), (2, [[-0.5, 0], [0.5, 0]])])
def test_fewer_than_three_directions_have_places_of_their_own(count: int, places: list[list[float]]) -> None:
    found = direction_map(torch.eye(4)[:count], seed=0)
    assert found.places.reshape(-1, 2).tolist() == places
    assert found.places.dtype == np.float32
    assert np.isnan(found.kept)


def test_three_directions_lie_apart() -> None:
    places = direction_map(torch.eye(3), seed=0, epochs=50).places
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == 3


def test_vectors_without_direction_are_flagged_and_lie_below_the_map() -> None:
    vectors, _ = groups()
    vectors[5], vectors[7, 3] = 0, torch.nan
    found = direction_map(vectors, seed=0, epochs=20)
    assert np.flatnonzero(~found.directed).tolist() == [5, 7]
    assert np.isfinite(found.places).all()
    assert found.places[~found.directed, 1].max() < found.places[found.directed, 1].min()
    others = direction_map(vectors[torch.from_numpy(found.directed)], seed=0, epochs=20)
    assert np.array_equal(found.places[found.directed], others.places)


def test_map_of_vectors_that_all_lack_a_direction_is_a_row() -> None:
    found = direction_map(torch.zeros(3, 4), seed=0)
    assert not found.directed.any()
    assert np.diff(found.places[:, 0]).min() > 0


def test_equal_vectors_come_to_lie_together() -> None:
    vectors, _ = groups(each=30)
    vectors[10:20] = vectors[10]
    places = direction_map(vectors, seed=0, epochs=200).places
    spread = np.ptp(places[10:20], axis=0).max()
    assert spread < np.ptp(places, axis=0).max() / 10


def test_more_equal_vectors_than_neighbours_have_finite_places() -> None:
    places = direction_map(torch.ones(60, 5), seed=0, epochs=30).places
    assert np.isfinite(places).all()


def test_one_dimension_is_enough() -> None:
    vectors = torch.tensor([[1.0], [2.0], [-1.0], [-3.0]])
    places = direction_map(vectors, seed=0, neighbours=1, epochs=100).places.astype(float)
    assert np.linalg.norm(places[0] - places[1]) < np.linalg.norm(places[0] - places[2])


def test_kept_neighbours_are_counted() -> None:
    """On a line 0 1 2 9: the nearest two of 0 are {1, 2}, of 1 {0, 2}, of 2 {1, 0}, of 9 {2, 1}."""
    places = torch.tensor([[0.0, 0], [1, 0], [2, 0], [9, 0]])
    near = np.array([[1, 2], [2, 3], [3, 0], [0, 3]], np.int32)
    assert kept_neighbours(places, near) == (1 + 0.5 + 0.5 + 0) / 4


def test_map_keeps_more_neighbours_than_the_principal_components_it_starts_from() -> None:
    dice = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(400, 10, generator=dice), dim=1)
    start = principal_places(vectors, dice)
    found = direction_map(vectors, seed=0, neighbours=10, epochs=300)
    near, _ = decoder_neighbours(vectors, 10)
    assert found.by_chance == 10 / 399
    assert found.kept == kept_neighbours(torch.from_numpy(found.places), near)
    assert found.kept > 1.5 * kept_neighbours(start, near)


@pytest.mark.parametrize("points", [0, 1, 5])
def test_map_stops_between_steps_when_asked(points: int) -> None:
    vectors, _ = groups()
    with pytest.raises(Stopped):
        direction_map(vectors, seed=0, epochs=10, job=StopsAfter(points))
