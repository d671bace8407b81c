"""Clips for choosing and clips for reporting never meet."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ArdError
from backend.evaluate.sensitivity.goals import direction
from backend.evaluate.sensitivity.items import Item, asked, outside_items, read_prompts
from backend.evaluate.sensitivity.parts import divide, few
from backend.store.clips import Clip
from backend.study.settings import AudioSection
from builders.tiny_study import recordings


def item(number: int, *, sound: int | None = None, group: str = "", split: str = "") -> Item:
    key = f"k{number if sound is None else sound}"
    return Item(Clip(record=f"r{number}", path=f"{number}.wav", split=split), key, group or key)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["train", "test", "other"])), max_size=40),
    st.integers(0, 20), st.booleans(),
)  # fmt: skip
def test_parts_share_no_sound_and_no_group(rows: list[tuple[int, int, str]], seed: int, by_split: bool) -> None:
    items = [item(i, sound=sound, group=f"g{group}", split=split) for i, (sound, group, split) in enumerate(rows)]
    named = {"selection_splits": ["train"], "test_splits": ["test"]} if by_split else {}
    try:
        parts = divide(items, seed=seed, **named)  # type: ignore[arg-type]
    except ArdError:
        return
    for name in ("key", "group", "record"):
        assert {getattr(one, name) for one in parts.selection}.isdisjoint(getattr(one, name) for one in parts.test)
    if by_split:
        assert [one.record for one in parts.test] == [one.record for one in items if one.split == "test"]


def test_clip_that_is_in_both_splits_leaves_the_selection() -> None:
    items = [item(0, sound=5, split="a"), item(1, split="a"), item(2, sound=5, split="b")]
    parts = divide(items, selection_splits=["a"], test_splits=["b"])
    assert [one.record for one in parts.selection] == ["r1"]
    assert [one.record for one in parts.test] == ["r2"]
    assert parts.overlapping == 1


def test_draw_of_a_part_does_not_depend_on_order_or_on_other_clips() -> None:
    items = [item(i) for i in range(40)]
    first = {one.record for one in divide(items, seed=3).test}
    again = {one.record for one in divide(items[::-1][:30], seed=3).test}
    assert 0 < len(first) < 40
    assert again == first & {one.record for one in items[10:]}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"selection_splits": ["a"], "test_splits": ["a"]}, "cannot be for selection and for the test"),
        ({"test_splits": ["c"]}, "no clip has the split 'c'"),
        ({"test_splits": ["a", "b"]}, "no clip is left for the selection"),
    ],
)
def test_parts_that_cannot_be_are_refused(named: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ArdError, match=message):
        divide([item(0, split="a"), item(1, split="b")], **named)  # type: ignore[arg-type]


def test_few_clips_of_one_seed_are_the_same_whatever_their_order() -> None:
    items = [item(i) for i in range(20)]
    assert few(items, 5, 1) == few(items[::-1], 5, 1) == few(items, 0, 1)[:5]
    assert few(items, 5, 1) != few(items, 5, 2)


def test_prompt_of_a_clip_depends_on_seed_and_clip_alone() -> None:
    prompts = [f"p{i}" for i in range(10)]
    drawn = [asked(item(i), prompts, 0) for i in range(200)]
    assert drawn == [asked(item(i), prompts, 0) for i in range(200)]
    assert set(drawn) == set(prompts)
    with pytest.raises(ArdError, match="no question about r0"):
        asked(item(0), (), 0)


def test_prompts_are_read_from_a_file_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\n\n  two \n")
    assert read_prompts(tmp_path / "p.txt") == ("one", "two")
    (tmp_path / "p.txt").write_text("\n")
    with pytest.raises(ArdError, match="holds no prompt"):
        read_prompts(tmp_path / "p.txt")


def test_clips_of_a_manifest_outside_of_the_study_have_labels_split_and_question(tmp_path: Path) -> None:
    recordings(tmp_path / "audio", 2)
    (tmp_path / "m.jsonl").write_text(
        '{"path": "tone/000.wav", "end": 0.3, "split": "a", "group": "g", "kind": "tone", "question": "?"}\n'
        '{"path": "noise/001.wav", "labels": {"kind": "noise"}}\n{"path": "gone.wav"}\n'
    )
    section = AudioSection(path=str(tmp_path / "audio"), manifest=str(tmp_path / "m.jsonl"))
    items, unreadable = outside_items(section, tmp_path)
    assert [(one.label("kind"), one.split, one.group, one.question) for one in items[:1]] == [("tone", "a", "g", "?")]
    assert items[1].group == items[1].key
    assert [one.path for one in unreadable] == ["gone.wav"]


def test_direction_of_a_concept() -> None:
    assert direction("a->b") == direction("a → b") == ("a", "b")
    assert direction("b") == ("*", "b")
    with pytest.raises(ArdError, match="no direction"):
        direction("a->a")
