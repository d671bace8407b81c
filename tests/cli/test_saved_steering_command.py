"""`ard notes steering` lists, shows, exports, deletes and restores saved results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.store.notes.keys import sae_key
from backend.store.notes.notes import Notes
from backend.study.folder import Study
from builders.steering_results import toy_result

Ard = Callable[..., tuple[int, str, str]]


@pytest.fixture
def saved(copied: Study) -> tuple[Study, str]:
    """A study with two saved results, "cats" and one without a title; the id of "cats"."""
    (sae,) = copied.sae_ids()
    with Notes.open(copied, author="ada") as notes:
        notes.add_result(toy_result(sae="f" * 64))
        made = notes.add_result(toy_result(sae=sae_key(copied, sae), ranking="old name"), "cats", "look again")
    return copied, made.result


def test_list_and_show_tell_what_was_saved(ard: Ard, saved: tuple[Study, str]) -> None:
    study, made = saved
    status, out, _ = ard("notes", "steering", "list", study.root, "--json")
    found = json.loads(out)["results"]
    assert (status, [one["heading"] for one in found]) == (0, ["cats", "cat, feature 99 on dogs/one.wav"])
    assert found[0]["contents"]["answers"]["steered"] == "a cat purrs."
    status, out, _ = ard("notes", "steering", "list", study.root)
    assert (status, made[:8] in out, "look again" in out) == (0, True, True)
    status, out, _ = ard("notes", "steering", "show", "cats", study.root)
    assert (status, "| answer | a dog barks. | a dog barks | a cat purrs. |" in out) == (0, True)
    assert f"--sae {study.sae_ids()[0]} " in out, "the SAE's name of today"
    status, out, _ = ard("notes", "steering", "show", made[:6], study.root, "--json")
    assert json.loads(out)["results"][0]["document"]["ranking"] == "old name"
    status, out, _ = ard("notes", "show", study.root)
    assert (status, "1 saved steering results" in out) == (0, True)


def test_deleted_result_is_restored(ard: Ard, saved: tuple[Study, str], tmp_path: Path) -> None:
    study, made = saved
    assert ard("notes", "steering", "delete", "cats", study.root)[0] == 0
    _, out, _ = ard("notes", "steering", "list", study.root, "--json")
    assert len(json.loads(out)["results"]) == 1
    _, out, _ = ard("notes", "steering", "list", study.root, "--deleted")
    assert "cats (deleted)" in out
    status, _, err = ard("notes", "steering", "delete", "cats", study.root)
    assert (status, "no saved result 'cats'" in err) == (1, True)
    assert ard("notes", "steering", "restore", made, study.root)[0] == 0
    status, _, err = ard("notes", "steering", "export", study.root, "--out", tmp_path / "r.csv")
    assert (status, err.startswith("2 steering results written")) == (0, True)


def test_export_writes_the_asked_format_and_results(ard: Ard, saved: tuple[Study, str], tmp_path: Path) -> None:
    study, _ = saved
    out = tmp_path / "r.txt"
    words = ("notes", "steering", "export", study.root, "--out", out)
    assert ard(*words, "--format", "json", "--result", "cats")[0] == 0
    assert [one["title"] for one in json.loads(out.read_text(encoding="utf-8"))["results"]] == ["cats"]
    status, _, err = ard(*words)
    assert (status, ".csv, .json or .md" in err) == (1, True)


def test_looking_at_a_study_without_notes_makes_no_file(ard: Ard, copied: Study) -> None:
    status, out, _ = ard("notes", "steering", "list", copied.root)
    assert (status, out.startswith("0 saved steering results")) == (0, True)
    status, _, err = ard("notes", "steering", "show", "x", copied.root)
    assert (status, "nothing was noted" in err) == (1, True)
    assert not (copied.root / "notes.sqlite").exists()
