"""H, L, the re-draws of L and the control of small files (A-23, A-24, A-31)."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_files import O19_CLIPS, random_clips, scored_file

from backend.describe.scores.draws import distinct, words
from backend.describe.scores.groups import Groups, listed_clips
from backend.store.retrieval import RetrievalFile

ONE_ACTIVE = [np.array([[3.0]]), np.array([[1.0]]), np.array([[2.0]])] + [np.zeros((1, 1))] * 20


def groups_of(file: RetrievalFile, *, redraws: int = 10, seed: int = 0, unknown: tuple[int, ...] = ()) -> Groups:
    known = np.ones(file.clips, bool)
    known[list(unknown)] = False
    return Groups(file, known, redraws=redraws, seed=seed)


def test_redraws_are_the_next_blocks_of_the_least_list_with_l_the_first(tmp_path: Path) -> None:
    with scored_file(tmp_path, ONE_ACTIVE, p=3, list_length=12) as file:
        groups = groups_of(file, redraws=3)
        least = file.feature(0).least_clips
        assert groups.draws(np.array([0])).tolist() == [[least[0:3].tolist(), least[3:6].tolist(), least[6:9].tolist()]]
        assert groups.low.tolist() == [least[:3].tolist()]
        assert not groups.decided[0]


def test_draws_end_with_the_stored_clips_of_score_zero(tmp_path: Path) -> None:
    """20 of 23 clips score 0: six blocks of three, the seventh would hold an active clip."""
    with scored_file(tmp_path, ONE_ACTIVE, p=3) as file:
        draws = groups_of(file, redraws=8).draws(np.array([0]))[0]
        assert (draws >= 0).all(axis=1).tolist() == [True] * 6 + [False] * 2
        assert set(draws[:6].ravel().tolist()) <= set(range(3, 23))
        assert len(set(draws[:6].ravel().tolist())) == 18


def test_draws_under_index_order_are_subsets_of_the_stored_ties(tmp_path: Path) -> None:
    with scored_file(tmp_path, ONE_ACTIVE, p=3, tie_break="index", list_length=8) as file:
        draws = groups_of(file, redraws=40).draws(np.array([0]))[0]
        assert {len(set(draw)) for draw in draws.tolist()} == {3}
        assert set(draws.ravel().tolist()) == set(range(3, 11))
        assert len({tuple(sorted(draw)) for draw in draws.tolist()}) > 20


@pytest.mark.parametrize("rule", ["hash", "index"])
def test_l_of_the_only_inactive_clips_is_not_decided_by_ties(tmp_path: Path, rule: str) -> None:
    clips = [np.array([[float(v)]]) for v in (3, 1, 0, 2, 0)]
    with scored_file(tmp_path, clips, p=2, tie_break=rule) as file:
        groups = groups_of(file)
        assert sorted(groups.low[0].tolist()) == [2, 4]
        assert groups.decided.tolist() == [True]


def test_l_of_active_clips_is_not_decided_by_ties(tmp_path: Path) -> None:
    """Also where the list ends before the clips do, but not inside a tie that L reaches into."""
    clips = [np.array([[float(v)]]) for v in (3, 1, 4, 2, 5)]
    for length, decided in ((64, True), (3, True), (2, False)):
        with scored_file(tmp_path / str(length), clips, p=2, list_length=length) as file:
            groups = groups_of(file)
            assert groups.low[0].tolist() == [1, 3]
            assert groups.decided.tolist() == [decided]


def test_ties_for_the_last_places_of_l_are_drawn_and_the_better_clips_stay(tmp_path: Path) -> None:
    """By coverage: clip 0 scores 0, four clips 0.5, two 1; L of three clips is clip 0 and two of the four."""
    half, full = np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]])
    clips = [np.zeros((2, 1)), half, full, half, half, full, half]
    for rule, possible in (("hash", 2), ("index", 5)):
        with scored_file(tmp_path / rule, clips, p=3, score="coverage", tie_break=rule) as file:
            groups = groups_of(file, redraws=5)
            draws = groups.draws(np.array([0]))[0]
            there = draws[(draws >= 0).all(axis=1)]
            assert not groups.decided[0]
            assert len(there) == possible
            assert {draw[0] for draw in there.tolist()} == {0}
            assert {clip for draw in there.tolist() for clip in draw[1:]} <= {1, 3, 4, 6}
            assert {len(set(draw)) for draw in there.tolist()} == {3}


def test_full_list_that_ends_inside_the_ties_has_only_l_itself(tmp_path: Path) -> None:
    """Three stored entries, all of score 0, and more such clips that were not stored."""
    for rule in ("hash", "index"):
        with scored_file(tmp_path / rule, ONE_ACTIVE, p=3, list_length=3, tie_break=rule) as file:
            groups = groups_of(file, redraws=4)
            assert not groups.decided[0]
            assert (groups.draws(np.array([0]))[0, :, 0] >= 0).sum() <= 1


def test_draw_with_a_clip_without_embedding_is_left_out(tmp_path: Path) -> None:
    with scored_file(tmp_path, ONE_ACTIVE, p=3, list_length=9) as file:
        bad = int(file.feature(0).least_clips[4])
        draws = groups_of(file, redraws=3, unknown=(bad,)).draws(np.array([0]))[0]
        assert (draws >= 0).all(axis=1).tolist() == [True, False, True]


def test_feature_with_fewer_than_p_active_clips_is_not_complete(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        assert groups_of(file).complete.tolist() == [True, True, False]


def test_group_with_a_clip_without_embedding_is_complete_and_not_embedded(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        low = file.feature(1).least_clips[:3].tolist()
        assert low == [0, 7, 3]
        groups = groups_of(file, unknown=(7,))
        assert groups.complete.tolist() == [True, True, False]
        assert groups.embedded.tolist() == [False, False, False]
        assert groups_of(file, unknown=(4,)).embedded.tolist() == [False, True, False]


def test_control_holds_different_clips_that_may_be_listed_and_have_an_embedding(tmp_path: Path) -> None:
    with scored_file(tmp_path, random_clips(0, 30, 200, 0.5), p=4, n_clips=33, min_tokens=2) as file:
        allowed = set(np.flatnonzero(listed_clips(file)).tolist()) - {5}
        assert len(allowed) < 29
        drawn = groups_of(file, unknown=(5,)).control(np.arange(200))
        assert {len(set(clips)) for clips in drawn.tolist()} == {4}
        assert set(drawn.ravel().tolist()) == allowed


def test_control_of_a_feature_depends_on_seed_and_feature_only(tmp_path: Path) -> None:
    with scored_file(tmp_path, random_clips(0, 30, 8, 0.5), p=4) as file:
        all_of_them = groups_of(file).control(np.arange(8))
        some = groups_of(file).control(np.array([6, 2]))
        assert some.tolist() == all_of_them[[6, 2]].tolist()
        assert groups_of(file, seed=1).control(np.arange(8)).tolist() != all_of_them.tolist()
        assert len({tuple(clips) for clips in all_of_them.tolist()}) == 8


def test_too_few_clips_make_no_control(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        assert groups_of(file, unknown=(0, 1, 2, 3, 4, 5)).control(np.arange(3)).tolist() == [[-1] * 3] * 3


@settings(deadline=None)
@given(available=st.integers(1, 9), count=st.integers(1, 9), seed=st.integers(0, 2**31 - 1))
def test_drawn_numbers_are_different_and_below_the_limit(available: int, count: int, seed: int) -> None:
    random = words(seed, np.arange(20), 3, count)
    drawn = distinct(random, np.full(20, available))[:, :available]
    assert all(sorted(set(row)) == sorted(row) for row in drawn.tolist())
    assert drawn.min() >= 0
    assert drawn.max() < available


def test_every_ordered_choice_is_equally_likely() -> None:
    """12 ordered pairs of 4 numbers in 12,000 draws: 1,000 each, within five standard deviations (30)."""
    drawn = distinct(words(0, np.arange(12000), 1, 2), np.full(12000, 4))
    found = Counter(map(tuple, drawn.tolist()))
    assert set(found) == set(itertools.permutations(range(4), 2))
    assert max(abs(n - 1000) for n in found.values()) < 150


def test_streams_and_seeds_give_other_words() -> None:
    def of(seed: int, stream: int) -> Any:
        return words(seed, np.arange(3), stream, 4)

    distinct_words = np.concatenate([of(0, 1), of(0, 2), of(1, 1), of(1, 2)])
    assert len(np.unique(distinct_words)) == distinct_words.size
    assert of(0, 1).tolist() == of(0, 1).tolist()
