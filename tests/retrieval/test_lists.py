"""Most, least and quantile lists against brute force and oracle O-19 (A-22 to A-25)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrieval_builders import O19, Clip, Options, build

from backend.retrieval.lists import ListRules, Ranker, histogram, identities
from backend.retrieval.score import clip_score
from backend.retrieval.ties import TieOrder, tie_key
from backend.store.retrieval import STATUS, RetrievalFile

O19_CLIPS: list[Clip] = [(row, np.array(z)) for row, z in enumerate(O19)]


def scores_of(file: RetrievalFile, feature: int) -> list[float]:
    pairs = file.pairs(feature)
    assert pairs is not None
    out = np.zeros(file.clips)
    tokens = np.array([file.tokens(int(c)) for c in pairs["clip"]])
    out[pairs["clip"]] = clip_score(pairs["sum"], pairs["count"], tokens)
    return out.tolist()


def test_o19_scores_by_feature_are_the_printed_ones(tmp_path: Path) -> None:
    with build(tmp_path, [O19_CLIPS], Options(), n_clips=8, features=3) as file:
        assert scores_of(file, 0) == [3, 1, 0, 0, 0, 0.25, 0, 0]
        assert scores_of(file, 1) == [0, 0.25, 1.3125, 0, 0, 0, 2, 0]
        assert scores_of(file, 2) == [0, 0, 0, 0, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("rule", "feature", "most", "least"),
    [
        ("index", 0, [0, 1, 5], [2, 3, 4]),
        ("index", 1, [6, 2, 1], [0, 3, 4]),
        ("hash", 0, [0, 1, 5], [4, 7, 6]),
        ("hash", 1, [6, 2, 1], [0, 7, 3]),
    ],
)
def test_o19_h_and_l_are_the_printed_ones(
    tmp_path: Path, rule: str, feature: int, most: list[int], least: list[int]
) -> None:
    with build(tmp_path, [O19_CLIPS], Options(tie_break=rule), n_clips=8, features=3) as file:
        view = file.feature(feature)
        assert view.most_clips.tolist() == most
        assert view.least_clips.tolist() == least
        assert view.least_scores.tolist() == [0, 0, 0]


def test_feature_with_fewer_than_p_active_clips_is_insufficient_and_a_silent_one_dead(tmp_path: Path) -> None:
    clips = [(row, np.pad(z, ((0, 0), (0, 1)))) for row, z in O19_CLIPS]
    with build(tmp_path, [clips], Options(), n_clips=8, features=4) as file:
        table = file.table()
        assert [STATUS[s] for s in table["status"]] == ["ok", "ok", "insufficient", "dead"]
        assert table["support"].tolist() == [3, 3, 1, 0]
        assert table["max"].tolist() == [4, 3, 2, 0]
        assert table["frequency"].tolist() == pytest.approx([5 / 20, 6 / 20, 1 / 20, 0])
        assert table["mean_active"].tolist() == pytest.approx([9 / 5, 12 / 6, 2, 0])


def test_lists_hold_every_clip_once_where_there_are_fewer_than_asked(tmp_path: Path) -> None:
    with build(tmp_path, [O19_CLIPS], Options(list_length=64), n_clips=8, features=3) as file:
        view = file.feature(0)
        assert view.most_clips.tolist() == [0, 1, 5]
        assert sorted(view.least_clips.tolist()) == list(range(8))
        assert view.least_clips.tolist()[-3:] == [5, 1, 0]


def test_clips_that_are_too_short_are_counted_and_not_listed(tmp_path: Path) -> None:
    with build(tmp_path, [O19_CLIPS], Options(min_tokens=2, list_length=8), n_clips=8, features=3) as file:
        assert file.table()["support"].tolist() == [3, 3, 1]
        assert file.feature(2).most_clips.tolist() == []
        assert 4 not in file.feature(0).least_clips


def test_clip_without_tokens_is_in_no_list(tmp_path: Path) -> None:
    with build(tmp_path, [O19_CLIPS], Options(list_length=20), n_clips=11, features=3) as file:
        assert set(file.feature(0).least_clips.tolist()) == set(range(8))


def test_identical_audio_appears_once_in_the_most_list_only(tmp_path: Path) -> None:
    same = np.arange(8)
    same[1] = same[0]
    with build(tmp_path, [O19_CLIPS], Options(identity=same, list_length=8, p=3), n_clips=8, features=3) as file:
        assert file.feature(0).most_clips.tolist() == [0, 5]
        assert {0, 1} <= set(file.feature(0).least_clips.tolist())
        assert STATUS[file.table()["status"][0]] == "insufficient"


def test_identity_is_content_and_seconds_and_never_a_missing_hash() -> None:
    numbers = identities(
        ["x", "x", "x", "", "", "y"],
        np.array([0, 0, 5.0, 0, 0, 0]),
        np.array([np.nan] * 2 + [9.0] + [np.nan] * 3),
        [None] * 6,
    )
    assert numbers[0] == numbers[1]
    assert len(set(numbers.tolist())) == 5


def test_files_of_other_bytes_that_decode_to_the_same_samples_are_identical() -> None:
    whole, ends = np.zeros(4), np.full(4, np.nan)
    numbers = identities(["x", "y", "z", "z"], whole, ends, [7, 7, 8, None])
    assert numbers[0] == numbers[1]
    assert len(set(numbers.tolist())) == 3


def brute_lists(
    scores: np.ndarray, feature: int, ids: np.ndarray, seed: int, length: int
) -> tuple[list[int], list[int]]:
    keys = [int(k) for k in tie_key(seed, feature, ids)]
    rows = range(len(scores))
    most = sorted((r for r in rows if scores[r] > 0), key=lambda r: (-scores[r], keys[r]))[:length]
    return most, sorted(rows, key=lambda r: (scores[r], keys[r]))[:length]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**31 - 1),
    clips=st.integers(1, 300),
    length=st.integers(1, 70),
    keep=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    coarse=st.booleans(),
    which=st.sampled_from(["r", "mean", "coverage"]),
)
def test_lists_equal_a_full_sort_of_random_codes(
    tmp_path: Path, seed: int, clips: int, length: int, keep: float, coarse: bool, which: str
) -> None:
    draw = np.random.default_rng(seed)
    ids = draw.integers(0, 2**64, clips, dtype=np.uint64)
    tokens = draw.integers(1, 6, clips)
    dense = []
    for count in tokens:
        z = draw.random((count, 3)).astype(np.float32)
        z = np.ceil(z * 2) if coarse else z
        z[draw.random(z.shape) > keep] = 0
        dense.append(z)
    options = Options(list_length=length, p=1, score=which, tie_seed=5, ids=ids)
    with build(tmp_path, [list(enumerate(dense))], options, n_clips=clips, features=3) as file:
        for feature in range(3):
            columns = [z[:, feature].astype(np.float64) for z in dense]
            scores = np.array(
                [clip_score(z.sum(), (z > 0).sum(), len(z), which) for z in columns]  # type: ignore[arg-type]
            )
            most, least = brute_lists(scores, feature, ids, 5, length)
            view = file.feature(feature)
            assert view.most_clips.tolist() == most
            assert view.least_clips.tolist() == least
            assert view.least_scores.tolist() == scores[least].tolist()


@pytest.mark.parametrize("rule", ["hash", "index"])
def test_negative_scores_come_before_zero_and_positive_ones_in_the_least_list(rule: str) -> None:
    ranker = Ranker(TieOrder(np.arange(6, dtype=np.uint64), rule), np.ones(6, bool), ListRules(list_length=6))  # type: ignore[arg-type]
    ranking = ranker.rank(0, np.array([0, 2, 4, 5]), np.array([2.0, -1.0, 1.0, -3.0]))
    assert ranking.least[[0, 1, 4, 5]].tolist() == [5, 2, 4, 0]
    assert sorted(ranking.least[2:4].tolist()) == [1, 3]
    assert ranking.most.tolist() == [0, 4]


def test_quantile_parts_hold_clips_by_the_share_of_smaller_scores() -> None:
    ranker = Ranker(
        TieOrder(np.arange(10, dtype=np.uint64)), np.ones(10, bool), ListRules(quantiles=5, quantile_clips=4)
    )
    ranking = ranker.rank(0, np.arange(10), np.arange(1.0, 11.0))
    assert [sorted(part.tolist()) for part in ranking.quantiles] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert [scores.tolist() for scores in ranking.quantile_scores][4] == [10.0, 9.0]


def test_equal_scores_share_a_quantile_part() -> None:
    ranker = Ranker(TieOrder(np.arange(9, dtype=np.uint64)), np.ones(9, bool), ListRules(quantiles=3, quantile_clips=9))
    ranking = ranker.rank(0, np.arange(9), np.array([1.0] * 8 + [2.0]))
    assert [len(part) for part in ranking.quantiles] == [8, 0, 1]


def test_quantile_clips_do_not_depend_on_the_order_of_the_clips() -> None:
    draw = np.random.default_rng(0)
    rows, scores = np.arange(200), draw.random(200)
    ranker = Ranker(TieOrder(draw.integers(0, 2**64, 200, dtype=np.uint64)), np.ones(200, bool), ListRules())
    turned = draw.permutation(200)
    one, two = ranker.rank(3, rows, scores), ranker.rank(3, rows[turned], scores[turned])
    assert [p.tolist() for p in one.quantiles] == [p.tolist() for p in two.quantiles]
    assert all(len(p) == 4 for p in one.quantiles)


def test_histogram_equals_numpys_and_counts_the_largest() -> None:
    scores = np.random.default_rng(1).random(1000)
    upper = float(scores.max())
    assert histogram(scores, upper, 32).tolist() == np.histogram(scores, 32, (0, upper))[0].tolist()
    assert histogram(np.array([2.0]), 2.0, 4).tolist() == [0, 0, 0, 1]
    assert histogram(np.empty(0), 0.0, 4).tolist() == [0, 0, 0, 0]
