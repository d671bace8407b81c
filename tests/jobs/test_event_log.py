"""One log under several senders: threads, listeners, signals; and what a run says of the machine while it works."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import events, memory
from backend.jobs.events import Event, EventLog, read_events
from backend.jobs.job import Job
from backend.jobs.runner import run_job
from backend.study.folder import Study
from backend.study.run_records import list_runs

ENVELOPE = {"v", "seq", "time", "elapsed", "run", "stage", "type"}


def test_two_threads_leave_whole_lines_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "REOPEN_SECONDS", 0.0)
    seen: list[int] = []
    log = EventLog(tmp_path / "events.jsonl", "r", (lambda event: seen.append(event["seq"]),))
    send = [
        threading.Thread(target=lambda n=n: [log.emit("train", "metric", step=i, sender=n) for i in range(400)])  # type: ignore[misc]
        for n in range(3)
    ]
    for thread in send:
        thread.start()
    for thread in send:
        thread.join()
    log.close()
    found = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["seq"] for event in found] == seen == list(range(1200))
    assert [event["elapsed"] for event in found] == sorted(event["elapsed"] for event in found)
    for sender in range(3):
        assert [event["step"] for event in found if event["sender"] == sender] == list(range(400))


def test_what_a_listener_sends_follows_the_event_it_answers(tmp_path: Path) -> None:
    seen: list[str] = []
    log = EventLog(tmp_path / "events.jsonl", "r")

    def answer(event: Event) -> None:
        if event["type"] == "stage":
            log.emit("a", "resources")

    log.listeners = (answer, lambda event: seen.append(event["type"]))
    log.emit("a", "stage")
    assert seen == ["stage", "resources"]
    assert [event["type"] for event in read_events(tmp_path / "events.jsonl")[0]] == seen


@pytest.mark.skipif(sys.platform == "win32", reason="signals to oneself are POSIX")
def test_what_a_signal_sends_does_not_tear_the_line_it_interrupts(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", "r")
    log.listeners = (lambda event: os.kill(os.getpid(), signal.SIGUSR1) if event["type"] == "metric" else None,)
    before = signal.signal(signal.SIGUSR1, lambda *_: log.emit("a", "message", text="stopping"))
    try:
        for step in range(20):
            log.emit("a", "metric", step=step)
    finally:
        signal.signal(signal.SIGUSR1, before)
    found = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["type"] for event in found] == ["metric", "message"] * 20
    assert [event["seq"] for event in found] == list(range(40))


def test_event_can_be_read_as_soon_as_it_was_sent_and_the_log_goes_on_after_it_was_closed(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", "r")
    log.emit("", "started")
    assert len(read_events(tmp_path / "events.jsonl")[0]) == 1
    log.close()
    log.emit("", "message", text="naïve \ud800")
    first, second = read_events(tmp_path / "events.jsonl")[0]
    assert first.keys() == ENVELOPE
    assert second["seq"] == 1


def test_event_that_the_disk_had_no_room_for_spoils_only_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(tmp_path / "events.jsonl", "r")
    log.emit("", "started")
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if b"lost" not in data:
            return write(handle, data)
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(handle, data[: len(data) - 10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        log.emit("", "message", text="lost, lost, lost, lost")
    log.emit("", "message", text="there is room again")
    found = read_events(tmp_path / "events.jsonl")[0]
    assert [event["seq"] for event in found] == [0, 2]


def test_run_says_what_it_uses_while_a_stage_runs_and_nothing_after_its_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(memory, "SAMPLE_SECONDS", 0.001)
    study = Study((tmp_path / "study").resolve())
    study.root.mkdir()
    told, seen = threading.Event(), []

    def listen(event: Event) -> None:
        seen.append(event)
        if "memory_bytes" in event:
            told.set()

    def work(job: Job) -> None:
        with job.running("train"):
            assert told.wait(30)
            raise ZeroDivisionError

    with pytest.raises(Exception, match="ZeroDivisionError"):
        run_job(study, "train", work, listeners=(listen,))
    used = next(event for event in seen if event["type"] == "resources")
    assert used["stage"] == "train"
    assert used["memory_bytes"] > 1_000_000
    assert used["cpu_percent"] >= 0
    assert used["device_bytes"] == 0
    assert [event["seq"] for event in seen] == list(range(len(seen)))
    assert seen[-1]["type"] == "failed"
    (run,) = list_runs(study)
    assert (run.state, run.command) == ("failed", "train")
    assert run.text.startswith("unexpected error: ZeroDivisionError")
    assert "log.txt" in run.text


def test_memory_of_a_device_is_what_torch_has_allocated_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cuda:
        ready = True

        def is_initialized(self) -> bool:
            return self.ready

        def device_count(self) -> int:
            return 2

        def memory_allocated(self, device: int) -> int:
            return 10 ** (device + 1)

    class Torch:
        cuda: Any = Cuda()

    monkeypatch.setitem(sys.modules, "torch", Torch())  # type: ignore[arg-type]
    assert memory.device_bytes() == 110
    Torch.cuda.ready = False
    assert memory.device_bytes() == 0
    Torch.cuda = None  # as while torch is being imported
    assert memory.device_bytes() == 0
