from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.extract.plan import clip_seconds, clip_work, make_plan, used_clips
from backend.store import clips as clip_table
from backend.store.clips import Clip, ClipTable


def table_of(folder: Path, seconds: list[float], **columns: list[object]) -> ClipTable:
    clips = [
        Clip(
            record=f"{i}.wav",
            path=f"{i}.wav",
            duration=length,
            index=i,
            **{key: values[i] for key, values in columns.items()},  # type: ignore[arg-type]
        )
        for i, length in enumerate(seconds)
    ]
    clip_table.write(folder / "clips.h5", clips, [], [str(folder)])
    return ClipTable(folder / "clips.h5")


def test_batches_hold_clips_of_similar_length_longest_first(tmp_path: Path) -> None:
    table = table_of(tmp_path, [1.0, 9.0, 2.0, 8.0, 3.0])
    plan = make_plan(table, np.arange(5), batch_clips=2, shard_tokens=10**6)
    assert plan.batches == ((1, 3), (4, 2), (0,))
    assert plan.shards == ((0, 3),)


def test_shard_ends_before_the_batch_that_would_overfill_it(tmp_path: Path) -> None:
    # 4 s, 3 s, 2 s, 1 s are 200, 150, 100, 50 tokens at 50 a second
    table = table_of(tmp_path, [4.0, 3.0, 2.0, 1.0])
    plan = make_plan(table, np.arange(4), batch_clips=1, shard_tokens=300)
    assert plan.shards == ((0, 1), (1, 4))


def test_batch_larger_than_a_shard_is_a_shard_of_its_own(tmp_path: Path) -> None:
    table = table_of(tmp_path, [10.0, 10.0, 1.0])
    plan = make_plan(table, np.arange(3), batch_clips=1, shard_tokens=100)
    assert plan.shards == ((0, 1), (1, 2), (2, 3))


def test_clips_of_equal_length_keep_the_order_of_the_table(tmp_path: Path) -> None:
    plan = make_plan(table_of(tmp_path, [2.0] * 5), np.arange(5), batch_clips=3, shard_tokens=10**6)
    assert plan.batches == ((0, 1, 2), (3, 4))


def test_length_comes_from_start_and_end_where_there_is_an_end(tmp_path: Path) -> None:
    table = table_of(
        tmp_path, [100.0, math.nan, 40.0], start=[10.0, 0.0, 0.0], end=[12.5, math.nan, math.nan]
    )  # fmt: skip
    assert clip_seconds(table).tolist() == [2.5, 30.0, 40.0]
    assert clip_seconds(table, window_seconds=30.0).tolist() == [2.5, 30.0, 30.0]


def test_clips_for_neither_training_nor_ranking_are_not_encoded(tmp_path: Path) -> None:
    table = table_of(
        tmp_path, [1.0] * 4, train=[True, True, False, False], probe=[True, False, True, False]
    )  # fmt: skip
    assert used_clips(table).tolist() == [0, 1, 2]


def test_study_without_clips_has_an_empty_plan(tmp_path: Path) -> None:
    plan = make_plan(table_of(tmp_path, [1.0]), [], batch_clips=2, shard_tokens=10)
    assert plan.batches == ()
    assert plan.shards == ()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0, 60), min_size=1, max_size=40), st.integers(1, 7), st.integers(1, 5000)
)  # fmt: skip
def test_every_clip_is_in_exactly_one_batch_of_one_shard(
    tmp_path_factory: object, seconds: list[float], batch_clips: int, shard_tokens: int
) -> None:
    folder = tmp_path_factory.mktemp("plan")  # type: ignore[attr-defined]
    table = table_of(folder, seconds)
    plan = make_plan(table, np.arange(len(seconds)), batch_clips=batch_clips, shard_tokens=shard_tokens)
    clips = [clip for shard in range(len(plan.shards)) for clip in plan.shard_clips(shard)]
    assert sorted(clips) == list(range(len(seconds)))
    assert plan == make_plan(table, np.arange(len(seconds)), batch_clips=batch_clips, shard_tokens=shard_tokens)


def test_a_clip_costs_its_windows_where_the_model_computes_whole_windows(tmp_path: Path) -> None:
    table = table_of(tmp_path, [0.5, 30.0, 61.0])
    assert clip_work(table, whole_windows=30.0, chunked=True).tolist() == [1, 1, 3]
    assert clip_work(table, whole_windows=30.0, chunked=False).tolist() == [1, 1, 1]
    assert clip_work(table, whole_windows=None, chunked=False).tolist() == [25, 1500, 3050]
