"""The WAV folder: what is in it can be played, sorted and read back, and what is missing is said."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from backend.errors import ArdError
from backend.export.own_work import OwnWork
from backend.export.records import Export, features_for_export
from backend.export.wav_folder import COLUMNS, intervals, wav
from backend.export.writers import export_to
from backend.store.clips import ClipTable
from backend.store.notes.records import FeatureNote
from backend.store.retrieval import RetrievalFile, Trace
from backend.study.folder import Study
from builders.described_study import describe_by_hand, the_sae


def busiest(study: Study, count: int = 2) -> list[int]:
    with RetrievalFile(study.retrieval(the_sae(study))) as file:
        return [int(k) for k in np.argsort(-file.table()["support"], kind="stable")[:count]]


def manifest(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["clips"]
    return found


def test_every_listed_clip_is_there_as_it_is_in_its_own_file(ranked: Study, tmp_path: Path) -> None:
    rows = busiest(ranked)
    export = features_for_export(ranked, rows=rows, clips=3)
    export_to(export, "wav", tmp_path / "out")
    records, clips = list(export.records()), ClipTable(ranked.clips())
    expected = [(r["feature"], "most", one["rank"], one["clip"]) for r in records for one in r["most"]]
    found = manifest(tmp_path / "out")
    assert [(one["feature"], one["list"], one["rank"], one["clip"]) for one in found] == expected
    for one in found:
        stem = Path(one["record"]).stem
        assert one["file"] == f"feature-{one['feature']:05d}/{one['rank']}-most-{stem}.wav"
        samples, rate = soundfile.read(tmp_path / "out" / one["file"])
        clip = clips[one["clip"]]
        original, own_rate = soundfile.read(Path(clip.root) / clip.path)
        assert rate == own_rate == one["sample_rate"]
        assert np.abs(samples - original).max() <= 1 / 32767
        assert one["seconds"] == len(original) / rate
        assert (one["labels"], one["problem"]) == (clips.labels(one["clip"]), "")
    there = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.wav")}
    assert there == {one["file"] for one in found}


def test_least_representative_clips_come_on_request(ranked: Study, tmp_path: Path) -> None:
    export = features_for_export(ranked, rows=busiest(ranked, 1), clips=2)
    export_to(export, "wav", tmp_path / "out", least=True)
    names = sorted(p.name.split("-")[:2] for p in (tmp_path / "out").rglob("*.wav"))
    assert names == [["1", "least"], ["1", "most"], ["2", "least"], ["2", "most"]]


def test_csv_says_the_same_as_json(ranked: Study, tmp_path: Path) -> None:
    describe_by_hand(ranked, the_sae(ranked), [])
    (k,) = busiest(ranked, 1)
    own = OwnWork({k: FeatureNote(k, name="my, own\nname")})
    export_to(features_for_export(ranked, rows=[k], clips=2, own=own), "wav", tmp_path / "out")
    with open(tmp_path / "out/manifest.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    found = manifest(tmp_path / "out")
    assert list(rows[0]) == list(COLUMNS) == list(found[0])
    for text, value in zip(rows, found, strict=True):
        assert text["name"] == value["name"] == "my, own\nname"
        assert text["automatic_name"] == value["automatic_name"] == ""
        assert float(text["m"]) == value["m"]
        assert json.loads(text["active"]) == value["active"]
        assert (text["end"], value["end"]) == ("", None)


def test_active_intervals_are_those_of_the_trace(ranked: Study, tmp_path: Path) -> None:
    (k,) = busiest(ranked, 1)
    export_to(features_for_export(ranked, rows=[k], clips=1), "wav", tmp_path / "out")
    (one,) = manifest(tmp_path / "out")
    with RetrievalFile(ranked.retrieval(the_sae(ranked))) as file:
        trace, seconds = file.feature(k).traces[one["clip"]], file.token_seconds(one["clip"])
    middles = seconds[trace.token].mean(axis=1)
    inside = [any(low <= at <= high for low, high in one["active"]) for at in middles if at < one["seconds"]]
    assert all(inside)
    active = np.diff(np.clip(seconds[trace.token], 0, one["seconds"]), axis=1).sum()
    assert sum(high - low for low, high in one["active"]) == pytest.approx(active, abs=1e-4)


def test_intervals_join_neighbours_and_end_with_the_clip() -> None:
    grid = np.stack([np.arange(6) * 0.5, np.arange(1, 7) * 0.5], axis=1)
    trace = Trace(np.array([0, 1, 3, 5]), np.ones(4, dtype=np.float32))
    assert intervals(trace, grid, math.nan) == [[0.0, 1.0], [1.5, 2.0], [2.5, 3.0]]
    assert intervals(trace, grid, 1.75) == [[0.0, 1.0], [1.5, 1.75]]
    assert intervals(None, grid, 3.0) == []


def test_missing_sound_is_said_in_the_manifest_and_the_rest_is_written(
    ranked_base: Path, ranked: Study, tmp_path: Path
) -> None:
    export = features_for_export(ranked, rows=busiest(ranked, 1), clips=3)
    (record,) = export.records()
    gone = ranked_base / "audio" / record["most"][1]["path"]
    shutil.move(gone, gone.with_suffix(".away"))
    try:
        export_to(export, "wav", tmp_path / "out")
    finally:
        shutil.move(gone.with_suffix(".away"), gone)
    first, second, third = manifest(tmp_path / "out")
    assert (second["file"], second["rank"]) == ("", 2)
    assert second["problem"]
    assert str(ranked_base) not in json.dumps(second)
    assert [bool(one["file"]) for one in (first, third)] == [True, True]
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 2


def test_folder_that_holds_something_is_left_alone(ranked: Study, tmp_path: Path) -> None:
    export = features_for_export(ranked, rows=busiest(ranked, 1), clips=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.txt").write_text("my own")
    with pytest.raises(ArdError, match="not empty"):
        export_to(export, "wav", tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["a.txt"]


def test_export_that_fails_half_way_leaves_nothing(ranked: Study, tmp_path: Path) -> None:
    whole = features_for_export(ranked, rows=busiest(ranked), clips=1)

    def torn() -> Any:
        yield next(whole.records())
        raise ArdError("the retrieval file is damaged")

    before = sorted(tmp_path.iterdir())
    with pytest.raises(ArdError, match="damaged"):
        export_to(Export(whole.provenance, whole.rows, torn, whole.columns, whole.source), "wav", tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_export_without_sounds_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="knows no sounds"):
        export_to(Export({}, np.array([1]), lambda: iter(())), "wav", tmp_path / "out")


def test_writers_work_in_any_thread(ranked: Study, tmp_path: Path) -> None:
    rows = busiest(ranked)
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            export_to(features_for_export(ranked, rows=rows, clips=2, own=OwnWork()), name, tmp_path / f"out.{name}")
        except BaseException as error:
            problems.append(error)

    names = ("csv", "json", "jsonl", "md", "html", "wav")
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert all((tmp_path / f"out.{name}").exists() for name in names)


def test_wave_beyond_full_scale_is_clipped_not_wrapped() -> None:
    samples, rate = soundfile.read(io.BytesIO(wav(np.array([2.0, -2.0, 0.5], dtype=np.float32), 8000)))
    assert rate == 8000
    assert samples == pytest.approx([1.0, -1.0, 0.5], abs=1e-4)
