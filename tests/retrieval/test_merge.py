"""The external merge: any sharding, order and batch size give the same file (X-4)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval_builders import Clip, Options, build

from backend.retrieval.merge import feature_blocks
from backend.retrieval.strongest import StrongestFeatures


def contents(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as handle:
        handle.visititems(
            lambda name, node: found.update({name: node[...]}) if isinstance(node, h5py.Dataset) else None
        )
    return found


def random_clips(draw: np.random.Generator, clips: int, features: int, keep: float) -> list[Clip]:
    out = []
    for row in range(clips):
        z = draw.gamma(2.0, size=(int(draw.integers(1, 12)), features)).astype(np.float32)
        z[draw.random(z.shape) > keep] = 0
        out.append((row, z))
    return out


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    shards=st.integers(1, 7),
    batch=st.integers(1, 9),
    run_codes=st.sampled_from([1, 40, 10**9]),
    memory=st.sampled_from([1, 20_000, 1 << 30]),
    window=st.sampled_from([0, 3]),
)
def test_one_shard_and_seven_shuffled_shards_give_the_same_file(
    seed: int, shards: int, batch: int, run_codes: int, memory: int, window: int
) -> None:
    draw = np.random.default_rng(seed)
    clips = random_clips(draw, 40, 6, 0.4)
    plain = Options(list_length=5, tie_seed=1, window=window, quantiles=3)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        build(Path(one), [clips], plain, n_clips=40, features=6).close()
        parts = [[clips[i] for i in part] for part in np.array_split(draw.permutation(40), shards)]
        small = Options(**{**plain.__dict__, "memory": memory})
        build(Path(many), parts, small, n_clips=40, features=6, batch_clips=batch, run_codes=run_codes).close()
        expected, found = contents(Path(one) / "retrieval.h5"), contents(Path(many) / "retrieval.h5")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert value.tobytes() == found[name].tobytes(), name


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), exact=st.booleans())
def test_clips_cut_between_shards_add_up(seed: int, exact: bool) -> None:
    draw = np.random.default_rng(seed)
    clips = random_clips(draw, 25, 4, 0.5)
    if exact:
        clips = [(row, np.round(z * 8) / 8) for row, z in clips]
    pieces: list[tuple[int, int, np.ndarray]] = []
    for row, z in clips:
        cut = int(draw.integers(0, len(z) + 1))
        pieces += [(row, 0, z[:cut]), (row, cut, z[cut:])]
    shards: list[list[tuple[int, int, np.ndarray]]] = [[] for _ in range(7)]
    for piece in draw.permutation(len(pieces)):
        shards[int(draw.integers(7))].append(pieces[piece])
    first = {(s, i): cut for s, shard in enumerate(shards) for i, (_, cut, _) in enumerate(shard)}
    options = Options(list_length=5)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        build(Path(one), [clips], options, n_clips=25, features=4).close()
        cut_up = [[(row, z) for row, _, z in shard] for shard in shards]
        build(Path(many), cut_up, options, n_clips=25, features=4, first=first, batch_clips=3).close()
        expected, found = contents(Path(one) / "retrieval.h5"), contents(Path(many) / "retrieval.h5")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        sums = value.dtype == np.float64 and not exact
        if sums:
            np.testing.assert_allclose(value, found[name], rtol=1e-6, err_msg=name)
        else:
            assert value.tobytes() == found[name].tobytes(), name


def test_traces_are_the_active_tokens_of_every_listed_clip(tmp_path: Path) -> None:
    clips = random_clips(np.random.default_rng(3), 30, 5, 0.3)
    with build(tmp_path, [clips[:11], clips[11:]], Options(list_length=4), n_clips=30, features=5) as file:
        for feature in range(5):
            view = file.feature(feature)
            listed = {*view.most_clips.tolist(), *view.least_clips.tolist()}
            listed |= {c for part in view.quantile_clips for c in part.tolist()}
            active = {row for row in listed if (clips[row][1][:, feature] > 0).any()}
            assert set(view.traces) == active
            for row, trace in view.traces.items():
                z = clips[row][1][:, feature]
                assert trace.token.tolist() == np.flatnonzero(z).tolist()
                assert trace.value.tolist() == z[z > 0].tolist()


def test_strongest_features_of_a_clip_equal_a_full_sort(tmp_path: Path) -> None:
    clips = random_clips(np.random.default_rng(4), 20, 9, 0.2)
    with build(tmp_path, [clips], Options(clip_features=3, memory=1), n_clips=20, features=9) as file:
        for row, z in clips:
            r = z.astype(np.float64).sum(axis=0) * (z > 0).sum(axis=0) / len(z) ** 2
            expected = [k for k in np.lexsort((np.arange(9), -r)) if r[k] > 0][:3]
            features, scores = file.clip_features(row)
            assert features.tolist() == expected
            assert scores.tolist() == r[expected].tolist()


def test_strongest_features_do_not_depend_on_when_they_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(5)
    values = [(np.flatnonzero(draw.random(30) < 0.6), np.round(draw.random(30) * 5)) for _ in range(40)]
    results = []
    for flush in (1, 50, 10**9):
        monkeypatch.setattr("backend.retrieval.strongest.FLUSH", flush)
        table = StrongestFeatures(30, 4)
        for feature, (clips, scores) in enumerate(values):
            table.add(feature, clips, scores[clips])
        results.append(table.finish())
    for features, scores in results[1:]:
        assert np.array_equal(features, results[0][0])
        assert np.array_equal(scores, results[0][1], equal_nan=True)


def test_scoring_window_ignores_how_long_the_clip_is(tmp_path: Path) -> None:
    short = np.array([[2.0], [2.0], [0.0]])
    long = np.concatenate([np.zeros((50, 1)), short, np.zeros((50, 1))])
    with build(tmp_path, [[(0, short), (1, long)]], Options(window=3, p=1), n_clips=2, features=1) as file:
        view = file.feature(0)
        assert view.most_scores.tolist() == pytest.approx([8 / 9, 8 / 9])
        assert file.table()["mean"][0] == pytest.approx(8 / 106)


def test_blocks_cover_every_feature_once_and_respect_the_memory(tmp_path: Path) -> None:
    clips = random_clips(np.random.default_rng(6), 50, 40, 0.5)
    build(tmp_path, [clips], Options(), n_clips=50, features=40).close()
    from backend.retrieval.spill import places

    runs = places(tmp_path / "spill-0.h5")
    whole = list(feature_blocks(runs, 40, 10, 1 << 30))
    assert whole == [(0, 40)]
    many = list(feature_blocks(runs, 40, 10, 50_000))
    assert len(many) > 3
    assert [low for low, _ in many] == [0, *[high for _, high in many[:-1]]]
    assert many[-1][1] == 40


def test_pair_table_can_be_left_out(tmp_path: Path) -> None:
    clips = random_clips(np.random.default_rng(7), 10, 3, 0.5)
    with build(tmp_path, [clips], Options(pair_table=False), n_clips=10, features=3) as file:
        assert file.pairs(0) is None
        assert len(file.feature(0).most_clips) == 3
