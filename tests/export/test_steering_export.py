"""Saved steering results in every format, and as the command line that makes them again."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import ArdError
from backend.export import steering
from backend.export.steering import (
    as_csv,
    as_json,
    as_markdown,
    reproducing_command,
    settings_line,
    steering_records,
    write_steering,
)
from backend.store.notes.notes import Notes
from backend.store.notes.steering import Condition, Override, SteeredClip
from backend.store.notes.steering_document import from_json
from builders.steering_results import SAE, toy_result

STUDY = Path("/my study")


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    with Notes.open_file(tmp_path / "notes.sqlite", author="ada") as opened:
        yield opened


def unreadable(notes: Notes) -> str:
    """A result of a later version beside the others; its id."""
    key = "00000000-0000-4000-8000-000000000000"
    stamp = ("eve", "2026-01-01T00:00:00.000000Z", "u1")
    rows = [(SAE, key, "document", '{"v":2,"new":1}', *stamp), (SAE, key, "deleted", "false", *stamp)]
    notes.merge({"steering_results": rows})
    return key


def test_command_names_everything_that_the_result_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering.os, "name", "posix")
    words, text = reproducing_command(toy_result(prompt="What's heard?\nSay it."), STUDY)
    assert words == [
        "ard", "steer", str(STUDY), "--sae", "decoder.1", "--clip", "dogs/one.wav", "--prompt",
        "What's heard?\nSay it.", "--feature", "12=3.5", "--feature", "99=0.0", "--mode", "delta", "--positions",
        "audio", "--decode", "off", "--tokens", "16", "--temperature", "0.0", "--seed", "7",
    ]  # fmt: skip
    assert shlex.split(text) == words


def test_command_of_a_sound_from_outside_names_the_file_and_its_part() -> None:
    clip = SteeredClip("0123456789abcdef", "", "/sounds/a b.wav", "", 0.5, 1.25)
    words, _ = reproducing_command(toy_result(clip=clip, add_error=True), STUDY, "copied")
    assert words[3:11] == ["--sae", "copied", "--sound", "/sounds/a b.wav", "--start", "0.5", "--end", "1.25"]
    assert words[words.index("--decode") :][:3] == ["--decode", "off", "--add-error"]
    whole, _ = reproducing_command(toy_result(clip=replace(clip, end=None)), STUDY)
    assert "--end" not in whole


def test_values_in_a_command_read_back_to_the_same_number() -> None:
    words, _ = reproducing_command(toy_result(features=(Override(1, 0.1 + 0.2), Override(2, -1e-7))), STUDY)
    told = [word.partition("=")[2] for word in words if word.startswith(("1=", "2="))]
    assert [float(one) for one in told] == [0.1 + 0.2, -1e-7]


def test_command_is_quoted_as_windows_wants_it_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering.os, "name", "nt")
    words, text = reproducing_command(toy_result(prompt='say "what"'), STUDY)
    assert text == subprocess.list2cmdline(words)
    assert '"say \\"what\\""' in text


def test_csv_has_a_row_per_result_and_condition(notes: Notes) -> None:
    notes.add_result(toy_result(), "cats", "one\ntwo")
    lost = unreadable(notes)
    rows = list(csv.DictReader(io.StringIO(as_csv(steering_records(notes, STUDY, {"copied": SAE})))))
    assert [(row["condition"], row["text"]) for row in rows] == [
        ("original", "a dog barks."), ("reconstructed", "a dog barks"), ("steered", "a cat purrs."), ("", ""),
    ]  # fmt: skip
    steered = rows[2]
    assert (steered["features"], steered["values"], steered["maxima"]) == ("12 99", "3.5 0.0", "1.75 -")
    assert (steered["survived"], steered["kl_first"], steered["coherent"]) == ("0.5 -", "1.5", "true")
    assert (steered["note"], steered["record"], steered["end"]) == ("one\ntwo", "dogs/one.wav", "")
    assert "--sae copied" in steered["command"]
    assert (rows[3]["result"], "later version" in rows[3]["problem"], rows[3]["command"]) == (lost, True, "")


def test_json_has_whole_documents_also_of_a_later_version(notes: Notes) -> None:
    notes.add_result(toy_result(), "cats")
    unreadable(notes)
    first, second = json.loads(as_json(steering_records(notes, STUDY, {})))["results"]
    assert from_json(first["document"]) == toy_result()
    assert (first["title"], first["author"], "--sae decoder.1" in first["command"]) == ("cats", "ada", True)
    assert second["document"] == {"v": 2, "new": 1}


def test_markdown_shows_the_answers_side_by_side_and_no_markup_of_theirs(notes: Notes) -> None:
    hostile = Condition("| *x* <script>\nsecond `line`")
    conditions = {**toy_result().conditions, "steered": hostile}
    notes.add_result(toy_result(conditions=conditions, prompt="say ```"), "my *cats*", "first\n\nsecond")
    unreadable(notes)
    text = as_markdown(steering_records(notes, STUDY, {}))
    assert "## my \\*cats\\*" in text
    assert "> first\n>\n> second" in text
    assert "| | original | reconstructed | steered |\n|---|---|---|---|" in text
    row = "| answer | a dog barks. | a dog barks | \\| \\*x\\* \\<script><br>second \\`line\\` |"
    assert row in text
    assert "* features: 12 (cat) = 3.5, 99 = 0" in text
    fence = text.index("````sh\nard steer ")
    assert text.index("````\n", fence + 6) > text.index("say ```", fence)
    assert "This result cannot be shown: it was saved by a later version of ARD" in text


def test_settings_line_says_how_tokens_were_drawn_and_what_became_of_the_error() -> None:
    assert settings_line(toy_result()) == (
        "delta; positions: audio; while answering: off; error term dropped; at most 16 tokens; most probable tokens"
    )
    assert settings_line(toy_result(add_error=True, temperature=0.7)).endswith(
        "error term kept; at most 16 tokens; temperature 0.7, seed 7"
    )


def test_chosen_results_are_written_whether_deleted_or_not(notes: Notes) -> None:
    first, second = (notes.add_result(toy_result(seed=seed)).result for seed in range(2))
    notes.delete_result(first)
    told = [[one.saved.id for one in steering_records(notes, STUDY, {}, *asked)] for asked in ((), ([first],))]
    assert told == [[second], [first]]
    assert [one.saved.id for one in steering_records(notes, STUDY, {}, deleted=True)] == [second, first]


@pytest.mark.parametrize(("name", "kind", "first"), [("a.csv", "", "result,"), ("a.md", "", "# "), ("a", "json", "{")])
def test_format_follows_the_ending_or_is_named(tmp_path: Path, notes: Notes, name: str, kind: str, first: str) -> None:
    notes.add_result(toy_result())
    assert write_steering(steering_records(notes, STUDY, {}), tmp_path / name, kind) == 1
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(first)


def test_unknown_format_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"as \.csv, \.json or \.md"):
        write_steering([], tmp_path / "a.html")
    assert not list(tmp_path.iterdir())
