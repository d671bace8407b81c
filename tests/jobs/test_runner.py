"""A job's folder, its lock, what it leaves when it ends, fails, is stopped or killed."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ArdError, Stopped
from backend.jobs.events import EventLog, read_events
from backend.jobs.job import Job
from backend.jobs.lock import holder, write_lock
from backend.jobs.runner import Crashed, remove_all_leftovers, run_job
from backend.study.folder import Study
from backend.study.run_records import list_runs


@pytest.fixture
def study(tmp_path: Path) -> Study:
    found = Study((tmp_path / "study").resolve())
    found.root.mkdir()
    found.toml.touch()
    return found


def only_run(study: Study) -> Path:
    (folder,) = study.runs.iterdir()
    return folder


def events_of(folder: Path) -> list[dict[str, Any]]:
    return read_events(folder / "events.jsonl")[0]


def test_finished_run_leaves_request_events_log_and_manifest(study: Study) -> None:
    def work(job: Job) -> None:
        with job.running("train"):
            job.message("half way", level="warning")
            logging.getLogger("some.library").warning("careful")
            warnings.warn("deprecated", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        folder = run_job(study, "train", work, settings={"a": 1})
    assert folder == only_run(study)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["outputs"] == {"state": "finished"}
    assert manifest["settings"] == {"a": 1}
    assert manifest["figures"]["stages"]["train"]["peak_memory_bytes"] > 1_000_000
    assert json.loads((folder / "request.json").read_text())["command"] == "train"
    found = events_of(folder)
    assert [e["type"] for e in found] == ["started", "stage", "message", "stage", "resources", "finished"]
    assert [e["seq"] for e in found] == list(range(6))
    assert found[0]["pid"] == os.getpid()
    log = (folder / "log.txt").read_text()
    assert "train: half way" in log
    assert "careful" in log
    assert "deprecated" in log
    assert holder(study) is None
    assert [run.state for run in list_runs(study)] == ["finished"]


def test_error_a_person_can_act_on_is_recorded_and_raised_as_it_is(study: Study) -> None:
    def work(job: Job) -> None:
        raise ArdError("the model folder is incomplete", todo="Copy it again.")

    with pytest.raises(ArdError, match="incomplete"):
        run_job(study, "extract", work)
    last = events_of(only_run(study))[-1]
    assert (last["type"], last["todo"]) == ("failed", "Copy it again.")
    (run,) = list_runs(study)
    assert (run.state, run.command) == ("failed", "extract")
    assert "incomplete" in run.text


def test_unforeseen_error_leaves_its_traceback_in_the_log(study: Study) -> None:
    def work(job: Job) -> None:
        raise ZeroDivisionError("of all things")

    with pytest.raises(Crashed, match="ZeroDivisionError: of all things") as caught:
        run_job(study, "train", work)
    assert caught.value.log == only_run(study) / "log.txt"
    assert "Traceback (most recent call last)" in caught.value.log.read_text()
    assert holder(study) is None


def test_full_disk_and_no_memory_become_messages(study: Study) -> None:
    def full(job: Job) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(study.root / "x.h5"))

    def greedy(job: Job) -> None:
        raise MemoryError

    with pytest.raises(ArdError, match=r"disk is full.*x\.h5"):
        run_job(study, "extract", full)
    with pytest.raises(ArdError, match="memory of this machine is used up"):
        run_job(study, "retrieve", greedy)


def test_stop_file_stops_at_the_next_safe_point(study: Study) -> None:
    def work(job: Job) -> None:
        assert job.folder is not None
        (job.folder / "stop").touch()
        job.check_stop()

    with pytest.raises(Stopped, match="same command"):
        run_job(study, "train", work)
    assert [run.state for run in list_runs(study)] == ["stopped"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to oneself are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_at_the_next_safe_point(study: Study, number: int) -> None:
    def work(job: Job) -> None:
        os.kill(os.getpid(), number)
        job.check_stop()

    before = signal.getsignal(number)
    with pytest.raises(Stopped):
        run_job(study, "train", work)
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform == "win32", reason="signals to oneself are POSIX")
def test_second_interrupt_stops_at_once(study: Study) -> None:
    def work(job: Job) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    with pytest.raises(Stopped, match="at once"):
        run_job(study, "train", work)


def test_job_in_a_thread_needs_no_signals(study: Study) -> None:
    done: list[bool] = []
    thread = threading.Thread(target=lambda: run_job(study, "train", lambda job: done.append(True)))
    thread.start()
    thread.join()
    assert done == [True]


def test_second_writer_is_told_who_writes(study: Study) -> None:
    def work(job: Job) -> None:
        with pytest.raises(ArdError, match=f"another program is writing.*process {os.getpid()}"):
            run_job(study, "retrieve", lambda job: None)
        found = holder(study)
        assert found is not None
        assert found.pid == os.getpid()

    run_job(study, "train", work)
    assert len(list(study.runs.iterdir())) == 1


KILLED = """
import os, sys
from backend.jobs.runner import run_job
from backend.study.folder import Study
study = Study.open(sys.argv[1])
def work(job):
    (study.root / "saes" / "a").mkdir(parents=True)
    (study.root / "saes" / "a" / f".sae.safetensors.{os.getpid()}.tmp").touch()
    os.kill(os.getpid(), 9)
run_job(study, "train", work)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_killed_writer_blocks_nobody_and_its_leftovers_go(study: Study) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(study.root)], check=False)
    assert [run.state for run in list_runs(study)] == ["killed"]
    assert holder(study) is None
    assert len(list(study.root.rglob(".sae*.tmp"))) == 1
    run_job(study, "train", lambda job: None)
    assert list(study.root.rglob(".sae*.tmp")) == []
    assert [run.state for run in list_runs(study)] == ["killed", "finished"]


def test_leftovers_outside_the_study_are_never_touched(study: Study, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".x.1.tmp").touch()
    (study.root / "saes").mkdir()
    (study.root / "saes" / "link").symlink_to(outside)
    (study.root / "my-sounds").mkdir()
    (study.root / "my-sounds" / ".y.2.tmp").touch()
    (study.root / ".z.3.tmp").touch()
    with write_lock(study):
        assert remove_all_leftovers(study) == 1
    assert (outside / ".x.1.tmp").exists()
    assert (study.root / "my-sounds" / ".y.2.tmp").exists()


def test_other_processes_of_torchrun_write_nothing(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    done: list[bool] = []
    assert run_job(study, "train", lambda job: done.append(True)) is None
    assert done == [True]
    assert not study.runs.exists()


def test_watcher_reads_whole_lines_only(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", "r")
    log.emit("train", "metric", step=1, values={"loss": 0.5})
    with open(tmp_path / "events.jsonl", "ab") as handle:
        handle.write(b'{"v": 1, "type": "mess')
    first, offset = read_events(tmp_path / "events.jsonl")
    assert [e["values"] for e in first] == [{"loss": 0.5}]
    with open(tmp_path / "events.jsonl", "ab") as handle:
        handle.write(b'age", "text": "now whole"}\nnot json\n')
    second, end = read_events(tmp_path / "events.jsonl", offset)
    assert [e["text"] for e in second] == ["now whole"]
    assert read_events(tmp_path / "events.jsonl", end) == ([], end)


def test_progress_counts_time_left_from_this_run_only() -> None:
    seen: list[dict[str, Any]] = []
    job = Job(EventLog(None, "r", (seen.append,)))
    job.begin_progress("tokens", already_done=90)
    job.progress(100, 100)
    assert seen[-1]["seconds_left"] == 0
    job.begin_progress("tokens", already_done=90)
    job.progress(90, 100)
    assert seen[-1]["seconds_left"] is None
