"""`ard` from an empty folder to ranked features, and what the study folder says along the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.jobs.lock import write_lock
from backend.study.folder import Study
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

Ard = Callable[..., tuple[int, str, str]]


def process(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "backend.cli.main", *(str(word) for word in words)],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def states(out: str) -> dict[str, str]:
    return {f"{one['stage']} {one['name']}": one["state"] for one in json.loads(out)["products"]}


def test_from_nothing_to_ranked_features_and_again_in_no_time(ard: Ard, tmp_path: Path) -> None:
    model, audio, folder = tiny_whisper(tmp_path / "model"), recordings(tmp_path / "audio", 9), tmp_path / "study"
    (audio / "broken.wav").write_bytes(b"RIFF")
    status, _, err = ard(
        "new", folder, "--model", model, "--audio", audio, "--profile", "tiny", "--layer", "encoder.1",
        "--set", "train.steps=12", "--set", "retrieve.p=2",
    )  # fmt: skip
    assert status == 0, err
    assert set(states(ard("status", folder, "--json")[1]).values()) == {"missing"}

    done = process("run", folder, "--events")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["seq"] for e in events] == list(range(len(events)))
    assert [e["stage"] for e in events if e["type"] == "stage" and e["state"] == "finished"] == [
        "index", "extract", "train", "retrieve", "describe",
    ]  # fmt: skip
    assert {e["v"] for e in events} == {1}
    assert events[-1]["type"] == "finished"

    status, out, _ = ard("status", folder, "--json")
    assert set(states(out).values()) == {"finished"}
    (bad,) = json.loads(out)["unreadable"]
    assert bad["path"].endswith("broken.wav")
    assert bad["reason"]

    again = process("run", folder)
    assert again.returncode == 0
    assert "everything is current" in again.stderr
    assert "torch" not in again.stderr

    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace("steps = 12", "steps = 14"))
    found = states(ard("status", folder, "--json")[1])
    assert found["extract encoder.1"] == "finished"
    assert {state for name, state in found.items() if name.startswith("train")} == {"stale"}


def test_status_in_words_lists_products_and_what_to_do(ard: Ard, copied: Study) -> None:
    status, out, _ = ard("status", copied.root)
    assert status == 0
    assert "finished" in out
    (copied.sae(copied.sae_ids()[0]) / "manifest.json").unlink()
    status, out, _ = ard("status", copied.root)
    assert status == 0
    assert "in progress" in out
    assert "ard run" in out


def test_status_of_a_damaged_study_says_what_is_damaged_and_goes_on(ard: Ard, copied: Study) -> None:
    (copied.sae(copied.sae_ids()[0]) / "manifest.json").write_text("{")
    status, out, err = ard("status", copied.root)
    assert status == 0, err
    assert "damaged" in out
    assert "index" in out


def test_info_shows_manifests_with_settings_and_figures(ard: Ard, finished: Study) -> None:
    status, out, _ = ard("info", finished.root, "--json")
    found = json.loads(out)
    sae = finished.sae_ids()[0]
    manifest = found["manifests"][f"saes/{sae}/manifest.json"]
    assert status == 0
    assert manifest["stage"] == "train"
    assert manifest["packages"]["torch"]
    assert found["settings"]["train"]["steps"] == 30
    status, out, _ = ard("info", finished.root, sae)
    assert (status, "fingerprint" in out) == (0, True)
    status, _, err = ard("info", finished.root, "other")
    assert (status, sae in err) == (1, True)


def test_second_writer_is_told_and_readers_go_on(ard: Ard, copied: Study) -> None:
    with write_lock(copied):
        done = process("run", copied.root)
        assert done.returncode == 1
        assert f"process {os.getpid()}" in done.stderr
        status, out, _ = ard("status", copied.root)
        assert (status, "in use" in out) == (0, True)
        assert ard("features", copied.root)[0] == 0


def test_gc_removes_only_what_nothing_names(ard: Ard, copied: Study, tmp_path: Path) -> None:
    layer = next((copied.root / "activations").iterdir())
    sae = copied.sae_ids()[0]
    garbage = [layer / "0123456789abcdef", copied.root / "clips-0123456789abcdef.h5"]
    garbage += [copied.features(sae) / "retrieval-0123456789abcdef.h5", copied.root / ".x.h5.99.tmp"]
    garbage[0].mkdir()
    (garbage[0] / "shard-00000.h5").write_bytes(b"x" * 1000)
    for path in garbage[1:]:
        path.touch()
    outside = tmp_path / "fedcba9876543210"
    outside.mkdir()
    (outside / "mine").touch()
    (layer / outside.name).symlink_to(outside)
    kept = {p for p in copied.root.rglob("*") if not any(p.is_relative_to(g) for g in garbage)}

    status, out, _ = ard("gc", copied.root, "--dry-run")
    assert (status, "4 entries, 1.0 KB would be removed" in out) == (0, True)
    assert all(path.exists() for path in garbage)
    status, out, _ = ard("gc", copied.root)
    assert (status, "removed" in out) == (0, True)
    assert not any(path.exists() for path in garbage)
    assert {p for p in kept if not p.exists() and not p.is_symlink()} == set()
    assert (outside / "mine").exists()
    assert "everything is current" in process("run", copied.root).stderr


def test_error_has_no_traceback_unless_asked_for(ard: Ard, tmp_path: Path) -> None:
    status, _, err = ard("status", tmp_path)
    assert status == 1
    assert err.startswith("ard: this folder is not a study")
    assert "Traceback" not in err
    assert "Traceback" in ard("status", tmp_path, "--traceback")[2]
    assert "Traceback" in process("status", tmp_path, ARD_TRACEBACK="1").stderr


def test_error_in_the_settings_stops_every_command_with_its_line(ard: Ard, copied: Study) -> None:
    copied.toml.write_text(copied.toml.read_text().replace('crop = "first"', 'crop = "middle"'))
    for command in ("run", "status", "train"):
        status, _, err = ard(command, copied.root)
        assert status == 1
        assert "clips.crop" in err
        assert "line " in err


def test_stop_request_ends_a_run_with_130_and_says_how_to_go_on(copied: Study) -> None:
    copied.toml.write_text(copied.toml.read_text().replace("steps = 30", "steps = 100000"))
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "backend.cli.main", "train", str(copied.root), "--events"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stderr is not None
        for line in running.stdout:
            event = json.loads(line)
            if event["type"] == "progress":
                (copied.runs / event["run"] / "stop").touch()
                break
        rest = [json.loads(line)["type"] for line in running.stdout]
        said = running.stderr.read()
    assert running.returncode == 130
    assert rest[-1] == "stopped"
    assert "same command" in said


def test_unforeseen_error_is_one_line_with_the_log(ard: Ard, copied: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(study: object, settings: object, job: object) -> None:
        raise RuntimeError("of a kind nobody thought of")

    monkeypatch.setattr("backend.stages.index.run", broken)
    status, _, err = ard("index", copied.root)
    assert status == 70
    assert err.count("\n") == 1
    log = Path(err.split("The whole report is in ")[1].strip())
    assert "of a kind nobody thought of" in log.read_text()


def test_torchrun_is_for_extract_and_train_only(ard: Ard, copied: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, _, err = ard("retrieve", copied.root)
    assert (status, "ard extract and ard train" in err) == (1, True)


def test_reader_that_leaves_early_gets_no_traceback(finished: Study) -> None:
    command = [sys.executable, "-P", "-m", "backend.cli.main", "features", str(finished.root), "--limit", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        assert "Traceback" not in running.stderr.read()
