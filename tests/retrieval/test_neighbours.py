"""Nearest decoder directions against the whole similarity matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.retrieval.neighbours import decoder_neighbours


@pytest.mark.parametrize("memory", [1, 4 * 40 * 7, 1 << 28])
def test_neighbours_equal_a_full_sort_of_cosines(memory: int) -> None:
    rows = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    near, cosine = decoder_neighbours(rows * torch.arange(1, 41)[:, None], 5, memory)
    unit = (rows / rows.norm(dim=1, keepdim=True)).numpy()
    similar = unit @ unit.T
    np.fill_diagonal(similar, -np.inf)
    assert np.array_equal(near, np.argsort(-similar, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(cosine, np.take_along_axis(similar, near.astype(int), axis=1), atol=1e-6)


def test_fewer_features_than_neighbours_give_all_others() -> None:
    near, cosine = decoder_neighbours(torch.eye(3), 32)
    assert near.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert cosine.tolist() == [[0, 0]] * 3


def test_direction_of_length_zero_is_near_to_nothing() -> None:
    near, cosine = decoder_neighbours(torch.tensor([[0.0, 0], [1, 0], [1, 0]]), 2)
    assert np.isfinite(cosine).all()
    assert near[1].tolist() == [2, 0]
