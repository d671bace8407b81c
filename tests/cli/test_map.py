"""`ard map`: its file, who may read it, and when it no longer counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ArdError, Stopped
from backend.jobs.job import quiet_job
from backend.stages import map as stage
from backend.stages import retrieve
from backend.stages.collect import collect
from backend.store import map as map_store
from backend.store.map import MapFile
from backend.study.atomic import read_json, write_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from builders.described_study import the_sae
from builders.interrupted import StopsAfter, contents

Ard = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mapped(ard: Ard, copied: Study) -> Study:
    status, _, err = ard("map", copied.root, "--sae", the_sae(copied))
    assert status == 0, err
    return copied


def valid(study: Study) -> Path:
    path = study.map(the_sae(study))
    assert path is not None
    return path


def test_map_is_named_by_current_json_and_holds_every_feature(mapped: Study) -> None:
    file = MapFile(valid(mapped))
    config = read_json(mapped.sae(the_sae(mapped)) / "config.json")
    assert file.features == config["n_features"]
    assert file.weights == config["weights_hash"]
    assert file.settings["directions"] == "decoder"
    assert np.isfinite([file.x, file.y]).all()
    assert file.directed.all()
    assert 0 < file.by_chance < file.kept < 1
    assert read_json(file.path.with_suffix(".json"))["stage"] == "map"


def test_json_of_the_command_is_what_the_file_holds(ard: Ard, mapped: Study) -> None:
    _, out, _ = ard("map", mapped.root, "--sae", the_sae(mapped), "--json")
    told, file = json.loads(out), MapFile(valid(mapped))
    assert (told["file"], told["seed"], told["kept"]) == (str(file.path), 0, file.kept)
    assert np.array_equal(np.float32(told["x"]), file.x)
    assert np.array_equal(np.float32(told["y"]), file.y)


def test_events_of_the_command_end_with_finished(ard: Ard, copied: Study) -> None:
    words = ["map", str(copied.root), "--sae", the_sae(copied), "--events"]
    assert ard(*words, "--json")[0] == 2
    process = [sys.executable, "-P", "-m", "backend.cli.main", *words]
    done = subprocess.run(process, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["state"] for e in events if e["type"] == "stage"] == ["started", "finished"]
    assert {e["unit"] for e in events if e["type"] == "progress"} == {"directions compared", "epochs"}
    assert events[-1]["type"] == "finished"


def test_map_of_encoder_rows_is_another_and_the_first_is_found_again(ard: Ard, mapped: Study) -> None:
    first = valid(mapped)
    assert ard("map", mapped.root, "--sae", the_sae(mapped), "--directions", "encoder", "--seed", 3)[0] == 0
    second = MapFile(valid(mapped))
    assert second.path != first
    assert (second.settings["directions"], second.settings["seed"]) == ("encoder", 3)
    written = first.stat().st_mtime_ns
    _, _, err = ard("map", mapped.root, "--sae", the_sae(mapped))
    assert "is current" in err
    assert (valid(mapped), first.stat().st_mtime_ns) == (first, written)


def test_raw_units_have_no_map(ard: Ard, copied: Study) -> None:
    raw = next(name for name in copied.feature_ids() if name.startswith("raw-"))
    status, _, err = ard("map", copied.root, "--sae", raw)
    assert (status, "raw units have no directions" in err) == (1, True)
    assert copied.map(raw) is None


def test_map_of_an_sae_that_changed_is_not_shown_nor_made(ard: Ard, mapped: Study) -> None:
    config = mapped.sae(the_sae(mapped)) / "config.json"
    write_json(config, {**read_json(config), "weights_hash": "0" * 64})
    assert mapped.map(the_sae(mapped)) is None
    status, _, err = ard("map", mapped.root, "--sae", the_sae(mapped))
    assert (status, "Run: ard retrieve" in err) == (1, True)
    config.unlink()
    assert mapped.map(the_sae(mapped)) is None


def test_new_ranking_of_the_same_sae_keeps_its_map(mapped: Study) -> None:
    before = valid(mapped)
    settings = load_settings(mapped.toml)
    settings.retrieve.list_length -= 1

    ranked = mapped.retrieval(the_sae(mapped))
    retrieve.run(mapped, settings, quiet_job())
    assert mapped.retrieval(the_sae(mapped)) != ranked
    assert valid(mapped) == before


def test_gc_keeps_the_map_that_is_named_and_removes_others(ard: Ard, mapped: Study) -> None:
    first = valid(mapped)
    ard("map", mapped.root, "--sae", the_sae(mapped), "--seed", 1)
    removed = {mapped.root / path for path, _ in collect(mapped, dry_run=False)}
    assert {first, first.with_suffix(".json")} <= removed
    assert not first.exists()
    assert valid(mapped).exists()


def test_stopped_run_leaves_no_map_and_the_next_one_makes_the_same(mapped: Study) -> None:
    path, settings, sae = valid(mapped), load_settings(mapped.toml), the_sae(mapped)
    expected = contents(path)
    path.unlink()
    assert mapped.map(sae) is None
    with pytest.raises(Stopped):
        stage.run(mapped, settings, sae, "decoder", 0, StopsAfter(30))
    assert not path.exists()

    assert stage.run(mapped, settings, sae, "decoder", 0, quiet_job()) == path
    assert contents(path) == expected


def test_damaged_map_file_says_how_to_get_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "map-x.h5"
    with pytest.raises(ArdError, match="map file is missing"):
        MapFile(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(ArdError, match="damaged"):
        MapFile(path)
    with map_store.hdf.create(path, kind="map", version=1):
        pass
    with pytest.raises(ArdError, match="damaged"):
        MapFile(path)
    with map_store.hdf.create(path, kind="map", version=2):
        pass
    with pytest.raises(ArdError, match="version 1, found map 2"):
        MapFile(path)
