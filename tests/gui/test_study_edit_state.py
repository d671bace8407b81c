"""Wishes for an existing study's settings, without a window."""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ard_gui.state.estimate import count, estimate_of, size, span, time_range
from ard_gui.state.sae_states import sae_states
from ard_gui.state.study_edit import Additions, StudyEdit
from backend.errors import ArdError
from backend.study.configuration import digest, edit
from backend.study.creation import new_study

root_only = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become somebody else")
NOBODY = 65534


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    (tmp_path / "sound").mkdir()
    found = new_study(tmp_path / "study", "some/model", [tmp_path / "sound"], profile="tiny").toml
    found.write_text("# mine\n" + found.read_text(encoding="utf-8"), encoding="utf-8")
    return found


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A study that everybody can read, in a place of another user."""
    folder = Path(tempfile.mkdtemp(prefix="ard-foreign-"))
    folder.chmod(0o755)
    (folder / "sound").mkdir()
    yield new_study(folder / "study", "some/model", [folder / "sound"]).toml
    shutil.rmtree(folder)


def test_additions_are_laid_beside_what_the_file_lists(toml: Path) -> None:
    wishes = StudyEdit(toml)
    additions = Additions(wishes)
    additions.set("sae.expansion", [4, 16, 16, 8])
    assert wishes.changes() == {"sae.expansion": [4, 16, 8]}
    assert wishes.diff().splitlines()[-3:-1] == ["-expansion = [4]", "+expansion = [4, 16, 8]"]
    wishes.write()
    text = toml.read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert tomllib.loads(text)["sae"]["expansion"] == [4, 16, 8]


def test_nothing_is_written_where_nothing_changes(toml: Path) -> None:
    wishes, before = StudyEdit(toml), toml.stat().st_mtime_ns
    wishes.add("sae.expansion", [4])
    wishes.set("train.steps", 200)
    assert (wishes.changes(), wishes.diff(), wishes.text()) == ({}, "", wishes.before)
    wishes.write()
    assert toml.stat().st_mtime_ns == before


def test_file_changed_meanwhile_is_not_written_and_the_wishes_are_kept(toml: Path) -> None:
    wishes = StudyEdit(toml)
    wishes.add("sae.expansion", [16])
    assert not wishes.read_if_changed()
    edit(toml, {"sae.expansion": [4, 8], "train.steps": 90}, seen=digest(toml))
    with pytest.raises(ArdError, match="changed by another program"):
        wishes.write()
    assert tomllib.loads(toml.read_text(encoding="utf-8"))["sae"]["expansion"] == [4, 8]
    assert wishes.read_if_changed()
    assert wishes.changes() == {"sae.expansion": [4, 8, 16]}
    wishes.write()
    found = tomllib.loads(toml.read_text(encoding="utf-8"))
    assert (found["sae"]["expansion"], found["train"]["steps"]) == ([4, 8, 16], 90)


def test_wish_that_somebody_else_has_fulfilled_changes_nothing(toml: Path) -> None:
    wishes = StudyEdit(toml)
    wishes.add("sae.seeds", [1])
    edit(toml, {"sae.seeds": [0, 1]}, seen=digest(toml))
    wishes.read_if_changed()
    assert wishes.changes() == {}


def test_wish_that_cannot_be_is_explained_and_changes_nothing(toml: Path) -> None:
    wishes = StudyEdit(toml)
    wishes.add("sae.k", ["many"])
    assert wishes.problems() == {
        "sae.k": "“many” cannot be used here. Write auto or a whole number, several with commas."
    }
    before = toml.read_bytes()
    with pytest.raises(ValueError, match="many"):
        wishes.write()
    assert toml.read_bytes() == before


def test_setting_that_the_file_does_not_name_yet_is_added_to_its_table(toml: Path) -> None:
    lines = [line for line in toml.read_text(encoding="utf-8").splitlines() if not line.startswith("features =")]
    toml.write_text("\n".join(lines) + "\n", encoding="utf-8")
    wishes = StudyEdit(toml)
    wishes.add("names.features", ["an-sae:3"])
    wishes.write()
    assert tomllib.loads(toml.read_text(encoding="utf-8"))["names"]["features"] == ["an-sae:3"]


def test_values_can_be_set_and_then_added_to(toml: Path) -> None:
    edit(toml, {"names.features": ["a:1", "a:2"]}, seen=digest(toml))
    wishes = StudyEdit(toml)
    wishes.set("names.features", [])
    wishes.add("names.features", ["a:2", "b:9"])
    assert wishes.changes() == {"names.features": ["a:2", "b:9"]}


def test_broken_file_is_explained_when_it_is_read(toml: Path) -> None:
    toml.write_text("= nothing", encoding="utf-8")
    with pytest.raises(ArdError, match="not valid TOML"):
        StudyEdit(toml)
    toml.unlink()
    with pytest.raises(ArdError, match="cannot be read"):
        StudyEdit(toml)


@root_only
def test_study_of_somebody_else_says_before_and_after_that_it_cannot_be_changed(foreign: Path) -> None:
    before = foreign.read_bytes()
    os.seteuid(NOBODY)
    try:
        wishes = StudyEdit(foreign)
        assert wishes.locked.startswith("This study can only be read here")
        wishes.set("train.steps", 7)
        with pytest.raises(ArdError, match=r"cannot be written \(Permission denied\).*copy its folder"):
            wishes.write()
    finally:
        os.seteuid(0)
    assert foreign.read_bytes() == before
    assert [path.name for path in foreign.parent.iterdir()] == ["study.toml"]


def test_states_of_saes_are_told_in_words() -> None:
    products: list[dict[str, Any]] = [
        {"stage": "extract", "name": "encoder.1", "state": "finished"},
        {"stage": "train", "name": "a", "state": "finished"},
        {"stage": "train", "name": "b", "state": "missing"},
        {"stage": "describe", "name": "concepts of a", "state": "stale"},
    ]
    found = sae_states({"products": products, "problems": []})
    assert (found.saes, found.new) == ({"a": "trained", "b": "new"}, 1)
    assert "concepts of a (describe)" in found.again
    assert sae_states({"products": [], "problems": ["train: no such layer"]}).problem == "train: no such layer"


def test_sizes_times_and_counts_are_told_for_people() -> None:
    assert [size(n) for n in (0, 900, 1536, 200 * 2**20, 1.5 * 2**40)] == ["–", "900 B", "1.5 KB", "200 MB", "1.5 TB"]
    assert [span(n) for n in (0.2, 89, 600, 3 * 3600, 20 * 3600, 72 * 3600)] == [
        "0 s", "89 s", "10 min", "3.0 h", "20 h", "3.0 days",
    ]  # fmt: skip
    assert [count(n) for n in (0, 1234, 12_345_678)] == ["–", "1,234", "12.3 million"]
    assert time_range({"seconds": 60.0, "seconds_low": 59.6, "seconds_high": 60.4}) == "60 s"
    assert time_range({"seconds": None}) == "–"
    assert time_range({"seconds": 0.1, "seconds_low": 0.0, "seconds_high": 1.2}) == "a moment"


def test_estimate_says_what_is_short_and_leaves_out_what_is_done() -> None:
    answer: dict[str, Any] = {
        "clips": 1, "hours": 0.5, "measured": True, "device": "cuda:0", "stages": [
            {"stage": "index", "tokens": 0, "bytes_to_write": 0, "memory_bytes": 0, "device_bytes": 0, "seconds": 0.0,
             "seconds_low": 0.0, "seconds_high": 0.0, "state": "current"},
            {"stage": "train", "tokens": 100, "bytes_to_write": 10, "memory_bytes": 2**30, "device_bytes": 2**31,
             "seconds": 50.0, "seconds_low": 40.0, "seconds_high": 60.0, "state": "to do"},
        ], "bytes_to_write": 10, "free_bytes": 100, "memory_bytes": 2**34, "memory_total_bytes": 2**33,
        "seconds": 50.0, "seconds_low": 40.0, "seconds_high": 60.0,
        "warnings": [{"what": "no GPU", "todo": "Get one."}],
    }  # fmt: skip
    found = estimate_of(answer)
    assert found.short == "16.0 GB of memory are needed and this machine has 8.0 GB."
    assert found.summary == "1 clip, 30 min of sound, on cuda:0"
    assert [one.done for one in found.stages] == [True, False]
    assert found.stages[1].memory == "1.0 GB + 2.0 GB GPU"
    assert found.warnings == ("No GPU. Get one.",)
    assert (found.total.tokens, found.total.time) == ("100", "50 s (40 s to 60 s)")
    assert estimate_of(answer | {"memory_bytes": 2**33}).short == ""
