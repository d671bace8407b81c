"""`ard notes` shows and passes on what was noted, and `ard export` follows lists and stars."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.store.notes.keys import sae_key
from backend.store.notes.notes import Notes
from backend.study.folder import Study

Ard = Callable[..., tuple[int, str, str]]


@pytest.fixture
def noted(copied: Study) -> Study:
    (sae,) = copied.sae_ids()
    key = sae_key(copied, sae)
    with Notes.open(copied, author="ada") as notes:
        notes.set_name(key, 3, "my bell")
        notes.set_star(key, [3, 5], True)
        notes.add_tag(key, 3, "music")
        notes.set_rating(key, 5, "0123456789abcdef", 2)
        paper = notes.create_list("paper", "for figure 2").list
        notes.add_entries(paper, [(key, 9), (key, 3), ("f" * 64, 1)])
        notes.set_entry_note(paper, (key, 9), "check again")
        mixed = notes.create_list("mixed").list
        notes.add_entries(mixed, [(key, 1), (sae_key(copied, "raw-encoder.2"), 2)])
    return copied


def features(path: Path) -> list[int]:
    return [one["feature"] for one in json.loads(path.read_text(encoding="utf-8"))["features"]]


def test_show_lists_what_was_noted_and_what_has_no_sae_any_more(ard: Ard, noted: Study) -> None:
    (sae,) = noted.sae_ids()
    status, out, _ = ard("notes", "show", noted.root, "--json")
    assert status == 0
    found = json.loads(out)
    assert found["place"].endswith("notes.sqlite")
    assert [(one["feature"], one["star"], one["own_name"], one["judged_clips"]) for one in found["features"][sae]] == [
        (3, True, "my bell", 0), (5, True, "", 1),
    ]  # fmt: skip
    assert [one["name"] for one in found["features"][sae][0]["names"]] == ["my bell"]
    assert found["orphans"] == [{"sae": "f" * 64, "features": 0, "clips": 0, "entries": 1, "results": 0}]
    status, out, _ = ard("notes", "show", noted.root)
    assert (status, "my bell" in out, "no longer here" in out) == (0, True, True)


def test_lists_shows_lists_and_the_features_of_one(ard: Ard, noted: Study) -> None:
    _, out, _ = ard("notes", "lists", noted.root, "--json")
    assert [(one["name"], one["entries"]) for one in json.loads(out)["lists"]] == [("mixed", 2), ("paper", 3)]
    _, out, _ = ard("notes", "lists", noted.root, "--list", "paper", "--json")
    found = json.loads(out)["entries"]
    assert [(one["order"], one["feature"], one["own_name"], one["note"]) for one in found] == [
        (1, 9, "", "check again"), (2, 3, "my bell", ""), (3, 1, "", ""),
    ]  # fmt: skip
    assert "no longer here" in found[2]["sae"]
    status, out, _ = ard("notes", "lists", noted.root, "--list", "paper")
    assert (status, "check again" in out) == (0, True)
    status, _, err = ard("notes", "lists", noted.root, "--list", "poster")
    assert (status, "there are: mixed, paper" in err) == (1, True)


def test_notes_pass_from_one_study_to_another(ard: Ard, noted: Study, finished: Study, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(finished.root, tmp_path / "other")
    assert ard("notes", "export", noted.root, "--out", tmp_path / "n.json")[0] == 0
    status, _, err = ard("notes", "import", tmp_path / "n.json", tmp_path / "other")
    assert (status, "fields were newer" in err) == (0, True)
    _, mine, _ = ard("notes", "show", noted.root, "--json")
    _, theirs, _ = ard("notes", "show", tmp_path / "other", "--json")
    assert json.loads(mine)["features"] == json.loads(theirs)["features"]
    assert ard("notes", "import", tmp_path / "n.json", tmp_path / "other")[2].startswith("0 fields")
    (tmp_path / "n.json").write_text("{}")
    status, _, err = ard("notes", "import", tmp_path / "n.json", noted.root)
    assert (status, "not an export of notes" in err) == (1, True)


def test_export_follows_the_list_in_its_order_with_its_notes(ard: Ard, noted: Study, tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    status, _, err = ard("export", noted.root, "--list", "paper", "--out", out, "--clips", 1)
    assert status == 0
    assert "1 features of 'paper' are of other SAEs and left out" in err
    assert features(out) == [9, 3]
    first, second = json.loads(out.read_text(encoding="utf-8"))["features"]
    assert (first["list_order"], first["entry_note"]) == (1, "check again")
    assert (second["own_name"], second["tags"], second["star"]) == ("my bell", ["music"], True)
    ard("export", noted.root, "--list", "paper", "--sort", "feature", "--ascending", "--out", out)
    assert features(out) == [3, 9]
    ard("export", noted.root, "--list", "paper", "--starred", "--out", out)
    assert features(out) == [3]


def test_export_of_starred_features_and_by_what_was_noted(ard: Ard, noted: Study, tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    assert ard("export", noted.root, "--starred", "--sort", "feature", "--ascending", "--out", out)[0] == 0
    assert features(out) == [3, 5]
    assert ard("export", noted.root, "--where", 'own_name ~ "BELL"', "--out", out)[0] == 0
    assert features(out) == [3]


def test_list_of_several_saes_asks_for_one(ard: Ard, noted: Study, tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    assert ard("export", noted.root, "--list", "mixed", "--sae", "raw-encoder.2", "--out", out, "--clips", 0)[0] == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [(row["sae"], row["feature"], row["list_order"]) for row in rows] == [("raw-encoder.2", "2", "2")]


def test_export_of_sounds_makes_a_folder(ard: Ard, noted: Study, tmp_path: Path) -> None:
    status, _, _ = ard(
        "export", noted.root, "--starred", "--format", "wav", "--least", "--clips", 1, "--out", tmp_path / "w"
    )
    assert status == 0
    assert sorted(p.name for p in (tmp_path / "w").iterdir() if p.is_dir()) == ["feature-00003", "feature-00005"]
    assert (tmp_path / "w/manifest.csv").is_file()
    assert ard("export", noted.root, "--least", "--out", tmp_path / "a.csv")[0] == 2


def test_looking_at_a_study_without_notes_makes_no_file(ard: Ard, copied: Study, tmp_path: Path) -> None:
    assert ard("export", copied.root, "--starred", "--out", tmp_path / "a.json")[0] == 0
    assert features(tmp_path / "a.json") == []
    status, _, err = ard("export", copied.root, "--list", "paper", "--out", tmp_path / "b.json")
    assert (status, "nothing was noted" in err) == (1, True)
    assert not list(copied.root.glob("notes*"))


def test_cleaning_up_leaves_the_notes(ard: Ard, noted: Study) -> None:
    before = (noted.root / "notes.sqlite").read_bytes()
    assert ard("gc", noted.root)[0] == 0
    assert (noted.root / "notes.sqlite").read_bytes() == before
