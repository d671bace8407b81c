from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sound_files import noise, put, settings_for

from backend.audio.corpus import build_corpus
from backend.audio.packages import fetch_packages, unpack
from backend.audio.taxonomy import taxonomy
from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.stages import index
from backend.store.clips import ClipTable
from backend.study.folder import Study

ANIMALS = "scratch/usr/share/scratch/Media/Sounds/Animal"
PROMPTS = "asterisk-core-sounds-en-wav/usr/share/asterisk/sounds/en_US_f_Allison"
STAMPS = "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    base = tmp_path / "unpacked"
    sounds = [
        f"{ANIMALS}/Cat.mp3", f"{ANIMALS}/Dog1.wav", f"{ANIMALS}/Dog2.wav", f"{PROMPTS}/digits/1.wav",
        f"{PROMPTS}/beep.wav", f"{PROMPTS}/silence/1.wav", f"{STAMPS}/animals/birds/owl_desc_fr.ogg",
        f"{STAMPS}/animals/birds/owl.ogg", f"{STAMPS}/town/unknown.ogg",
    ]  # fmt: skip
    for number, name in enumerate(sounds):
        put(base / name, noise(0.5, 16000, number))
    return base


def rows(path: Path) -> dict[str, dict[str, object]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return {Path(row["path"]).name: row for row in found}


def test_the_manifest_has_category_leaf_language_and_speaker(tmp_path: Path, packages: Path) -> None:
    summary = build_corpus([packages], tmp_path / "corpus.jsonl")
    found = rows(tmp_path / "corpus.jsonl")
    assert {name: row["labels"]["label"] for name, row in found.items()} == {  # type: ignore[index]
        "Cat.mp3": "cat",
        "Dog1.wav": "dog",
        "Dog2.wav": "dog",
        "1.wav": "en en_US_f_Allison",
        "beep.wav": "beep",
        "owl_desc_fr.ogg": "fr tuxpaint",
        "owl.ogg": "bird",
    }
    prompt = found["1.wav"]
    assert prompt["path"] == f"{PROMPTS}/digits/1.wav"
    assert (prompt["source"], prompt["speaker"], prompt["duration"]) == (
        "asterisk-core-sounds-en-wav", "en_US_f_Allison", 0.5,
    )  # fmt: skip
    assert prompt["labels"] == {
        "category": "speech", "label": "en en_US_f_Allison", "language": "en", "prompt": "digits/1",
    }  # fmt: skip
    assert found["beep.wav"]["speaker"] == ""
    assert (summary.base, summary.clips, summary.seconds) == (str(packages), 7, 3.5)
    assert summary.categories == {"speech": 2, "synthetic": 1, "animal": 4}
    assert summary.left_out == {"no rule": 2}


def test_single_packages_give_the_same_manifest_as_their_folder(tmp_path: Path, packages: Path) -> None:
    build_corpus([packages], tmp_path / "all.jsonl")
    build_corpus(sorted(packages.iterdir(), reverse=True), tmp_path / "each.jsonl")
    assert (tmp_path / "all.jsonl").read_bytes() == (tmp_path / "each.jsonl").read_bytes()


def test_copies_appear_once_and_not_at_all_under_two_labels(tmp_path: Path, packages: Path) -> None:
    shutil.copy(packages / ANIMALS / "Dog1.wav", packages / ANIMALS / "WolfHowl.wav")
    shutil.copy(packages / f"{STAMPS}/animals/birds/owl_desc_fr.ogg", packages / f"{STAMPS}/animals/cow_desc_es.ogg")
    summary = build_corpus([packages], tmp_path / "corpus.jsonl")
    assert set(rows(tmp_path / "corpus.jsonl")) == {"Cat.mp3", "Dog1.wav", "Dog2.wav", "1.wav", "beep.wav", "owl.ogg"}
    assert summary.left_out == {"no rule": 2, "copy": 1, "copies of different labels": 2}


def test_short_long_unreadable_and_linked_files_are_counted_and_left_out(tmp_path: Path, packages: Path) -> None:
    put(packages / ANIMALS / "Bird.wav", noise(0.2, 8000))
    put(packages / ANIMALS / "Duck.wav", np.zeros(8000 * 31, "f4"), 8000)
    (packages / ANIMALS / "Owl.wav").touch()
    (packages / ANIMALS / "Meow.wav").symlink_to(packages / ANIMALS / "Cat.mp3")
    summary = build_corpus([packages / "scratch"], tmp_path / "corpus.jsonl")
    assert summary.clips == 3
    assert summary.left_out == {"too short": 1, "too long": 1, "unreadable": 1, "link": 1}


def test_a_limit_per_label_takes_the_same_clips_every_time(tmp_path: Path, packages: Path) -> None:
    first = build_corpus([packages], tmp_path / "a.jsonl", per_label=1)
    build_corpus([packages], tmp_path / "b.jsonl", per_label=1)
    assert first.labels["dog"] == 1
    assert first.left_out["over the limit"] == 1
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_what_is_no_package_is_refused(tmp_path: Path, packages: Path) -> None:
    with pytest.raises(ArdError, match="this folder is not there"):
        build_corpus([tmp_path / "nowhere"], tmp_path / "c.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArdError, match="neither an unpacked package nor a folder of"):
        build_corpus([tmp_path / "empty"], tmp_path / "c.jsonl")
    (tmp_path / "other/usr").mkdir(parents=True)
    with pytest.raises(ArdError, match="no rules for the package 'other'"):
        build_corpus([tmp_path / "other"], tmp_path / "c.jsonl")
    shutil.rmtree(packages / ANIMALS.split("/Media")[0])
    with pytest.raises(ArdError, match="scratch lacks its folder of sounds"):
        build_corpus([packages], tmp_path / "c.jsonl")
    assert not (tmp_path / "c.jsonl").exists()


def test_the_manifest_is_what_the_index_reads(tmp_path: Path, packages: Path) -> None:
    summary = build_corpus([packages], tmp_path / "corpus.jsonl")
    (tmp_path / "study").mkdir()
    study = Study(tmp_path / "study")
    settings = settings_for({"path": summary.base, "manifest": str(tmp_path / "corpus.jsonl"), "subset": ["scratch"]})
    index.run(study, settings, quiet_job())
    table = ClipTable(study.clips())
    assert [table.labels(i)["label"] for i in range(len(table))] == ["cat", "dog", "dog"]
    assert set(table.text["licence"]) == {"CC-BY-SA-3.0"}


def test_every_rule_of_the_taxonomy_names_its_placeholders() -> None:
    found = taxonomy()
    assert 0 < found.shortest < found.longest
    for name, own in found.packages.items():
        for rule in own.rules:
            assert rule.category in {"speech", "animal", "human", "music", "environment", "synthetic", "skip"}, name
            filled = rule.label.format(**dict.fromkeys(rule.pattern.groupindex, "x"))
            assert bool(filled) == (rule.category != "skip"), name
            if rule.category == "speech":
                assert own.speaker.format(**dict.fromkeys(rule.pattern.groupindex, "x")), name


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")
def test_a_package_is_unpacked_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    put(source / "usr/share/scratch/Media/Sounds/Animal/Cat.wav")
    (source / "DEBIAN").mkdir()
    (source / "DEBIAN/control").write_text(
        "Package: scratch\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@b.c>\nDescription: sounds\n"
    )
    archive = tmp_path / "scratch.deb"
    build = ["dpkg-deb", "--build", "--root-owner-group", str(source), str(archive)]
    subprocess.run(build, check=True, capture_output=True)
    (tmp_path / "unpacked").mkdir()
    monkeypatch.chdir(tmp_path)
    unpack(Path("scratch.deb"), Path("unpacked/scratch"))
    assert build_corpus([tmp_path / "unpacked"], tmp_path / "c.jsonl").labels == {"cat": 1}
    assert not archive.exists()
    (tmp_path / "broken.deb").write_bytes(b"no archive")
    with pytest.raises(ArdError, match="dpkg -x failed"):
        unpack(tmp_path / "broken.deb", tmp_path / "unpacked" / "broken")
    assert not (tmp_path / "unpacked" / "broken").exists()


def test_fetching_without_the_package_client_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArdError, match=r"there is no apt-get.*Debian or Ubuntu"):
        fetch_packages(["scratch"], tmp_path / "unpacked")
    (tmp_path / "unpacked/scratch").mkdir(parents=True)
    assert fetch_packages(["scratch"], tmp_path / "unpacked") == [tmp_path / "unpacked/scratch"]


@pytest.mark.parametrize("name", ["../x", "--option", "a b", "A"])
def test_what_is_no_package_name_never_reaches_the_client(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArdError, match="not the name of a Debian package"):
        fetch_packages([name], tmp_path)
