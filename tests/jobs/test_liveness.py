"""Whether a recorded process or run is alive, whatever was done to the clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from backend.jobs.job import Job
from backend.jobs.lock import holder, write_lock
from backend.jobs.runner import run_job
from backend.study import liveness
from backend.study.folder import Study
from backend.study.liveness import Holder, process_alive, read_holder, this_process
from backend.study.run_records import list_runs, read_run, run_alive, run_settings

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ticks since the start are Linux's")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    found = Study((tmp_path / "study").resolve())
    found.root.mkdir()
    return found


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on the system tells starts of processes as after a correction of its clock by so much."""
    told = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: told(self) + seconds)


@LINUX
def test_process_is_known_again_after_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    me = this_process()
    assert me.alive
    set_clock(monkeypatch, 3600)
    assert me.alive
    assert not replace(me, start_ticks=me.start_ticks + 1).alive
    assert not replace(me, boot="another").alive


def test_record_of_an_older_version_is_judged_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    me = this_process()
    old = Holder.read({"pid": me.pid, "host": me.host, "since": me.since, "process_start": me.process_start})
    assert old is not None
    assert (old.boot, old.start_ticks) == ("", 0)
    assert old.alive
    assert not replace(old, process_start=me.process_start - 60).alive


def test_system_without_ticks_uses_the_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(liveness, "BOOT_ID", tmp_path / "none")
    me = this_process()
    assert (me.boot, me.start_ticks) == ("", 0)
    assert me.alive


def test_process_of_another_machine_is_neither_alive_nor_dead() -> None:
    assert process_alive(1, "another machine", 0.0) is None


@pytest.mark.skipif(sys.platform == "win32", reason="zombies are POSIX")
def test_dead_process_that_nobody_has_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        record = liveness.identity(child.pid)
        assert record is not None
        assert record.alive
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert record.alive is False
    assert record.alive is False


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x", "host": "h", "since": ""}', '{"pid": null}', "\xff"])
def test_damaged_record_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "owner.json").write_text(content, encoding="latin-1")
    assert read_holder(tmp_path / "owner.json") is None
    assert read_holder(tmp_path / "missing.json") is None


def test_record_of_a_later_version_can_be_read(study: Study) -> None:
    study.lock_owner.write_text(json.dumps({**asdict(this_process()), "colour": "red"}))
    found = holder(study)
    assert found is not None
    assert found.pid == os.getpid()


@LINUX
def test_run_goes_on_as_long_as_its_process_holds_the_lock(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(job: Job) -> None:
        assert job.folder is not None
        assert run_alive(study, job.folder)
        set_clock(monkeypatch, -3600)
        (run,) = list_runs(study)
        assert (run.state, run.text) == ("running", "")
        assert run.seconds is not None

    folder = run_job(study, "train", work, settings={"train": {"steps": 3}, "audio": [{"path": "a"}], "empty": {}})
    assert folder is not None
    record = read_run(study, folder.name)
    assert (record.state, record.command, record.request) == ("finished", "train", "")
    assert record.seconds is not None
    assert run_settings(study, folder.name) == {"train.steps": 3, "audio": [{"path": "a"}], "empty": {}}
    (folder / "manifest.json").unlink()
    assert list_runs(study)[0].state == "killed"
    with write_lock(study):  # by this very process, whose run broke off
        assert run_alive(study, folder)
        (folder / "events.jsonl").write_text("")
        assert run_alive(study, folder)
        (folder / "events.jsonl").write_text('{"type": "started", "pid": 1, "host": "elsewhere"}\n')
        assert not run_alive(study, folder)
