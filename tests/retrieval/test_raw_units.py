"""Raw residual units: the four readings of O-2 and their lists (A-37a)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.retrieval.lists import ListRules, Ranker
from backend.retrieval.merge import Probing
from backend.retrieval.raw import merge_units, read_units, unit_statistics, units_of, write_units
from backend.retrieval.score import clip_score
from backend.retrieval.spill import Visit
from backend.retrieval.ties import TieOrder
from backend.store import hdf
from backend.store.retrieval import KIND, STATUS, VERSION, RetrievalFile, RetrievalWriter

# O-2: one unit in four clips
P, Q, R, S = [-1, 3, -2, 2], [-3, 1, -3, 1], [-4] * 4, [2] * 4
SETTINGS = {"list_length": 4, "quantiles": 2, "quantile_clips": 2, "histogram_bins": 4, "pair_table": True}


def table(clips: list[list[list[float]]]) -> dict[str, Any]:
    x = torch.tensor(np.concatenate(clips), dtype=torch.float32)
    return unit_statistics(x, np.array([len(c) for c in clips]))


def as_units(*clips: list[int]) -> list[list[list[float]]]:
    return [[[float(v)] for v in clip] for clip in clips]


@pytest.mark.parametrize(
    ("reading", "mean", "r"),
    [
        ("literal", [0.5, -1, -4, 2], [0.25, -0.5, 0, 2]),
        ("relu", [1.25, 0.5, 0, 2], [0.625, 0.25, 0, 2]),
        ("abs", [2, 2, 4, 2], [2, 2, 4, 2]),
    ],
)
def test_readings_give_the_printed_scores(reading: Any, mean: list[float], r: list[float]) -> None:
    units = read_units({name: column.T for name, column in table(as_units(P, Q, R, S)).items()}, reading)
    assert clip_score(units["sum"][0], units["count"][0], 4, "mean").tolist() == mean
    assert clip_score(units["sum"][0], units["count"][0], 4, "r").tolist() == r


def test_split_gives_each_sign_a_unit_of_its_own() -> None:
    units = read_units({name: column.T for name, column in table(as_units(P, Q, R, S)).items()}, "split")
    assert units_of(1, "split") == 2
    assert clip_score(units["sum"], units["count"], 4, "r").tolist() == [[0.625, 0.25, 0, 2], [0.375, 0.75, 4, 0]]


def test_clips_without_tokens_have_zero_sums() -> None:
    found = unit_statistics(torch.ones(3, 2), np.array([2, 0, 1]))
    assert found["positive_sum"].tolist() == [[2, 2], [0, 0], [1, 1]]


def ranked(folder: Path, clips: list[Any], reading: Any, shards: list[list[int]], memory: int) -> RetrievalFile:
    """The retrieval file of raw clips [T, d], cut into shards of clip numbers."""
    paths = []
    tokens = np.array([len(clip) for clip in clips], np.int64)
    for number, shard in enumerate(shards):
        paths.append(folder / f"units-{number}.h5")
        parts = [table([clips[row]]) for row in shard]
        write_units(paths[-1], parts, Visit(np.array(shard, np.int64), tokens[shard]))
    d = len(clips[0][0])
    order = TieOrder(np.arange(len(clips), dtype=np.uint64))
    ranker = Ranker(order, tokens > 0, ListRules(4, 2, 2, 4))
    path = folder / "raw.h5"
    units = units_of(d, reading)
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        writer = RetrievalWriter(
            handle, features=units, clips=len(clips), settings=SETTINGS, seconds_per_token=0.02, largest_token=9,
            raw=True,
        )  # fmt: skip
        merge_units(
            handle, writer, paths, Probing(tokens, False), ranker, d=d, reading=reading, score="r", p=2,
            memory=memory, clip_features=2,
        )  # fmt: skip
        none = np.empty((units, 0), np.int32)
        writer.finish({"neighbours/feature": none, "neighbours/cosine": none.astype(np.float32)})
    return RetrievalFile(path)


def test_literal_order_is_s_p_r_q_although_r_is_the_most_inhibited(tmp_path: Path) -> None:
    with ranked(tmp_path, as_units(P, Q, R, S), "literal", [[0, 1], [2, 3]], 1 << 20) as file:
        view = file.feature(0)
        assert view.most_clips.tolist() == [3, 0]
        assert view.least_clips.tolist() == [1, 2, 0, 3]
        assert view.least_scores.tolist() == [-0.5, 0, 0.25, 2]
        assert STATUS[file.table()["status"][0]] == "ok"
        assert view.traces == {}


def test_strongest_inhibition_leads_the_second_half_of_the_split_units(tmp_path: Path) -> None:
    with ranked(tmp_path, as_units(P, Q, R, S), "split", [[0, 1, 2, 3]], 1 << 20) as file:
        assert file.features == 2
        assert file.feature(1).most_clips.tolist() == [2, 1, 0]
        pairs = file.pairs(1)
        assert pairs is not None
        assert pairs["negative_sum"].tolist() == [3, 6, 16, 0]


@pytest.mark.parametrize("reading", ["literal", "relu", "split", "abs"])
def test_shards_order_and_memory_do_not_matter(tmp_path: Path, reading: Any) -> None:
    draw = np.random.default_rng(0)
    clips = [draw.normal(size=(int(draw.integers(1, 9)), 5)).tolist() for _ in range(30)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        ranked(tmp_path / "a", clips, reading, [list(range(30))], 1 << 20) as one,
        ranked(tmp_path / "b", clips, reading, [p.tolist() for p in np.array_split(draw.permutation(30), 7)], 1) as two,
    ):
        for unit in range(one.features):
            first, second = one.feature(unit), two.feature(unit)
            assert first.most_clips.tolist() == second.most_clips.tolist()
            assert first.least_scores.tolist() == second.least_scores.tolist()
        for name, column in one.table().items():
            assert np.array_equal(column, two.table()[name], equal_nan=True), name
        assert np.array_equal(one.clip_features(3)[0], two.clip_features(3)[0])


def test_dense_lists_equal_a_full_sort(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    clips = [draw.normal(size=(6, 3)).tolist() for _ in range(25)]
    with ranked(tmp_path, clips, "literal", [list(range(25))], 1 << 20) as file:
        for unit in range(3):
            z = np.float32([[token[unit] for token in clip] for clip in clips]).astype(np.float64)
            scores = z.sum(axis=1) * (z > 0).sum(axis=1) / 36
            brute = np.argsort(scores, kind="stable")
            assert file.feature(unit).least_clips.tolist() == brute[:4].tolist()
            assert file.feature(unit).most_clips.tolist() == brute[::-1][:4].tolist()
