"""Oracle O-2 and the additive statistics (A-21, A-22)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.retrieval.score import clip_score
from backend.retrieval.statistics import CodeCollector, pair_statistics
from backend.sae.codes import SparseCodes

# O-2: codes of one feature in seven clips, and μ, c, r
O2 = {
    "a": ([8, 0, 0, 0], 2, 0.25, 0.5),
    "b": ([1, 1, 1, 1], 1, 1, 1),
    "c": ([1.5, 1.5, 1.5, 0], 1.125, 0.75, 0.84375),
    "d": ([1.8, 1.8, 1.8, 0], 1.35, 0.75, 1.0125),
    "e": ([0, 0, 0], 0, 0, 0),
    "g": ([0, 0, 0, 0, 0], 0, 0, 0),
    "f": ([3], 3, 1, 3),
}


def column(values: list[float]) -> SparseCodes:
    return SparseCodes.from_dense(torch.tensor(values, dtype=torch.float32)[:, None])


def statistics(values: list[float]) -> tuple[float, int, float]:
    run = pair_statistics(column(values), np.array([0]), np.array([len(values)]))
    if not len(run.sum):
        return 0.0, 0, 0.0
    return float(run.sum[0]), int(run.count[0]), float(run.max[0])


@pytest.mark.parametrize("name", O2)
def test_mean_coverage_and_r_are_the_printed_ones(name: str) -> None:
    values, mean, coverage, r = O2[name]
    total, count, largest = statistics(values)
    tokens = len(values)
    assert clip_score(total, count, tokens, "mean") == pytest.approx(mean, abs=1e-7)
    assert clip_score(total, count, tokens, "coverage") == coverage
    assert clip_score(total, count, tokens, "r") == pytest.approx(r, abs=1e-7)
    assert largest == np.float32(max(values))


def test_the_three_scores_order_the_clips_in_three_ways() -> None:
    rows = {name: (*statistics(O2[name][0])[:2], len(O2[name][0])) for name in "abcd"}
    order = {
        which: "".join(sorted(rows, key=lambda n: (-float(clip_score(*rows[n], which)), n)))
        for which in ("mean", "coverage", "r")
    }
    assert order == {"mean": "adcb", "coverage": "bcda", "r": "dbca"}


def test_merged_shards_score_072_and_counting_padding_would_score_018() -> None:
    one, two = statistics([0, 2, 0]), statistics([1, 3])
    total, count = one[0] + two[0], one[1] + two[1]
    assert (total, count) == (6, 3)
    assert clip_score(total, count, 5) == 0.72
    assert clip_score(total, count, 10) == 0.18


def test_clip_without_tokens_scores_zero() -> None:
    assert clip_score([0.0], [0], [0]).tolist() == [0.0]


def test_pairs_come_by_feature_then_clip_with_their_codes_in_token_order() -> None:
    z = torch.tensor([[0.0, 2], [1, 3], [0, 5], [4, 0]])
    run = pair_statistics(SparseCodes.from_dense(z), np.array([9, 4]), np.array([2, 2]))
    assert run.start.tolist() == [0, 2, 4]
    assert run.clip.tolist() == [9, 4, 9, 4]
    assert run.sum.tolist() == [1, 4, 5, 5]
    assert run.count.tolist() == [1, 1, 2, 1]
    assert run.max.tolist() == [1, 4, 3, 5]
    assert run.entries.tolist() == [1, 1, 2, 1]
    assert run.token.tolist() == [1, 1, 0, 1, 0]
    assert run.value.tolist() == [1, 4, 2, 3, 5]


def test_negative_codes_lower_the_sum_and_are_not_counted() -> None:
    run = pair_statistics(column([-2.0, 3.0, -4.0]), np.array([0]), np.array([3]))
    assert (run.sum.tolist(), run.count.tolist(), run.max.tolist()) == ([-3.0], [1], [3.0])


def test_clip_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pair_statistics(column([1, 2, 3]), np.array([0]), np.array([2]))


def test_sum_over_many_tokens_is_accumulated_in_double_precision() -> None:
    values = [1e8] + [1.0] * 1000
    assert statistics(values)[0] == 1e8 + 1000


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), clips=st.integers(1, 12), cuts=st.integers(1, 6), keep=st.floats(0.0, 1.0))
def test_statistics_do_not_depend_on_the_batches_the_codes_came_in(
    seed: int, clips: int, cuts: int, keep: float
) -> None:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, 9, clips)
    dense = draw.normal(size=(int(lengths.sum()), 5)).astype(np.float32)
    dense[draw.random(dense.shape) > keep] = 0
    begin = np.cumsum(lengths) - lengths
    rows = draw.permutation(clips)
    together = pair_statistics(SparseCodes.from_dense(torch.from_numpy(dense)), rows, lengths)
    collector = CodeCollector(5)
    for part in np.array_split(np.arange(clips), cuts):
        if len(part):
            block = dense[begin[part[0]] : begin[part[-1]] + lengths[part[-1]]]
            collector.add(SparseCodes.from_dense(torch.from_numpy(block)), rows[part], lengths[part])
    apart = collector.finish()
    for name in ("start", "clip", "sum", "count", "max", "entries", "token", "value"):
        assert np.array_equal(getattr(together, name), getattr(apart, name)), name


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    window=st.integers(1, 12),
    score=st.sampled_from(["r", "mean", "coverage"]),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_best_window_equals_trying_every_window(seed: int, window: int, score: str, lengths: list[int]) -> None:
    draw = np.random.default_rng(seed)
    dense = np.round(draw.random((sum(lengths), 2)) * 8).astype(np.float32) / 4
    dense[draw.random(dense.shape) < 0.5] = 0
    run = pair_statistics(
        SparseCodes.from_dense(torch.from_numpy(dense)), np.arange(len(lengths)), np.array(lengths), window, score
    )  # type: ignore[arg-type]
    begin = np.cumsum(lengths) - lengths
    for feature in range(2):
        for at in range(run.start[feature], run.start[feature + 1]):
            clip = run.clip[at]
            z = dense[begin[clip] : begin[clip] + lengths[clip], feature]
            size = min(window, len(z))
            brute = max(
                float(clip_score(z[s : s + size].sum(), (z[s : s + size] > 0).sum(), size, score))  # type: ignore[arg-type]
                for s in range(len(z) - size + 1)
            )
            found = clip_score(run.window_sum[at], run.window_count[at], size, score)  # type: ignore[arg-type]
            assert float(found) == pytest.approx(brute, rel=1e-12)
