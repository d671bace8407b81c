"""A training that the supervisor runs, killed and paused on the way, ends as one that nobody disturbed (Rule 3)."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import supervisor
from backend.jobs.job import quiet_job
from backend.stages import extract, train
from backend.stages.collect import collect
from backend.study import queue
from backend.study.folder import Study
from backend.study.run_records import first_event, list_runs
from builders.open_study import arrays, open_study
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

PATIENCE = 120.0
STEPS = 600
SAE = {"architecture": ["topk"], "expansion": [2], "k": [4]}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, dict[str, bytes]]:
    """A study with activations, and what training it without disturbance gives."""
    base = tmp_path_factory.mktemp("bits")
    audio = recordings(base / "audio", count=6)
    study, settings = open_study(
        base / "study", tiny_whisper(base / "model"), [audio], ["encoder.0"], sae=SAE,
        train={"steps": STEPS, "batch_tokens": 64, "log_every": 10, "checkpoint_every": 30, "threads": 1,
               "matmul": "float32"},
    )  # fmt: skip
    extract.run(study, settings, quiet_job())
    shutil.copytree(study.root, base / "undisturbed")
    train.run(Study(base / "undisturbed"), settings, quiet_job())
    return study, arrays(Study(base / "undisturbed"))


@pytest.fixture
def study(extracted: tuple[Study, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.02)
    shutil.copytree(extracted[0].root, tmp_path / "study")
    return Study((tmp_path / "study").resolve())


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def trained(study: Study, at_least: int) -> Callable[[], bool]:
    """Whether the latest run has reported a step from there on."""

    def holds() -> bool:
        runs = sorted(one for one in study.runs.glob("*-train-*/events.jsonl"))
        lines = runs[-1].read_text().splitlines()[:-1] if runs else []
        steps = [json.loads(line)["step"] for line in lines if '"metric"' in line]
        return bool(steps) and steps[-1] >= at_least

    return holds


def kill_worker(study: Study) -> None:
    latest = sorted(study.runs.glob("*-train-*"))[-1]
    os.kill(first_event(latest)["pid"], signal.SIGKILL)


def working(study: Study) -> threading.Thread:
    thread = threading.Thread(target=supervisor.work, args=(study,), daemon=True)
    thread.start()
    return thread


def same_bits(study: Study, expected: dict[str, bytes]) -> None:
    found = arrays(study)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_training_whose_worker_is_killed_gives_the_same_bits(
    study: Study, extracted: tuple[Study, dict[str, bytes]]
) -> None:
    one = queue.add(study, "train")
    thread = working(study)
    until(trained(study, 100))
    kill_worker(study)
    (queue.folder(study) / "gone.out").touch()
    thread.join(PATIENCE)
    assert [(run.state, run.request) for run in list_runs(study)] == [("killed", one.id), ("finished", one.id)]
    assert queue.requests(study) == []
    same_bits(study, extracted[1])
    assert [path.name for path, _ in collect(study, dry_run=False)] == ["gone.out"]


@pytest.mark.soak
def test_training_that_is_killed_and_then_paused_gives_the_same_bits(
    study: Study, extracted: tuple[Study, dict[str, bytes]]
) -> None:
    one = queue.add(study, "train")
    thread = working(study)
    until(trained(study, 50))
    kill_worker(study)
    until(lambda: len(list_runs(study)) == 2)
    until(trained(study, 100))
    queue.pause(study, one.id)
    thread.join(PATIENCE)
    assert [(run.state, run.request) for run in list_runs(study)] == [("killed", one.id), ("stopped", one.id)]
    queue.resume(study, one.id)
    working(study).join(PATIENCE)
    assert queue.requests(study) == []
    same_bits(study, extracted[1])


@pytest.mark.soak
def test_training_killed_ten_times_with_its_supervisor_gives_the_same_bits(
    study: Study, extracted: tuple[Study, dict[str, bytes]]
) -> None:
    dice, words = random.Random(7), [sys.executable, "-P", "-m", "backend.cli.main", "work", str(study.root)]
    one = queue.add(study, "train")
    killed = 0
    for number in range(10):
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
            far_enough = trained(study, dice.randint(50 * number, 50 * number + 40))
            until(lambda far=far_enough, process=process: far() or process.poll() is not None)  # type: ignore[misc]
            victims = [process.kill, lambda: kill_worker(study)]
            dice.shuffle(victims)
            for kill in victims[: dice.randint(1, 2)]:
                with suppress(ProcessLookupError):  # its third death in a row made it a failure
                    kill()
            process.kill()
        killed += [run.state for run in list_runs(study)][-1] == "killed"
        if [left.state for left in queue.requests(study)] == ["failed"]:
            queue.retry(study, one.id)
    assert killed >= 3
    while queue.requests(study):
        if queue.request(study, one.id).state == "failed":
            queue.retry(study, one.id)
        working(study).join(PATIENCE)
    same_bits(study, extracted[1])


@pytest.mark.soak
def test_torchrun_as_the_launch_prefix_extracts_and_trains(study: Study, tmp_path: Path) -> None:
    prefix = f"'{sys.executable}' -m torch.distributed.run --standalone --nproc-per-node 2 --no-python"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "preferences.json").write_text(json.dumps({"launch_prefix": prefix}))
    shutil.rmtree(study.root / "activations")
    queue.add_all(study, [("extract", ()), ("train", ())])
    thread = working(study)
    until(trained(study, 100))
    queue.pause(study, queue.requests(study)[0].id)
    thread.join(PATIENCE)
    assert [run.state for run in list_runs(study)] == ["finished", "stopped"]
    queue.resume(study, queue.requests(study)[0].id)
    working(study).join(PATIENCE)
    assert [run.state for run in list_runs(study)] == ["finished", "stopped", "finished"]
    (sae,) = study.sae_ids()
    manifest = json.loads((study.sae(sae) / "manifest.json").read_text())
    assert manifest["outputs"]["processes"] == 2
