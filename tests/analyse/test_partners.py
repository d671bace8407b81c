"""Nearest decoder directions of another SAE: exact, whatever the order of the features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.analyse.partners import SPARE, mutual, partners


def drawn(features: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(features, d, generator=torch.Generator().manual_seed(seed))


def test_three_features_meet_their_partners_by_hand() -> None:
    a = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    b = torch.tensor([[4.0, 3.0], [0.0, -5.0], [0.0, 7.0]])
    found = partners(a, b, 2)
    # cosines: a1 (.8, 0, 0), a2 (.6, −1, 1), a3 (.96, −.8, .8)
    assert found.feature.tolist() == [[0, 1], [2, 0], [0, 2]]
    np.testing.assert_array_equal(found.cosine, np.float32([[0.8, 0.0], [1.0, 0.6], [0.96, 0.8]]))
    back = partners(b, a, 1)
    assert back.feature.tolist() == [[2], [0], [1]]
    assert mutual(found, back).tolist() == [False, True, True]
    assert mutual(back, found).tolist() == [True, False, True]


def test_mean_of_the_largest_cosines_is_that_of_oracle_11() -> None:
    rows, others = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.8, 0.6], [1.0, 0.0]])
    assert partners(rows, others, 1).mmcs() == pytest.approx(0.8)


def test_equal_directions_come_by_number_however_many_there_are() -> None:
    many = 3 * SPARE
    others = torch.cat([torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 1.0]]).repeat(many, 1)])
    found = partners(torch.tensor([[3.0, 3.0]]), others * torch.linspace(1, 2, many + 1)[:, None], 4)
    assert found.feature.tolist() == [[1, 2, 3, 4]]
    assert found.cosine.tolist() == [[1.0, 1.0, 1.0, 1.0]]


def test_row_without_a_direction_has_no_partner_and_is_nobodys() -> None:
    a, b = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [-1.0, 0.0]])
    found = partners(a, b, 4)
    assert found.feature.tolist() == [[-1, -1], [1, -1]]
    assert np.isnan(found.cosine[0]).all()
    assert found.cosine[1, 0] == -1.0
    assert mutual(found, partners(b, a, 4)).tolist() == [False, True]
    empty = partners(a, torch.zeros(2, 2), 4)
    assert (empty.feature == -1).all()
    assert np.isnan(empty.mmcs())


def test_permuted_sae_matches_itself_perfectly() -> None:
    rows = drawn(300, 16, 1)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(2))
    found = partners(rows, 5 * rows[order], 4)
    assert torch.equal(order[torch.from_numpy(found.feature[:, 0]).long()], torch.arange(300))
    assert (found.cosine[:, 0] == 1).all()
    assert mutual(found, partners(rows[order], rows, 4)).all()


def test_partners_are_those_of_the_whole_matrix_in_float64() -> None:
    a, b = drawn(60, 8, 3), drawn(90, 8, 4)
    unit = [rows.double() / rows.double().norm(dim=1, keepdim=True) for rows in (a, b)]
    whole = (unit[0] @ unit[1].T).numpy()
    found = partners(a, b, 5)
    np.testing.assert_array_equal(found.feature, np.argsort(-whole, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(found.cosine, -np.sort(-whole, axis=1)[:, :5], rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    features=st.integers(1, 24),
    others=st.integers(1, 24),
    memory=st.integers(1, 20_000),
    coarse=st.booleans(),
)
def test_matching_depends_neither_on_the_order_of_features_nor_on_how_it_is_cut(
    seed: int, features: int, others: int, memory: int, coarse: bool
) -> None:
    a, b = drawn(features, 3, seed), drawn(others, 3, seed + 1)
    if coarse:  # many equal directions
        a, b = a.round(), b.round()
    draw = np.random.default_rng(seed + 2)
    order, other_order = draw.permutation(features), draw.permutation(others)
    straight = partners(a, b, 3)
    turned = partners(a[order], b[other_order], 3, memory)
    np.testing.assert_array_equal(turned.cosine, straight.cosine[order])
    cut = partners(a, b, 3, memory)
    np.testing.assert_array_equal(cut.feature, straight.feature)
    # among equal directions the number decides, so that only a single best one stays the same
    cosine = np.pad(np.nan_to_num(straight.cosine[order], nan=-2), ((0, 0), (0, 2)), constant_values=-2)
    alone = cosine[:, 0] > cosine[:, 1]
    np.testing.assert_array_equal(other_order[turned.feature[alone, 0]], straight.feature[order, 0][alone])
