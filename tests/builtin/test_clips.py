from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.builtin.clips import ClipChoice, choose_clips, write_clips
from backend.builtin.examples import CATEGORIES, RATE, Recording
from backend.errors import ArdError


def recording(name: str, category: str, label: str, **changes: object) -> Recording:
    one = Recording(
        f"toy/{name}", f"{name}.wav", "toy", category, label, f"a {label}", 2.0, name, "held_out", name,
        licence="CC0", author="A. Nobody", shippable=True,
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


def corpus() -> list[Recording]:
    return [recording(f"{c}{label}{i}", c, f"{c} {label}") for c in CATEGORIES for label in "ab" for i in range(3)]


def test_labels_take_turns_so_that_none_fills_a_category() -> None:
    chosen = choose_clips(corpus(), [], ClipChoice(per_category=2))
    assert len(chosen) == 2 * len(CATEGORIES)
    assert len({one.label for one in chosen}) == 2 * len(CATEGORIES)
    assert chosen == choose_clips(corpus()[::-1], [], ClipChoice(per_category=2))


def test_no_label_has_more_clips_than_it_may() -> None:
    many = [recording(f"cry{i}", "human", "cry") for i in range(9)]
    chosen = choose_clips([*corpus(), *many], [], ClipChoice(per_label=4))
    assert Counter(one.label for one in chosen)["cry"] == 4


def test_recordings_of_known_sources_come_first_and_rendered_ones_last() -> None:
    known, other = recording("a", "music", "harp"), recording("b", "music", "bell", split="unseen_source")
    made = recording("c", "music", "flute")
    rest = [one for one in corpus() if one.category != "music"]
    chosen = choose_clips([*rest, other, known], [made], ClipChoice())
    assert [one.label for one in chosen if one.category == "music"] == ["harp", "bell", "flute"]


@pytest.mark.parametrize("change", [{"split": "train"}, {"shippable": False}, {"duration": 0.2}])
def test_what_was_trained_on_may_not_be_passed_on_or_is_too_short_is_left_out(change: dict[str, object]) -> None:
    extra = recording("extra", "animal", "zebra", **change)
    assert "zebra" not in {one.label for one in choose_clips([*corpus(), extra], [], ClipChoice())}


def test_category_without_a_clip_that_may_be_shipped_is_named() -> None:
    with pytest.raises(ArdError, match="'animal'"):
        choose_clips([one for one in corpus() if one.category != "animal"], [], ClipChoice())


def test_files_manifest_and_credits_agree(tmp_path: Path) -> None:
    (tmp_path / "of-another-choice.flac").write_bytes(b"")
    chosen = choose_clips(corpus(), [], ClipChoice(per_category=1))
    size = write_clips(tmp_path, chosen, lambda one: np.full(2 * RATE, 0.5, np.float32), ClipChoice(longest=1.5))
    rows = [json.loads(line) for line in (tmp_path / "clips.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {path.name for path in tmp_path.rglob("*.flac")} == {Path(row["path"]).name for row in rows}
    assert size == sum((tmp_path / row["path"]).stat().st_size for row in rows)
    samples, rate = soundfile.read(tmp_path / rows[0]["path"])
    assert (rate, len(samples)) == (RATE, 1.5 * RATE)
    assert abs(samples[-1]) < 0.01
    credited = (tmp_path / "CREDITS.md").read_text(encoding="utf-8")
    assert all(f"| {row['path']} | A. Nobody | CC0 |" in credited for row in rows)
