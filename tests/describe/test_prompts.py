"""Prompts come from files: the paper's own, or the study's."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.describe.prompts import aggregation_prompt, known_prompts, read_prompt
from backend.errors import ArdError


def test_the_papers_prompts_are_word_for_word(tmp_path: Path) -> None:
    assert read_prompt(tmp_path, "caption") == "Generate a detailed caption for the audio clip"
    assert read_prompt(tmp_path, "concept") == "Describe the common sound-related concept present among these captions"
    assert read_prompt(tmp_path, "short-name") == "Answer with a noun phrase of at most five words"


def test_captions_are_numbered_below_the_prompt() -> None:
    assert aggregation_prompt("Describe this", ["A dog barks.", "Barking,\n  twice"]) == (
        "Describe this\n\n1. A dog barks.\n2. Barking, twice"
    )


def test_a_file_of_the_study_wins(tmp_path: Path) -> None:
    (tmp_path / "caption").write_text("Mine\n")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/other.txt").write_text("Other\n")
    assert read_prompt(tmp_path, "caption") == "Mine"
    assert read_prompt(tmp_path, "prompts/other.txt") == "Other"


@pytest.mark.parametrize(("text", "prompt"), [("a\n\n", "a\n"), ("a", "a"), ("a\r\n", "a"), ("a\nb\n", "a\nb")])
def test_exactly_one_newline_is_taken_from_the_end(tmp_path: Path, text: str, prompt: str) -> None:
    (tmp_path / "mine.txt").write_bytes(text.encode())
    assert read_prompt(tmp_path, "mine.txt") == prompt


def test_an_unknown_prompt_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no prompt 'captoin'") as caught:
        read_prompt(tmp_path, "captoin")
    assert known_prompts() == ["caption", "concept", "detection", "short-name"]
    assert all(name in str(caught.value) for name in known_prompts())


@pytest.mark.parametrize(
    "name", ["../outside.txt", "", "a\0b", "link.txt", "/etc/hostname", "folder/../../outside.txt"]
)
def test_a_prompt_outside_the_study_is_refused(tmp_path: Path, name: str) -> None:
    study = tmp_path / "study"
    (study / "folder").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("Outside\n")
    (study / "link.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(ArdError, match="not a path inside the study"):
        read_prompt(study, name)


@pytest.mark.parametrize(("data", "what"), [(b"\n", "empty"), (b"  \n", "empty"), (b"\xff\xfe", "UTF-8")])
def test_a_prompt_that_says_nothing_is_refused(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "mine.txt").write_bytes(data)
    with pytest.raises(ArdError, match=what):
        read_prompt(tmp_path, "mine.txt")
