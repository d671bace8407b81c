from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sound_files import noise, put, settings_for

from backend.audio.filecache import FileCache
from backend.errors import ArdError, Stopped
from backend.jobs.events import Event, EventLog
from backend.jobs.job import Job
from backend.stages import index
from backend.store.clips import ClipTable, tie_id
from backend.study.folder import Study
from backend.study.settings import Settings


class Watched(Job):
    """A job that keeps what it was told, and asks to stop at a given check."""

    def __init__(self, stop_at: int = -1) -> None:
        self.events: list[Event] = []
        self.checks, self.stop_at = 0, stop_at
        super().__init__(EventLog(None, "test", (self.events.append,)))

    def check_stop(self) -> None:
        self.checks += 1
        if self.checks == self.stop_at:
            self.request_stop()
        super().check_stop()

    def states(self) -> list[str]:
        return [e["state"] for e in self.events if e["type"] == "stage"]

    def texts(self) -> str:
        return "\n".join(e["text"] for e in self.events if e["type"] == "message")


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for number, name in enumerate(("a.wav", "b.wav", "c/d.flac")):
        put(tmp_path / "sounds" / name, noise(1.0, 16000, number))
    return tmp_path / "sounds"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study").mkdir()
    return Study(tmp_path / "study")


def indexed(study: Study, settings: Settings) -> tuple[ClipTable, dict[str, object], Watched]:
    job = Watched()
    index.run(study, settings, job)
    manifest = json.loads(study.index_manifest.read_text())
    return ClipTable(study.clips()), manifest["outputs"], job


def state(study: Study, settings: Settings) -> str:
    (product,) = index.products(study, settings)
    return product.state


def test_the_index_lists_clips_with_header_facts_and_a_manifest(study: Study, sounds: Path) -> None:
    (sounds / "bad.wav").write_text("no sound")
    settings = settings_for({"path": str(sounds)})
    assert state(study, settings) == "missing"
    table, outputs, job = indexed(study, settings)
    assert table.text["record"] == ["a.wav", "b.wav", "c/d.flac"]
    assert table[2].root == str(sounds)
    assert table[2].index == 2
    assert [u.path for _, u in table.unreadable] == ["bad.wav"]
    assert (outputs["clips"], outputs["unreadable"], outputs["hours"]) == (3, 1, 0.0008)
    assert outputs["file"] == study.clips().name
    assert "1 files cannot be used" in job.texts()
    assert state(study, settings) == "finished"


def test_a_second_run_has_nothing_to_do(study: Study, sounds: Path) -> None:
    settings = settings_for({"path": str(sounds)})
    indexed(study, settings)
    before = study.index_manifest.read_bytes()
    _, _, job = indexed(study, settings)
    assert job.states() == ["current"]
    assert study.index_manifest.read_bytes() == before


def test_a_new_changed_or_removed_file_makes_the_index_stale(study: Study, sounds: Path) -> None:
    settings = settings_for({"path": str(sounds)})
    indexed(study, settings)
    put(sounds / "e.wav", noise(1.0, 16000, 9))
    assert state(study, settings) == "stale"
    assert len(indexed(study, settings)[0]) == 4
    put(sounds / "a.wav", noise(1.0, 16000, 10))  # the same size, other content
    os.utime(sounds / "a.wav", ns=(1, 1))
    assert state(study, settings) == "stale"
    indexed(study, settings)
    (sounds / "b.wav").unlink()
    assert state(study, settings) == "stale"
    assert len(indexed(study, settings)[0]) == 3
    assert len(list(study.root.glob("clips-*.h5"))) == 1


def test_a_touched_or_copied_data_set_stays_current(study: Study, sounds: Path) -> None:
    settings = settings_for({"path": str(sounds)})
    indexed(study, settings)
    for path in sounds.rglob("*.*"):
        os.utime(path, ns=(7, 7))
    assert state(study, settings) == "finished"
    index.cache_path(study).unlink()
    assert state(study, settings) == "finished"


def test_settings_that_choose_clips_make_the_index_stale_and_a_training_weight_does_not(
    study: Study, sounds: Path
) -> None:
    indexed(study, settings_for({"path": str(sounds)}))
    assert state(study, settings_for({"path": str(sounds), "weight": 0.5, "domain": "music"})) == "finished"
    assert state(study, settings_for({"path": str(sounds), "use": "probe"})) == "stale"
    assert state(study, settings_for({"path": str(sounds), "subset": ["c"]})) == "stale"


def test_a_manifest_outside_of_the_folder_is_watched_and_only_its_files_count(
    tmp_path: Path, study: Study, sounds: Path
) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,class\na.wav,x\n")
    settings = settings_for({"path": str(sounds), "manifest": str(manifest)})
    assert len(indexed(study, settings)[0]) == 1
    put(sounds / "unlisted.wav")
    assert state(study, settings) == "finished"
    manifest.write_text("path,class\na.wav,y\n")
    assert state(study, settings) == "stale"
    manifest.unlink()
    assert state(study, settings) == "stale"
    with pytest.raises(ArdError, match=r"list\.csv is missing"):
        index.run(study, settings, Watched())


def test_an_unplugged_data_set_leaves_the_finished_index_valid(study: Study, sounds: Path) -> None:
    settings = settings_for({"path": str(sounds)})
    indexed(study, settings)
    sounds.rename(sounds.with_name("elsewhere"))
    (product,) = index.products(study, settings)
    assert product.state == "finished"
    assert product.detail == {"unchecked": [str(sounds)]}
    with pytest.raises(ArdError, match="folder of a data set is not there"):
        index.run(study, settings, Watched())


def test_relative_paths_are_relative_to_the_study(study: Study, sounds: Path) -> None:
    table, _, _ = indexed(study, settings_for({"path": "../sounds"}))
    assert table[0].root == str(sounds.resolve())


def test_excluded_records_are_left_out(study: Study, sounds: Path) -> None:
    (study.root / "without.txt").write_text("# evaluation clips\nb.wav\n\n")
    settings = settings_for({"path": str(sounds)}, exclude="without.txt")
    assert indexed(study, settings)[0].text["record"] == ["a.wav", "c/d.flac"]
    (study.root / "without.txt").write_text("a.wav\n")
    assert state(study, settings) == "stale"
    (study.root / "without.txt").unlink()
    with pytest.raises(ArdError, match=r"without\.txt is missing"):
        index.run(study, settings, Watched())


def test_a_wavcaps_blacklist_concerns_its_own_source(study: Study, sounds: Path) -> None:
    (sounds / "m.csv").write_text("path,source,id\na.wav,AudioSet_SL,AudioSet_SL/Yx\nb.wav,FreeSound,FreeSound/Yx\n")
    (study.root / "black.json").write_text(json.dumps({"AudioSet": ["Yx.wav"], "FreeSound": ["12.wav"]}))
    settings = settings_for({"path": str(sounds), "manifest": "m.csv"}, exclude="black.json")
    assert indexed(study, settings)[0].text["record"] == ["FreeSound/Yx"]
    (study.root / "black.json").write_text("[]")
    with pytest.raises(ArdError, match="blacklist maps sources"):
        index.run(study, settings, Watched())


def test_record_ids_are_unique_across_data_sets_and_the_first_keeps_its_own(tmp_path: Path, study: Study) -> None:
    for folder in ("x", "y"):
        put(tmp_path / folder / "a.wav", noise(0.1, 16000, ord(folder)))
    one = settings_for({"path": str(tmp_path / "x")})
    assert indexed(study, one)[0].text["record"] == ["a.wav"]
    both = settings_for({"path": str(tmp_path / "x")}, {"path": str(tmp_path / "y")})
    table, _, _ = indexed(study, both)
    assert table.text["record"] == ["a.wav", "a.wav#1"]
    assert table.tie_ids.tolist() == [tie_id("a.wav"), tie_id("a.wav#1")]
    assert table.dataset.tolist() == [0, 1]


def test_a_name_taken_by_a_numbered_one_gets_another_number() -> None:
    taken: set[str] = set()
    names = [index.unique_record(*one, taken) for one in (("a", 0), ("a", 0), ("a", 0), ("a", 1), ("b", 1))]
    assert names == ["a", "a#0", "a#0.2", "a#1", "b"]


def test_audio_that_is_ranked_and_trained_on_is_flagged(tmp_path: Path, study: Study) -> None:
    for name, seed in (("train/a.wav", 1), ("train/b.wav", 2), ("probe/copy.wav", 1), ("probe/new.wav", 3)):
        put(tmp_path / name, noise(0.5, 16000, seed))
    settings = settings_for(
        {"path": str(tmp_path / "train"), "use": "train"}, {"path": str(tmp_path / "probe"), "use": "probe"}
    )
    table, outputs, job = indexed(study, settings)
    assert (outputs["duplicates"], outputs["leaked"], outputs["leaked_records"]) == (1, 1, ["copy.wav"])
    assert "also trained on" in job.texts()
    assert table.train.tolist() == [True, True, False, False]
    assert table.probe.tolist() == [False, False, True, True]


def test_the_clip_list_hash_follows_audio_and_use_but_not_labels(study: Study, sounds: Path) -> None:
    (sounds / "m.csv").write_text("path,class\na.wav,x\nb.wav,y\n")
    settings = settings_for({"path": str(sounds), "manifest": "m.csv"})
    first = indexed(study, settings)[1]["clip_list"]
    (sounds / "m.csv").write_text("path,class\na.wav,z\nb.wav,y\n")
    table, outputs, _ = indexed(study, settings)
    assert table.labels(0) == {"class": "z"}
    assert outputs["clip_list"] == first
    (sounds / "m.csv").write_text("path,class\nb.wav,y\na.wav,z\n")
    assert indexed(study, settings)[1]["clip_list"] != first


def test_a_study_without_one_usable_clip_is_an_error_that_gives_reasons(tmp_path: Path, study: Study) -> None:
    (tmp_path / "sounds").mkdir()
    settings = settings_for({"path": str(tmp_path / "sounds")})
    with pytest.raises(ArdError, match="there are no sound files"):
        index.run(study, settings, Watched())
    (tmp_path / "sounds/a.wav").touch()
    with pytest.raises(ArdError, match=r"a\.wav: the file is empty"):
        index.run(study, settings, Watched())
    assert not study.index_manifest.exists()
    assert list(study.root.glob("clips-*.h5")) == []


def test_a_stopped_index_keeps_what_it_read_and_goes_on(study: Study, tmp_path: Path) -> None:
    for number in range(300):
        put(tmp_path / f"sounds/{number:03d}.wav", np.full(10, number / 1000, "f4"))
    settings = settings_for({"path": str(tmp_path / "sounds")})
    with pytest.raises(Stopped):
        index.run(study, settings, Watched(stop_at=2))
    assert not study.index_manifest.exists()
    known = json.loads(index.cache_path(study).read_text())["roots"]
    assert len(known[str(tmp_path / "sounds")]) == 256
    assert len(indexed(study, settings)[0]) == 300


def test_a_stale_index_stays_readable_until_the_new_one_stands(study: Study, sounds: Path) -> None:
    settings = settings_for({"path": str(sounds)})
    indexed(study, settings)
    put(sounds / "e.wav")
    with pytest.raises(Stopped):
        index.run(study, settings, Watched(stop_at=1))
    assert len(ClipTable(study.clips())) == 3
    assert state(study, settings) == "stale"


def test_a_lost_clip_table_is_made_again(study: Study, sounds: Path) -> None:
    settings = settings_for({"path": str(sounds)})
    indexed(study, settings)
    study.clips().unlink()
    assert len(indexed(study, settings)[0]) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99, "roots": {}}', '{"version": 1, "roots": []}'])
def test_a_damaged_cache_counts_as_empty(tmp_path: Path, sounds: Path, text: str) -> None:
    path = tmp_path / "cache.json"
    path.write_text(text)
    assert FileCache(path).probe(sounds, "a.wav").duration == 1.0


def test_the_cache_reads_a_file_again_only_when_size_or_time_changed(tmp_path: Path, sounds: Path) -> None:
    first = FileCache(tmp_path / "cache.json")
    before = first.probe(sounds, "a.wav")
    first.save()
    status = (sounds / "a.wav").stat()
    put(sounds / "a.wav", noise(1.0, 16000, 77))
    os.utime(sounds / "a.wav", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert FileCache(tmp_path / "cache.json").probe(sounds, "a.wav") == before
    os.utime(sounds / "a.wav", ns=(1, 1))
    assert FileCache(tmp_path / "cache.json").probe(sounds, "a.wav").hash != before.hash


def test_audio_and_index_need_no_model_library() -> None:
    modules = "backend.stages.index, backend.audio.load, backend.audio.corpus, backend.audio.packages"
    adapters = "[DATASETS.get(name) for name in DATASETS]"
    code = f"import sys, {modules}; from backend.audio.datasets.base import DATASETS; {adapters}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "soundfile" in loaded
    assert not loaded & {"torch", "transformers", "scipy", "pyarrow", "ard_gui"}
