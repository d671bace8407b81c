"""Oracle O-3 and the order among equal scores (A-24)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.retrieval.ties import TieOrder, splitmix64, tie_key


def splitmix64_in_python(x: int) -> int:
    z = (x + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def test_splitmix64_has_the_printed_values() -> None:
    assert splitmix64(0) == 0xE220A8397B1DCDAF
    assert splitmix64(1) == 0x910A2DEC89025CC1


def test_key_of_feature_7_and_clip_0_is_the_printed_one() -> None:
    assert int(tie_key(0, 7, np.array([0], np.uint64))[0]) == 0xB8B4C2977EABCE45


@pytest.mark.parametrize(("feature", "expected"), [(7, [7, 8, 1, 2]), (8, [1, 3, 0, 6])])
def test_hash_order_of_ten_clips_is_the_printed_one(feature: int, expected: list[int]) -> None:
    order = TieOrder(np.arange(10, dtype=np.uint64))
    assert order.first(feature, 4, np.arange(10), np.zeros(10, bool)).tolist() == expected


@given(seed=st.integers(0, 2**31 - 1), feature=st.integers(0, 2**17), clip=st.integers(0, 2**64 - 1))
def test_keys_equal_the_definition_in_plain_integers(seed: int, feature: int, clip: int) -> None:
    expected = splitmix64_in_python(splitmix64_in_python(seed * 2**32 + feature) ^ clip)
    assert int(tie_key(seed, feature, np.array([clip], np.uint64))[0]) == expected


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    clips=st.integers(1, 40_000),
    count=st.integers(1, 70),
    share=st.sampled_from([0.0, 0.5, 0.999, 1.0]),
    restricted=st.booleans(),
    rule=st.sampled_from(["hash", "index"]),
)
def test_prefiltered_smallest_keys_equal_a_full_sort(
    seed: int, clips: int, count: int, share: float, restricted: bool, rule: str
) -> None:
    draw = np.random.default_rng(seed)
    ids = draw.integers(0, 2**64, clips, dtype=np.uint64)
    excluded = draw.random(clips) < share
    among = np.flatnonzero(draw.random(clips) < 0.7) if restricted else np.arange(clips)
    order = TieOrder(ids, rule="hash" if rule == "hash" else "index", seed=3)
    allowed = among[~excluded[among]]
    brute = allowed[np.argsort(order.keys(11, allowed), kind="stable")][:count]
    assert order.first(11, count, among, excluded).tolist() == brute.tolist()


def test_order_differs_between_features_and_not_between_clip_orders() -> None:
    ids = np.random.default_rng(0).integers(0, 2**64, 500, dtype=np.uint64)
    turned = ids[::-1].copy()
    nothing = np.zeros(500, bool)
    rows = np.arange(500)
    first = ids[TieOrder(ids).first(1, 20, rows, nothing)]
    assert first.tolist() == turned[TieOrder(turned).first(1, 20, rows, nothing)].tolist()
    assert first.tolist() != ids[TieOrder(ids).first(2, 20, rows, nothing)].tolist()
