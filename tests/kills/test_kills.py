"""A study that is killed at random moments ends as the same study, bit for bit (Rule 3)."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import pytest

from builders.finished_results import contents
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

STAGES = ("extract", "train", "retrieve", "describe")
CHANGES = (
    "extract.shard_tokens=512",
    "train.steps=600",
    "train.checkpoint_every=10",
    "train.threads=1",
    "train.matmul=float32",
    "sae.auxk_alpha=0.03125",
    "sae.dead_tokens=2000",
    "retrieve.batch_tokens=256",
)


def ard(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "backend.cli.main", *words]


def quiet_threads() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(*words: str) -> None:
    done = subprocess.run(ard(*words), env=quiet_threads(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def new_study(folder: Path, model: Path, audio: Path) -> Path:
    settings = [word for change in CHANGES for word in ("--set", change)]
    layers = ["--layer", "encoder.0", "--layer", "encoder.1"]
    run("new", str(folder), "--model", str(model), "--audio", str(audio), "--profile", "tiny", *layers, *settings)
    return folder


def stage_times(study: Path) -> dict[str, float]:
    """Seconds each stage took, from the run's own events."""
    events = [json.loads(line) for path in study.glob("runs/*/events.jsonl") for line in path.read_text().splitlines()]
    finished = [e for e in events if e["type"] == "stage" and e["state"] == "finished"]
    return {e["stage"]: e["seconds"] for e in finished if e["stage"] in STAGES}


def kill_inside(study: Path, stage: str, after: float) -> bool:
    """Start `ard run` and SIGKILL it `after` seconds into `stage`; False if it had ended by then."""
    process = subprocess.Popen(
        ard("run", str(study), "--events"),
        env=quiet_threads(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "stage" and event["stage"] == stage and event["state"] == "started":
                break
        try:
            process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    return False


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Model, recordings and the study that ran without disturbance."""
    base = tmp_path_factory.mktemp("kills")
    model = base / "model"
    tiny_whisper(model)
    audio = recordings(base / "audio", count=60)
    study = new_study(base / "undisturbed", model, audio)
    run("run", str(study))
    return model, audio, study


def killed_study_equals(
    material: tuple[Path, Path, Path], folder: Path, kills: int, seed: int, stages: Sequence[str] = STAGES
) -> None:
    model, audio, undisturbed = material
    study = new_study(folder, model, audio)
    times, dice = stage_times(undisturbed), random.Random(seed)
    landed = 0
    for stage in sorted((stages[number % len(stages)] for number in range(kills)), key=STAGES.index):
        # a share of the stage each, so that several kills find it unfinished
        landed += kill_inside(study, stage, dice.uniform(0, times[stage] / max(2, kills / 2)))
        for path in study.rglob("*.h5"):
            if not path.name.startswith("."):
                h5py.File(path, "r").close()
    run("run", str(study))
    assert landed > kills // 2, f"only {landed} of {kills} kills landed inside a stage"
    expected, found = contents(undisturbed), contents(study)
    assert found.keys() == expected.keys()
    assert [key for key in expected if found[key] != expected[key]] == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.timeout(280)
def test_study_killed_while_it_extracts_and_while_it_retrieves_equals_the_undisturbed_one(
    material: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    killed_study_equals(material, tmp_path / "killed", kills=2, seed=20, stages=("extract", "retrieve"))


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_study_killed_twenty_times_equals_the_undisturbed_one(
    material: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    killed_study_equals(material, tmp_path / "killed", kills=20, seed=int(time.time()))
