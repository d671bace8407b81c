"""The `labels` of an `[[audio]]` table: which clips they let through, and that results made before them stay valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from sound_files import noise, put, settings_for

from backend.audio.datasets.read import read
from backend.audio.probe import probe_file
from backend.audio.records import ClipRecord, values_of
from backend.errors import ArdError
from backend.evaluate.sensitivity.run import Request, _plain
from backend.jobs.job import quiet_job
from backend.stages import index
from backend.store.clips import ClipTable
from backend.study.folder import Study
from backend.study.settings import AudioSection, fingerprinted


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    rows = ("a,dog,test,en", 'b,"cat,dog",test,', "c,rain,train,", "d,,train,en")
    for number, name in enumerate("abcd"):
        put(tmp_path / "sounds" / f"{name}.wav", noise(0.1, 16000, number))
    text = "\n".join(["path,kind,split,language", *(row.replace(",", ".wav,", 1) for row in rows)])
    (tmp_path / "sounds" / "m.csv").write_text(text + "\n")
    return tmp_path / "sounds"


def chosen(root: Path, **more: list[str]) -> list[str]:
    section = AudioSection(path=str(root), manifest="m.csv", **more)  # type: ignore[arg-type]
    found = read(root, section, lambda name: probe_file(root / name))
    return [one.path[0] for one in found if isinstance(one, ClipRecord)]


def test_values_of_one_label_are_alternatives_and_several_labels_must_all_hold(sounds: Path) -> None:
    assert chosen(sounds) == ["a", "b", "c", "d"]
    assert chosen(sounds, labels=["kind=dog"]) == ["a", "b"]
    assert chosen(sounds, labels=["kind=cat,dog"]) == ["b"]
    assert chosen(sounds, labels=["kind=dog", "kind=rain"]) == ["a", "b", "c"]
    assert chosen(sounds, labels=["kind=dog", "language=en"]) == ["a"]
    assert chosen(sounds, labels=["kind=dog", "kind=rain"], split=["train"]) == ["c"]


def test_a_label_counts_as_its_text_and_as_each_of_several_values() -> None:
    assert values_of("cat,dog") == {"cat,dog", "cat", "dog"}
    assert values_of("cat") == {"cat"}
    assert values_of("") == frozenset()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"labels": ["sort=dog"]}, "no clip has a label 'sort'; there are: kind, language"),
        ({"labels": ["kind=dog", "kind=cow"]}, r"no clip has kind=cow; values of kind and their clips: dog \(2\), "),
        ({"labels": ["kind=rain", "language=en"]}, r"all of kind=rain, language=en at once; kind: .*; language: en"),
        ({"labels": ["kind=rain"], "split": ["test"]}, r"all of test, kind=rain at once; kind: dog \(2\)"),
    ],
)
def test_a_choice_that_matches_nothing_says_what_there_is(sounds: Path, more: dict[str, list[str]], told: str) -> None:
    with pytest.raises(ArdError, match=told):
        chosen(sounds, **more)


@pytest.mark.parametrize("entry", ["kind", "=dog", "kind="])
def test_an_entry_is_a_name_and_a_value(entry: str) -> None:
    with pytest.raises(ValidationError):
        AudioSection(path="x", labels=[entry])


def test_an_empty_list_leaves_every_fingerprint_as_it_was_before_the_setting(sounds: Path, tmp_path: Path) -> None:
    before = {
        "adapter": "folder", "path": "x", "manifest": "", "subset": [], "split": [], "use": "both", "weight": 1.0,
        "domain": "",
    }  # fmt: skip
    assert fingerprinted(AudioSection(path="x")) == before
    assert fingerprinted(AudioSection(path="x", labels=["a=b"])) == before | {"labels": ["a=b"]}
    assert _plain(Request("what?", (), data=AudioSection(path="x")))["data"] == before


def test_the_index_is_stale_after_a_choice_and_holds_only_the_chosen_clips(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    study = Study(tmp_path / "study")
    every = settings_for({"path": str(sounds), "manifest": "m.csv", "labels": []})
    index.run(study, every, quiet_job())
    some = settings_for({"path": str(sounds), "manifest": "m.csv", "labels": ["kind=dog"]})
    assert [one.state for settings in (every, some) for one in index.products(study, settings)] == ["finished", "stale"]
    index.run(study, some, quiet_job())
    assert ClipTable(study.clips()).text["record"] == ["a.wav", "b.wav"]
