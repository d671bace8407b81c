"""Which clips a name is tested on, on activations written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judged_study import file_of, table_of

from backend.describe.detection_samples import SampleDraw, spread, unit_rows
from backend.retrieval.ties import TieOrder
from backend.store.clips import ClipTable

N = 30
# clips 0-11 are active, the strongest first
VALUES = np.array([max(0, 12 - i) for i in range(N)], dtype=np.float32)[:, None]
NAMED = np.array([0, 1])


def some_table(folder: Path, **text: object) -> ClipTable:
    return table_of(folder, [f"r{i}" for i in range(N)], **text)


def vectors(near: dict[int, float]) -> np.ndarray:
    """Clips 0 and 1 point one way; `near` gives the cosine of others with it, all else is perpendicular."""
    rows = np.tile(np.array([0, 0, 2.0], dtype=np.float32), (N, 1))
    rows[[0, 1]] = [5, 0, 0]
    for clip, cosine in near.items():
        rows[clip] = [cosine, np.sqrt(1 - cosine**2), 0]
    return rows


def test_active_clips_are_not_the_named_ones_and_spread_over_the_ranks(tmp_path: Path) -> None:
    table = some_table(tmp_path)
    (sample,) = SampleDraw(file_of(tmp_path, table, VALUES), table, vectors({}), 5).draw([0], [NAMED])
    assert sample.active.tolist() == [3, 5, 7, 9, 11], "ten are left: ranks 1, 3, 5, 7, 9"
    (sample,) = SampleDraw(file_of(tmp_path, table, VALUES), table, vectors({}), 50).draw([0], [NAMED])
    assert sample.active.tolist() == list(range(2, 12))


def test_ranks_are_evenly_spaced() -> None:
    assert spread(np.arange(10), 3).tolist() == [1, 5, 8]
    assert spread(np.arange(3), 5).tolist() == [0, 1, 2]
    assert spread(np.arange(3), 0).tolist() == []


def test_random_clips_follow_those_of_the_score_in_the_least_list(tmp_path: Path) -> None:
    table = some_table(tmp_path)
    file = file_of(tmp_path, table, VALUES)
    (sample,) = SampleDraw(file, table, vectors({}), 6).draw([0], [NAMED])
    assert sample.random.tolist() == file.feature(0).least_clips[2:].tolist()
    assert set(sample.random.tolist()) <= set(range(12, N))


def test_hard_clips_are_the_inactive_ones_nearest_to_the_named(tmp_path: Path) -> None:
    table = some_table(tmp_path)
    near = {3: 0.99, 20: 0.5, 15: 0.9, 28: 0.7, 13: -0.9}
    (sample,) = SampleDraw(file_of(tmp_path, table, VALUES), table, vectors(near), 3).draw([0], [NAMED])
    assert sample.hard.tolist() == [15, 28, 20], "3 is nearer but active"


def test_clips_that_sound_like_a_named_one_are_not_tested_and_each_audio_is_tested_once(tmp_path: Path) -> None:
    same = [f"h{i}" for i in range(N)]
    same[4], same[7], same[21] = same[1], same[6], same[20]
    table = some_table(tmp_path, hash=same)
    (sample,) = SampleDraw(file_of(tmp_path, table, VALUES), table, vectors({}), 50).draw([0], [NAMED])
    assert sample.active.tolist() == [2, 3, 5, 6, 8, 9, 10, 11]
    assert len({20, 21} & set(sample.hard.tolist())) == 1
    assert len({20, 21} & set(sample.random.tolist())) <= 1


def test_clips_without_an_embedding_are_not_tested(tmp_path: Path) -> None:
    table, rows = some_table(tmp_path), vectors({15: 0.9})
    rows[3], rows[15], rows[16] = np.nan, np.inf, 0
    (sample,) = SampleDraw(file_of(tmp_path, table, VALUES), table, rows, 50).draw([0], [NAMED])
    drawn = {*sample.active.tolist(), *sample.random.tolist(), *sample.hard.tolist()}
    assert not drawn & {3, 15, 16}
    assert len(sample.active) == 9


def test_named_clips_without_any_embedding_have_no_hard_clips(tmp_path: Path) -> None:
    table, rows = some_table(tmp_path), vectors({})
    rows[[0, 1]] = np.nan
    (sample,) = SampleDraw(file_of(tmp_path, table, VALUES), table, rows, 50).draw([0], [NAMED])
    assert len(sample.hard) == 0
    assert len(sample.random) == 16


def test_without_a_pair_table_the_lists_are_drawn_from(tmp_path: Path) -> None:
    table = some_table(tmp_path)
    file = file_of(tmp_path, table, VALUES, pair_table=False, list_length=6, quantiles=2, quantile_clips=2)
    (sample,) = SampleDraw(file, table, vectors({}), 50).draw([0], [NAMED])
    view = file.feature(0)
    listed = {2, 3, 4, 5, *view.quantile_clips[0].tolist(), *view.quantile_clips[1].tolist()} - {0, 1}
    assert set(sample.active.tolist()) == listed
    assert len(sample.active) == len(listed)
    assert sample.random.tolist() == view.least_clips[2:].tolist()
    assert len(sample.hard) == 0, "which clips are inactive is not known"


def test_ties_by_index_still_give_random_clips(tmp_path: Path) -> None:
    """The least list then holds the first clips of the table; without the pair table no others are known."""
    table = some_table(tmp_path)
    file = file_of(tmp_path, table, VALUES, tie_break="index")
    (sample,) = SampleDraw(file, table, vectors({}), 5).draw([0], [NAMED])
    keys = TieOrder(table.tie_ids).keys(0, np.arange(14, N))
    assert sample.random.tolist() == (14 + np.argsort(keys))[:5].tolist(), "12 and 13 are L"
    file = file_of(tmp_path, table, VALUES, tie_break="index", pair_table=False)
    (sample,) = SampleDraw(file, table, vectors({}), 5).draw([0], [NAMED])
    assert len(sample.random) == 0


def test_order_of_the_clips_changes_no_sample(tmp_path: Path) -> None:
    dice = np.random.default_rng(2)
    values = np.where(dice.random((N, 3)) < 0.5, dice.integers(1, 4, (N, 3)), 0).astype(np.float32)
    rows, drawn = dice.standard_normal((N, 8)), []
    for number, order in enumerate((np.arange(N), dice.permutation(N))):
        folder = tmp_path / str(number)
        folder.mkdir()
        table = table_of(folder, [f"r{i}" for i in order])
        file = file_of(folder, table, values[order])
        named = [row[row >= 0] for row in file.most_clips(2)]
        samples = SampleDraw(file, table, rows[order], 6).draw([0, 1, 2], named)
        drawn.append([[order[part].tolist() for part in (one.active, one.random, one.hard)] for one in samples])
    assert drawn[0] == drawn[1]
    assert all(len(part) == 6 for sample in drawn[0] for part in sample)


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 0.0], [0.0, 0.0]])
def test_rows_without_a_direction_are_told(bad: list[float]) -> None:
    rows, known = unit_rows(np.array([[3.0, 4.0], bad]))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
    assert known.tolist() == [True, False]
