"""`ard work` with real processes: order, ends, wishes, deaths of the worker and of the supervisor itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.errors import ArdError
from backend.jobs import attempt, supervisor
from backend.jobs.lock import write_lock
from backend.jobs.supervisor import supervising
from backend.study import launch, queue
from backend.study.folder import Study
from backend.study.run_records import list_runs
from builders.queue_place import PATIENCE, Place

STAND_IN = Path(__file__).with_name("stand_in.py")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN.parents[2]))
    monkeypatch.setenv("PATH", str(tmp_path))  # the manifests of these runs need not ask git
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.02)
    (tmp_path / "home").mkdir()
    prefix = json.dumps({"launch_prefix": f"'{sys.executable}' '{STAND_IN}'"})
    (tmp_path / "home" / "preferences.json").write_text(prefix)
    study = Study((tmp_path / "study").resolve())
    study.root.mkdir()
    study.toml.touch()
    found = Place(study)
    found.tell("finish")
    yield found
    found.tell("finish")
    found.join()
    assert not [one for one in psutil.process_iter() if _works_on(one, study.root)]


def _works_on(process: psutil.Process, root: Path) -> bool:
    try:
        return str(root) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def test_queue_is_worked_off_in_order_and_each_run_names_its_request(place: Place) -> None:
    second, first = queue.add(place.study, "train"), queue.add(place.study, "extract")
    queue.move(place.study, second.id, 1)
    place.work()
    assert place.records() == [("extract", "finished"), ("train", "finished")]
    assert [one.request for one in list_runs(place.study)] == [first.id, second.id]
    assert [path.name for path in queue.folder(place.study).iterdir() if not path.name.startswith(".")] == []


def test_second_supervisor_ends_at_once_and_the_first_does_its_work(place: Place) -> None:
    place.tell("wait")
    one = queue.add(place.study, "train")
    place.start()
    place.until(place.runs_on(one.id))
    record = json.loads((queue.folder(place.study) / queue.SUPERVISOR).read_text())
    assert record["pid"] == os.getpid()
    assert supervisor.work(place.study) is False
    place.tell("finish")
    place.join()
    assert place.records() == [("train", "finished")]
    assert not (queue.folder(place.study) / queue.SUPERVISOR).exists()


def test_request_added_between_the_last_look_and_the_end_is_not_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, commands = supervisor._Supervisor.work, ["train", "extract"]

    def late(self: Any) -> None:
        work(self)
        if commands:
            queue.add(place.study, commands.pop())
            assert supervisor.work(place.study) is False

    monkeypatch.setattr(supervisor._Supervisor, "work", late)
    place.work()
    assert place.records() == [("extract", "finished"), ("train", "finished")]


def test_paused_run_stops_at_a_safe_point_and_goes_on_when_it_is_resumed(place: Place) -> None:
    place.tell("wait")
    one = queue.add(place.study, "train")
    place.start()
    place.until(place.runs_on(one.id))
    queue.pause(place.study, one.id)
    place.join()
    assert (place.only().state, place.only().text) == ("paused", "")
    place.work()
    assert place.only().state == "paused"
    queue.resume(place.study, one.id)
    place.tell("finish")
    place.work()
    assert queue.requests(place.study) == []
    assert place.records() == [("train", "stopped"), ("train", "finished")]


def test_pause_that_comes_before_the_run_is_known_reaches_it(place: Place) -> None:
    place.tell("wait", early="wait")
    one = queue.add(place.study, "train")
    place.start()
    place.until(lambda: queue.request(place.study, one.id).state == "running")
    queue.pause(place.study, one.id)
    place.tell("wait")
    place.join()
    assert place.only().state == "paused"
    assert place.records() == [("train", "stopped")]


def test_cancelled_run_leaves_the_queue_and_what_comes_after_it_is_paused(place: Place) -> None:
    place.tell("wait")
    first, second = queue.add_all(place.study, [("extract", ()), ("train", ())])
    place.start()
    place.until(place.runs_on(first.id))
    queue.cancel(place.study, first.id)
    place.join()
    assert (place.only().id, place.only().state) == (second.id, "paused")
    assert place.only().text == "it comes after ard extract, which was cancelled"
    assert place.records() == [("extract", "stopped")]


def test_run_that_is_deaf_to_every_wish_is_killed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "TERMINATE_AFTER", {"pausing": 0.05, "cancelling": 60.0})
    monkeypatch.setattr(supervisor, "KILL_AFTER", {"pausing": 0.1, "cancelling": 60.0})
    place.tell("stubborn")
    one = queue.add(place.study, "train")
    place.start()
    place.until(place.runs_on(one.id))
    queue.pause(place.study, one.id)
    place.join()
    assert place.only().state == "paused"
    assert place.records() == [("train", "killed")]


def test_failure_is_told_and_holds_what_comes_after_until_it_is_tried_again(place: Place) -> None:
    place.tell("fail")
    first, _ = queue.add_all(place.study, [("extract", ()), ("train", ())])
    place.work()
    failed, held = queue.requests(place.study)
    assert (failed.state, failed.text) == ("failed", "the model folder is incomplete. Copy it again.")
    assert (held.state, held.text) == ("paused", "it comes after ard extract, which failed")
    place.tell("finish")
    queue.retry(place.study, first.id)
    place.work()
    assert queue.requests(place.study) == []
    assert place.records() == [("extract", "failed"), ("extract", "finished"), ("train", "finished")]


def test_killed_worker_is_tried_once_more_and_then_fails_saying_so(place: Place) -> None:
    place.tell("die")
    queue.add(place.study, "train")
    place.work()
    assert place.only().state == "failed"
    assert "killed, perhaps because memory ran out" in place.only().text
    assert place.records() == [("train", "killed"), ("train", "killed")]
    assert queue.retry(place.study, place.only().id).tries == 0


def test_process_that_dies_before_it_has_a_run_tells_what_it_printed(place: Place) -> None:
    place.tell("finish", early="quit")
    one = queue.add(place.study, "train")
    place.work()
    assert (place.only().state, place.only().text) == ("failed", "the settings are wrong. Correct them.")
    place.tell("finish", early="die")
    queue.retry(place.study, one.id)
    place.work()
    assert (place.only().tries, place.only().state) == (2, "failed")
    assert "killed" in place.only().text
    assert place.records() == []


def test_settings_that_are_wrong_are_named_and_their_correction_is_enough(place: Place) -> None:
    place.study.toml.write_text("[train]\nsteps = 'many'\n")
    one = queue.add(place.study, "index")
    place.work()
    assert place.only().state == "failed"
    assert str(place.study.toml) in place.only().text
    queue.cancel(place.study, one.id)
    assert queue.requests(place.study) == []


def test_writer_that_is_not_the_queue_s_is_waited_for(place: Place) -> None:
    one = queue.add(place.study, "train")
    with write_lock(place.study):
        place.start()
        place.until(lambda: queue.request(place.study, one.id).text)
        assert f"it waits for process {os.getpid()}" in place.only().text
        assert place.only().state == "waiting"
    place.join()
    assert place.records() == [("train", "finished")]


def test_writer_nobody_knew_of_is_met_and_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BUSY_SECONDS", 0.1)
    one = queue.add(place.study, "train")
    with write_lock(place.study):
        place.study.lock_owner.unlink()
        place.start()
        place.until(lambda: "another program is writing" in queue.request(place.study, one.id).text)
        assert place.only().tries <= 1
    place.join()
    assert place.records() == [("train", "finished")]


SUPERVISE = """
import sys
from backend.jobs.supervisor import work
from backend.study.folder import Study
work(Study.open(sys.argv[1]))
"""
HOLD = """
import sys
from backend.jobs.supervisor import supervising
from backend.study.folder import Study
with supervising(Study.open(sys.argv[1])) as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


def kill_a_supervisor(place: Place, ready: Callable[[], object]) -> None:
    """Start one as a process of its own, and kill it as soon as `ready`."""
    with subprocess.Popen([sys.executable, "-c", SUPERVISE, str(place.study.root)]) as process:
        place.until(ready)
        process.kill()


def test_worker_of_a_killed_supervisor_goes_on_and_the_next_one_adopts_it(place: Place) -> None:
    place.tell("wait")
    one = queue.add(place.study, "train")
    kill_a_supervisor(place, place.runs_on(one.id))
    assert [run.state for run in list_runs(place.study)] == ["running"]
    place.start()
    place.until(lambda: place.said)
    place.tell("finish")
    place.join()
    assert queue.requests(place.study) == []
    assert place.records() == [("train", "finished")]


def test_supervisor_is_started_apart_and_ends_with_its_work(place: Place) -> None:
    queue.add(place.study, "train")
    launch.start_supervisor(place.study.root)
    record = queue.folder(place.study) / queue.SUPERVISOR
    place.until(record.exists)
    assert os.getsid(json.loads(record.read_text())["pid"]) != os.getsid(0)
    place.until(lambda: not record.exists())
    assert place.records() == [("train", "finished")]
    (ending,) = [one for one in threading.enumerate() if one.name == "supervisor's end"]
    ending.join(PATIENCE)


def test_adopted_worker_can_be_cancelled(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "KILL_AFTER", {"pausing": 0.1, "cancelling": 0.1})
    place.tell("stubborn")
    one = queue.add(place.study, "train")
    kill_a_supervisor(place, place.runs_on(one.id))
    queue.cancel(place.study, one.id)
    place.work()
    assert queue.requests(place.study) == []
    assert place.records() == [("train", "killed")]


def test_worker_that_has_no_run_yet_is_adopted_and_not_started_twice(place: Place) -> None:
    place.tell("finish", early="wait")
    one = queue.add(place.study, "train")
    record = queue.folder(place.study) / f"{one.id}.process"
    kill_a_supervisor(place, lambda: record.exists() and json.loads(record.read_text())["child"])
    place.start()
    place.until(lambda: place.said)
    place.tell("finish")
    place.join()
    assert place.records() == [("train", "finished")]


def test_end_that_no_supervisor_saw_is_read_from_the_run(place: Place) -> None:
    place.tell("wait")
    one = queue.add(place.study, "train")
    kill_a_supervisor(place, place.runs_on(one.id))
    place.tell("finish")
    place.until(lambda: place.records() == [("train", "finished")])
    place.work()
    assert queue.requests(place.study) == []
    assert place.records() == [("train", "finished")]


def test_run_of_another_machine_that_falls_silent_is_paused_and_never_started_here(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SILENT_SECONDS", 0.1)
    one = queue.add(place.study, "train")
    run = place.study.runs / "r1"
    run.mkdir()
    there = {"pid": 1, "host": "elsewhere", "boot": "b", "start_ticks": 5}
    (run / "request.json").write_text(json.dumps({"command": "train", "request": one.id}))
    (run / "events.jsonl").write_text(json.dumps({"type": "started", "time": "", **there}) + "\n")
    place.study.lock_owner.write_text(json.dumps({**there, "since": ""}))
    assert place.records() == [("train", "running")]
    with queue.changing(place.study):
        queue.write(place.study, replace(one, state="running", run="r1", tries=1))
    place.work()
    assert place.only().state == "paused"
    assert "its machine is silent" in place.only().text


def test_queue_from_elsewhere_starts_nothing_until_it_is_resumed_here(place: Place, tmp_path: Path) -> None:
    one = queue.add(place.study, "train")
    theirs = Study((tmp_path / "copy").resolve())
    (theirs.runs / "queue").mkdir(parents=True)
    theirs.toml.touch()
    (theirs.root / "act").write_text("finish")
    name = f"queue/{one.id}.json"
    (theirs.runs / name).write_text((place.study.runs / name).read_text())
    supervisor.work(theirs)
    (paused,) = queue.requests(theirs)
    assert (paused.state, paused.run, paused.tries) == ("paused", "", 0)
    assert "resume it to run it" in paused.text
    assert list_runs(theirs) == []
    queue.resume(theirs, one.id)
    supervisor.work(theirs)
    assert [run.state for run in list_runs(theirs)] == ["finished"]


def test_follower_of_a_request_that_cannot_be_read_waits(place: Place) -> None:
    first, second = queue.add_all(place.study, [("extract", ()), ("train", ())])
    (queue.folder(place.study) / f"{first.id}.json").write_text("{")
    place.work()
    assert (place.only().id, place.only().state) == (second.id, "waiting")
    assert place.records() == []


def test_program_of_the_prefix_that_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "home" / "preferences.json").write_text('{"launch_prefix": "no-such-launcher -n 2"}')
    queue.add(place.study, "train")
    place.work()
    assert place.only().state == "failed"
    assert "no-such-launcher" in place.only().text


def test_study_that_cannot_be_written_to_has_no_supervisor(place: Place) -> None:
    place.study.runs.write_text("a file in the way")
    with pytest.raises(ArdError, match="cannot be written to"):
        supervisor.work(place.study)


def test_supervisor_lock_goes_with_its_process(place: Place) -> None:
    words = [sys.executable, "-c", HOLD, str(place.study.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "True"
        with supervising(place.study) as ours:
            assert not ours
        process.send_signal(signal.SIGKILL)
    with supervising(place.study) as ours:
        assert ours
