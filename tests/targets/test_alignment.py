"""Dynamic time warping and cross-attention against transformers and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.whisper.generation_whisper import _dynamic_time_warping, _median_filter

from backend.targets.alignment import alignment_heads, median_filter, token_seconds, warp


@given(n=st.integers(1, 7), f=st.integers(1, 12), seed=st.integers(0, 999), ties=st.booleans())
def test_the_path_is_that_of_transformers(n: int, f: int, seed: int, ties: bool) -> None:
    cost = np.random.default_rng(seed).standard_normal((n, f))
    cost = np.rint(cost) if ties else cost
    ours, theirs = warp(cost), _dynamic_time_warping(cost)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("frames", [1, 3, 4, 20])
def test_the_median_filter_is_that_of_transformers(frames: int) -> None:
    x = torch.randn(2, 3, frames, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(median_filter(x, 7), _median_filter(x[None], 7)[0])


def test_tokens_start_where_attention_moves_to_the_next_row() -> None:
    # one prompt token and two text tokens; rows predict token 1, token 2 and the end
    weights = torch.zeros(1, 3, 9)
    weights[0, 0, 0:3] = weights[0, 1, 3:7] = weights[0, 2, 7:9] = 1.0
    np.testing.assert_allclose(token_seconds(weights, prompt=1, step=0.02, width=1), [[0.0, 0.06], [0.06, 0.14]])


def test_without_named_heads_the_upper_half_of_the_layers_is_used() -> None:
    assert alignment_heads(None, layers=3, heads=2) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert alignment_heads([[0, 1]], layers=3, heads=2) == [(0, 1)]
