from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from backend.audio.datasets.read import read
from backend.audio.probe import probe_file
from backend.audio.records import ClipRecord
from backend.builtin.examples import RATE, Example, Facts, Part, Recording, Sound, Split, write_rows
from backend.builtin.steering_set import SetSettings, main, steering_rows, write_steering_set
from backend.errors import ArdError
from backend.study.settings import AudioSection


def recording(name: str, split: Split = "train", label: str = "dog", group: str = "") -> Recording:
    return Recording(
        name, f"sounds/{name}.wav", "here", "animal", label, f"a {label}", 2.0, name, split, group or name,
    )  # fmt: skip


def alone(one: Recording, start: float = 0.0, seconds: float = 1.0, **attributes: str) -> Example:
    sound = Sound(one.category, one.label, one.phrase, attributes)
    part = Part(one.id, 0.0, start, seconds)
    return Example(f"single-{one.id}-{start}", one.split, (part,), Facts((sound,)), seconds)


def labels_of(sound: Sound) -> dict[str, str]:
    one = recording("a", "held_out")
    example = Example("single-a", "held_out", (Part("a", 0.0, 0.0, 1.0),), Facts((sound,)), 1.0)
    (row,) = steering_rows([example], [one], SetSettings())
    return row.labels


def test_a_recording_counts_once_in_the_stretch_that_its_first_example_plays() -> None:
    one = recording("a", "held_out")
    (row,) = steering_rows([alone(one, 0.5, 1.25), alone(one)], [one], SetSettings())
    assert row.as_json()["start"] == 0.5
    assert row.as_json()["end"] == 1.75


def test_mixtures_and_silence_are_left_out() -> None:
    one = recording("a", "held_out")
    sound = Sound("animal", "dog", "a dog")
    part = Part("a", 0.0, 0.0, 1.0)
    pair = Example("pair", "held_out", (part, part), Facts((sound, sound)), 2.0)
    silence = Example("silence", "held_out", (), Facts((), nothing="silence"), 2.0)
    assert steering_rows([pair, silence], [one], SetSettings()) == []


def test_what_is_chosen_on_was_trained_on_and_what_is_measured_was_not() -> None:
    ones = [recording(split, split) for split in get_args(Split)]
    rows = steering_rows(map(alone, ones), ones, SetSettings())
    found = {row.recording.split: row.split for row in rows}
    assert found == {
        "train": "selection", "validation": "selection", "held_out": "test", "unseen_source": "unseen_source",
    }  # fmt: skip


def test_groups_take_turns_in_the_selection_and_every_test_recording_stays() -> None:
    many = [recording(f"one{i}", group="one") for i in range(5)] + [recording("other")]
    tested = [recording(f"test{i}", "held_out") for i in range(5)]
    rows = steering_rows(map(alone, [*many, *tested]), [*many, *tested], SetSettings({"animal": 2}))
    assert {row.recording.group for row in rows if row.split == "selection"} == {"one", "other"}
    assert sum(row.split == "selection" for row in rows) == 2
    assert sum(row.split == "test" for row in rows) == 5


@given(st.permutations(range(6)))
def test_the_order_of_the_examples_changes_nothing(order: list[int]) -> None:
    ones = [recording(f"dog{i}", group=f"group{i % 2}") for i in range(6)]
    settings = SetSettings({"animal": 3})
    expected = {row.recording.id for row in steering_rows(map(alone, ones), ones, settings)}
    assert {row.recording.id for row in steering_rows((alone(ones[i]) for i in order), ones, settings)} == expected


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (Sound("animal", "dog", "a dog"), {"category": "animal", "label": "dog", "animal": "dog"}),
        (
            Sound("music", "piano", "a piano", {"family": "keyboard", "pitch": "rising"}),
            {"category": "music", "label": "piano", "family": "keyboard", "pitch": "rising", "instrument": "piano"},
        ),
        (
            Sound("speech", "Greek anna", "a woman speaking Greek", {"language": "Greek", "sex": "woman", "text": "ή"}),
            {"category": "speech", "label": "Greek anna", "language": "Greek", "sex": "woman"},
        ),
        (Sound("human", "cough", "a cough", {"sex": "man"}), {"category": "human", "label": "cough"}),
    ],
)  # fmt: skip
def test_a_row_has_the_labels_of_the_questions_that_apply(sound: Sound, expected: dict[str, str]) -> None:
    assert labels_of(sound) == {**expected, "group": "a"}


def recipe(work: Path, *recordings: Recording) -> Path:
    """A work folder with these recordings, one example of each, and their sound."""
    write_rows(work / "recordings.jsonl", recordings)
    write_rows(work / "rendered.jsonl", [])
    write_rows(work / "examples.jsonl", map(alone, recordings))
    (work / "sounds").mkdir()
    for one in recordings:
        soundfile.write(work / one.path, np.zeros(2 * RATE, np.float32), RATE)
    return work


def test_the_folder_adapter_reads_the_manifest(tmp_path: Path) -> None:
    recipe(tmp_path, recording("a"), recording("b", "held_out"))
    write_steering_set(tmp_path, tmp_path / "set.jsonl", SetSettings())
    section = AudioSection(path=str(tmp_path), manifest="set.jsonl")
    found = list(read(tmp_path, section, lambda name: probe_file(tmp_path / name)))
    clips = [one for one in found if isinstance(one, ClipRecord)]
    assert [(one.record, one.start, one.end, one.split) for one in clips] == [
        ("a", 0.0, 1.0, "selection"), ("b", 0.0, 1.0, "test"),
    ]  # fmt: skip
    assert clips[1].labels == {"category": "animal", "label": "dog", "animal": "dog", "group": "b"}


def test_a_recording_that_is_gone_is_named(tmp_path: Path) -> None:
    work = recipe(tmp_path, recording("a"))
    (work / "sounds" / "a.wav").unlink()
    with pytest.raises(ArdError, match="1 of 1 recordings are not there"):
        write_steering_set(work, tmp_path / "set.jsonl", SetSettings())


def test_the_command_says_how_many_of_each_split_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe(tmp_path, recording("a"), recording("b", "held_out"))
    out = tmp_path / "set.jsonl"
    monkeypatch.setattr("sys.argv", ["steering_set", str(tmp_path), str(out)])
    assert main() == 0
    assert capsys.readouterr().out == f"{out}: 1 selection, 1 test\n"
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2
