import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sae_builders import dense_code

from backend.sae.selection import (
    PreActivations,
    Selected,
    block_size,
    first_of_row,
    select_over_batch,
    select_per_token,
)


def arranged(a: torch.Tensor, block: int) -> PreActivations:
    n, features = a.shape
    return PreActivations(a.view(n, -1, block).transpose(1, 2).reshape(n, features).contiguous(), block)


def dense(entries: Selected) -> torch.Tensor:
    z = torch.zeros(entries.n_tokens, entries.n_features)
    z[entries.token, entries.feature] = entries.value
    return z


@st.composite
def tied_matrices(draw):
    """Small integer matrices, in which nearly every selection has ties at its edge."""
    n, blocks = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    block = draw(st.sampled_from([1, 2, 4]))
    seed, spread = draw(st.integers(0, 10_000)), draw(st.integers(1, 6))
    low = draw(st.sampled_from([-spread, 0]))
    a = torch.randint(low, spread + 1, (n, blocks * block), generator=torch.Generator().manual_seed(seed)).float()
    return a, block, draw(st.integers(1, blocks * block))


@settings(max_examples=300, deadline=None)
@given(tied_matrices(), st.booleans(), st.sampled_from([torch.float32, torch.bfloat16]))
def test_per_token_selection_equals_a_stable_sort_of_each_row(case, relu, dtype):
    a, block, k = case
    entries = select_per_token(arranged(a.to(dtype), block), k, relu)
    torch.testing.assert_close(dense(entries), dense_code(a, k, relu, over_batch=False), rtol=0, atol=0)


@settings(max_examples=300, deadline=None)
@given(tied_matrices(), st.booleans(), st.sampled_from([torch.float32, torch.bfloat16]))
def test_batch_selection_equals_a_stable_sort_of_everything(case, relu, dtype):
    a, block, k = case
    entries = select_over_batch(arranged(a.to(dtype), block), k * a.shape[0], relu)
    torch.testing.assert_close(dense(entries), dense_code(a, k, relu, over_batch=True), rtol=0, atol=0)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_selection_by_sampled_threshold_equals_the_sort_on_a_large_batch(relu, dtype):
    a = torch.randn(512, 1024, generator=torch.Generator().manual_seed(3)).to(dtype)
    entries = select_over_batch(arranged(a, 8), 20 * 512, relu)
    assert entries.feature.numel() == 20 * 512
    torch.testing.assert_close(dense(entries), dense_code(a.float(), 20, relu, over_batch=True), rtol=0, atol=0)


def test_batch_selection_survives_a_sample_that_misleads():
    # all large values lie in one column, so an evenly spaced sample over- or underestimates grossly
    a = torch.zeros(1024, 256)
    a[:, 0] = torch.rand(1024, generator=torch.Generator().manual_seed(0)) + 1
    a[:, 1:] = 1e-3 * torch.rand(1024, 255, generator=torch.Generator().manual_seed(1))
    for count in (512, 1024, 5000):
        entries = select_over_batch(arranged(a, 4), count, relu=True)
        expected = torch.zeros(a.numel())
        order = torch.sort(a.flatten(), descending=True, stable=True).indices[:count]
        expected[order] = a.flatten()[order]
        torch.testing.assert_close(dense(entries).flatten(), expected, rtol=0, atol=0)


def test_lowest_index_wins_among_equal_values():
    position, _ = first_of_row(torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0]]), 2)
    assert sorted(position[0].tolist()) == [1, 2]


def test_batch_ties_go_to_the_lowest_flat_index():
    a = torch.tensor([[0.0, 3.0, 3.0], [3.0, 3.0, 1.0]])
    entries = select_over_batch(PreActivations(a, 1), 3, relu=True)
    assert entries.token.tolist() == [0, 0, 1]
    assert entries.feature.tolist() == [1, 2, 0]


def test_columns_and_order_are_inverse_to_each_other():
    a = torch.arange(24.0).view(2, 12)
    pre = arranged(a, 4)
    torch.testing.assert_close(pre.in_order(), a)
    torch.testing.assert_close(pre.columns[:, pre.column(torch.arange(12))], a)


@pytest.mark.parametrize(("features", "k", "block"), [(3072, 32, 8), (32768, 250, 16), (7, 2, 1), (64, 64, 1)])
def test_block_size_divides_the_features_and_leaves_k_blocks(features, k, block):
    assert block_size(features, k) == block


def test_tokens_and_l0_follow_from_the_offsets():
    entries = Selected(torch.tensor([3, 1, 2]), torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0, 2, 2, 3]), 4)
    assert entries.token.tolist() == [0, 0, 2]
    assert entries.l0.tolist() == [1, 0, 1]
