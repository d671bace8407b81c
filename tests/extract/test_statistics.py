from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.extract.statistics import merge, outliers, save
from backend.store.activations import (
    ActivationStore,
    Extras,
    Sums,
    from_store,
    open_shard,
    read_extras,
    read_sums,
    to_store,
    write_shard,
)
from backend.study.atomic import write_json


def sums_of(x: np.ndarray) -> Sums:
    exact = x.astype(np.float64)
    return Sums(exact.sum(0), (exact**2).sum(0), np.linalg.norm(exact, axis=1).astype(np.float32))


def test_statistics_of_two_vectors_are_those_of_oracle_12() -> None:
    x = np.array([[3.0, 4.0], [0.0, 10.0]], np.float32)
    found = merge([sums_of(x[:1]), sums_of(x[1:])], 2)
    assert found.mean.tolist() == [1.5, 7.0]
    assert found.std.tolist() == [1.5, 3.0]
    assert np.sqrt(found.mean_square_norm) == np.sqrt(62.5)
    assert (found.median_norm, found.max_norm, found.tokens) == (7.5, 10.0, 2)


def test_layer_without_tokens_has_zero_statistics() -> None:
    found = merge([sums_of(np.empty((0, 3), np.float32))], 3)
    assert found.tokens == 0
    assert found.mean.tolist() == [0.0, 0.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 2**31))
def test_merged_statistics_equal_those_of_the_whole(sizes: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(3.0, 2.0, (sum(sizes), 4)).astype(np.float32)
    parts = np.split(x, np.cumsum(sizes)[:-1])
    found = merge([sums_of(part) for part in parts], 4)
    if len(x):
        exact = x.astype(np.float64)
        np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.std, exact.std(0), rtol=1e-7, atol=1e-6)
        np.testing.assert_allclose(found.median_norm, np.median(np.linalg.norm(exact, axis=1)), rtol=1e-6)


def test_token_beyond_the_factor_times_the_median_is_an_outlier() -> None:
    norm = np.array([1.0, 2.0, 3.0, 20.0, 20.5], np.float32)
    assert outliers(norm, 2.0, 10.0).tolist() == [False, False, False, False, True]
    assert not outliers(norm, 2.0, 0.0).any()


def test_shard_statistics_are_of_the_values_before_rounding(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    write_shard(tmp_path / "s.h5", x, np.array([4, 7]), np.array([1, 4999]), dtype="float16")
    sums = read_sums(tmp_path / "s.h5")
    np.testing.assert_allclose(sums.total, x.astype(np.float64).sum(0), rtol=1e-12)
    np.testing.assert_allclose(sums.squares, (x.astype(np.float64) ** 2).sum(0), rtol=1e-12)
    shard = open_shard(tmp_path / "s.h5")
    assert np.array_equal(np.asarray(shard.x), x.astype(np.float16))
    assert np.abs(shard.rows(slice(0, 5000)) - x).max() < 4 * 2**-11


def test_shard_that_would_overflow_float16_is_stored_as_bfloat16(tmp_path: Path) -> None:
    x = np.array([[1.0, 1e5], [-2.0, 3.0]], np.float32)
    write_shard(tmp_path / "s.h5", x, np.array([0]), np.array([2]), dtype="float16")
    shard = open_shard(tmp_path / "s.h5")
    assert shard.dtype == "bfloat16"
    np.testing.assert_allclose(shard.rows(slice(0, 2)), x, rtol=2**-8)
    assert np.array_equal(shard.rows(slice(0, 2)), from_store(*to_store(x, "float16")))


def test_shard_returns_times_transcripts_and_skipped_clips(tmp_path: Path) -> None:
    extras = Extras(
        seconds=np.array([[0.0, 0.5], [0.5, 0.75]]),
        approximate=True,
        text=("two words",),
        skipped=((3, "too short"), (9, "damaged")),
    )
    write_shard(
        tmp_path / "s.h5", np.ones((2, 2), np.float32), np.array([1]), np.array([2]), dtype="float32", extras=extras
    )
    found = read_extras(tmp_path / "s.h5")
    assert found.seconds is not None
    assert found.seconds.tolist() == [[0.0, 0.5], [0.5, 0.75]]
    assert (found.approximate, found.text, found.skipped) == (True, extras.text, extras.skipped)


def test_store_gathers_rows_of_all_shards_in_the_asked_order(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.float32).reshape(12, 2)
    for number, part in enumerate(np.split(x, [5, 5, 9])):
        clip = np.array([number]) if len(part) else np.empty(0, np.int64)
        write_shard(tmp_path / f"shard-{number}.h5", part, clip, np.array([len(part)] * len(clip)), dtype="float32")
    save(tmp_path / "statistics.npz", merge([sums_of(x)], 2))
    outputs = {"shards": [f"shard-{i}.h5" for i in range(4)], "d": 2, "seconds_per_token": 0.02}
    write_json(tmp_path / "manifest.json", {"fingerprint": "f", "settings": {"layer": "e.0"}, "outputs": outputs})
    store = ActivationStore(tmp_path)
    asked = np.array([11, 0, 5, 4, 4, 9, 8])
    assert np.array_equal(store.gather(asked), x[asked])
    clip, length = store.clips()
    assert (clip.tolist(), length.tolist()) == ([0, 2, 3], [5, 4, 3])


def test_equal_statistics_are_equal_bytes(tmp_path: Path) -> None:
    x = np.ones((3, 2), np.float32)
    for name in ("a.npz", "b.npz"):
        save(tmp_path / name, merge([sums_of(x)], 2))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
