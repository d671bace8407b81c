"""The model card: every figure with its interval and number, goals, failures, sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from question_builders import recording

from backend.builtin.card import CardSettings, Source, card, sources_of, write_card
from backend.builtin.examples import Sound

DOG = Sound("animal", "dog", "a dog barking")
SETTINGS = CardSettings(
    "ard-demo",
    "mit",
    "A small model that hears.",
    {"layers": 8, "learning rate": 1e-3},
    ["It has never heard a horse."],
)
SOURCES = [Source("zoo", "CC0-1.0", ("A. Keeper",), {"train": 4, "held_out": 1}, 0.25)]


def figure(name: str, title: str, balanced: float | None, **values: Any) -> dict[str, Any]:
    n = 0 if balanced is None else 20
    low, high = (None, None) if balanced is None else (balanced - 0.05, balanced + 0.05)
    classes = [] if balanced is None else [{"name": "dog", "n": 20, "groups": 7, "recall": balanced}]
    measured = {"balanced": balanced, "low": low, "high": high, "n": n, "groups": 7, "classes": classes}
    return {
        "name": name, "title": title, "splits": ["held_out"], "goal": None, "reached": None, **measured,
        "unseen_phrasing": measured, "majority": None, "probe": None, "speakers": None, "confusions": [], **values,
    }  # fmt: skip


def evaluation(*figures: dict[str, Any], failures: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "model": {"parameters_file": "model.safetensors", "sha256": "abc123"},
        "settings": {"per_class": 100, "per_class_unseen": 30, "seed": 0},
        "corpus": {"held_out": {"examples": 5, "recordings": 4, "rendered": 1}},
        "figures": list(figures),
        "failures": failures or [],
    }


def failure(answer: str, number: int = 0) -> dict[str, Any]:
    return {
        "figures": ["category"], "example": f"single-{number}", "split": "held_out",
        "recordings": [f"zoo/dog {number}"], "question": "What kind of sound is this?", "unseen_phrasing": False,
        "kind": "category", "expected": "animal", "read": "speech", "answer": answer, "outside": [],
    }  # fmt: skip


def row(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


MISSED = figure(
    "category", "Category", 0.8, goal=0.88, reached=False, majority={"class": "music", "balanced": 0.2},
    probe={"balanced": 0.7, "low": 0.6, "high": 0.75, "penalty": 0.1},
    confusions=[{"expected": "animal", "read": "speech", "n": 4}, {"expected": "animal", "read": None, "n": 1}],
)  # fmt: skip


def test_every_figure_stands_with_interval_number_and_baselines() -> None:
    header = card(evaluation(MISSED), SOURCES, SETTINGS)
    (line,) = re.findall(r"^\| Category \| 0\.80 \(0\.75–0\.85\) \| 20 .*$", header, flags=re.MULTILINE)
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "Category", "0.80 (0.75–0.85)", "20", "7", "0.80 (0.75–0.85)", "0.20", "0.70 (0.60–0.75)",
    ]  # fmt: skip


def test_goals_say_whether_they_are_reached() -> None:
    reached = figure("family", "Instrument family", 0.9, goal=0.8, reached=True)
    text = card(evaluation(MISSED, reached), SOURCES, SETTINGS).partition("## Goals")[2].partition("\n## ")[0]
    assert row(text, "Category")[-1] == "missed"
    assert row(text, "Instrument family") == ["Instrument family", "0.80", "0.90 (0.85–0.95)", "reached"]


def test_a_figure_without_examples_is_said_to_be_missing() -> None:
    text = card(evaluation(MISSED, figure("rate", "Fast or slow", None, goal=0.5)), SOURCES, SETTINGS)
    assert "Not measured, for want of examples: Fast or slow." in text
    assert "| Fast or slow |" not in text


def test_recall_of_every_class_stands_with_its_numbers_and_speakers() -> None:
    text = card(evaluation(figure("language", "Language", 0.9, speakers={"dog": 3})), SOURCES, SETTINGS)
    assert row(text.partition("### Language")[2], "dog") == ["dog", "0.90", "20", "7", "3"]


def test_failures_are_shown_and_counted() -> None:
    wrong = [failure("This is speech.", number) for number in range(12)]
    text = card(evaluation(MISSED, failures=wrong), SOURCES, SETTINGS).partition("## Failures")[2]
    assert "Wrong answers: 12;" in text
    assert "### Category: 12 of 20" in text
    assert "animal → speech: 4; animal → (no class): 1." in text
    assert text.count("| zoo/dog ") == 10
    assert "and 2 more." in text


def test_a_model_without_failures_says_so() -> None:
    assert "No answer was wrong." in card(evaluation(MISSED), SOURCES, SETTINGS)


def test_free_text_cannot_break_the_page() -> None:
    text = card(evaluation(MISSED, failures=[failure("a | b\n## not a *title* <b>")]), SOURCES, SETTINGS)
    assert "a \\| b ## not a \\*title\\* \\<b>" in text
    assert "\n## not" not in text


def test_sources_stand_with_licence_author_and_clips() -> None:
    text = card(evaluation(MISSED), SOURCES, SETTINGS)
    assert row(text, "zoo") == ["zoo", "CC0-1.0", "A. Keeper", "4", "0", "1", "0", "0.25"]


def test_sources_are_counted_by_licence_and_split() -> None:
    recordings = [
        recording("zoo/a", DOG, "train", licence="CC0-1.0", author="B"),
        recording("zoo/b", DOG, "held_out", licence="CC0-1.0", author="A"),
        recording("zoo/c", DOG, "train", licence="CC-BY-4.0"),
    ]
    assert sources_of(recordings) == [
        Source("zoo", "CC0-1.0", ("A", "B"), {"train": 1, "held_out": 1}, 2 / 3600),
        Source("zoo", "CC-BY-4.0", (), {"train": 1}, 1 / 3600),
    ]


def test_limits_and_settings_are_written() -> None:
    text = card(evaluation(MISSED), SOURCES, SETTINGS)
    assert "* It has never heard a horse." in text
    assert row(text, "learning rate") == ["learning rate", "0.001"]
    assert row(text, "evaluation per class") == ["evaluation per class", "100"]
    assert row(text, "weights sha256") == ["weights sha256", "abc123"]


def test_the_header_is_yaml_that_a_hub_reads() -> None:
    yaml = pytest.importorskip("yaml")
    text = card(evaluation(MISSED), SOURCES, CardSettings('a "quoted": name', "mit", "x"))
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["license"] == "mit"
    assert header["library_name"] == "transformers"
    (index,) = header["model-index"]
    assert index["name"] == 'a "quoted": name'
    assert index["results"][0]["dataset"]["name"] == "held out"
    assert index["results"][0]["metrics"] == [{"type": "balanced_accuracy", "name": "Category", "value": 0.8}]


def test_the_card_is_written_into_the_model_folder(tmp_path: Path) -> None:
    path = write_card(tmp_path, evaluation(MISSED), SOURCES, SETTINGS)
    assert path == tmp_path / "README.md"
    assert path.read_text(encoding="utf-8") == card(evaluation(MISSED), SOURCES, SETTINGS)
