"""A real job of a study, in a process or a thread of its own, that emits the events it is told to."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.jobs.runner import run_job
from backend.study.folder import Study
from backend.study.queue import REQUEST_VARIABLE

SETTINGS = {"train": {"steps": 7}, "sae": {"seeds": [0]}}


class ToldJob:
    """One run; it goes on until it is told to end."""

    def __init__(self, study: Study, command: str, request: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(study.root), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=os.environ | {REQUEST_VARIABLE: request},
        )  # fmt: skip
        self.run = self.heard()
        self.folder = study.runs / self.run

    def heard(self) -> str:
        """The next line it prints: the run's id, then one for each thing it has done."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def tell(self, what: str, **fields: Any) -> None:
        """Do one thing (see `_work`), and wait until it is done."""
        self.order(what, **fields)
        assert self.heard() == what

    def order(self, what: str, **fields: Any) -> None:
        """Do one thing, without waiting for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, fields]) + "\n")
        self._process.stdin.flush()

    def end(self, what: str = "finish") -> None:
        """finish, fail or kill; returns when the process is gone."""
        if what == "kill":
            self._process.kill()
        elif self._process.poll() is None:
            self.order(what)
        self._process.communicate(timeout=60)


@contextmanager
def told_job(study: Study, command: str = "train", request: str = "") -> Iterator[ToldJob]:
    """A job that goes on until the end of the block, if it is not ended before."""
    job = ToldJob(study, command, request)
    try:
        yield job
    finally:
        if job._process.poll() is None:
            job.end("kill")


class ToldThread:
    """The same in a thread of this process, which starts at once and cannot be killed."""

    def __init__(self, study: Study, command: str) -> None:
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._do, args=(study, command), name="told job", daemon=True)
        self._thread.start()
        self.run = self._heard.get(timeout=60)
        self.folder = study.runs / self.run

    def tell(self, what: str, **fields: Any) -> None:
        """Do one thing (see `_work`), and wait until it is done."""
        self._orders.put(json.dumps([what, fields]))
        assert self._heard.get(timeout=60) == what

    def end(self, what: str = "finish") -> None:
        """finish or fail; returns when the run is over."""
        self._orders.put(json.dumps([what, {}]))
        self._thread.join(60)

    def _do(self, study: Study, command: str) -> None:
        orders = iter(self._orders.get, "")
        with suppress(ArdError):
            run_job(study, command, lambda job: _work(job, orders, self._heard.put), settings=SETTINGS)


@contextmanager
def told_thread(study: Study, command: str = "train") -> Iterator[ToldThread]:
    """A job that goes on until the end of the block, if it is not ended before."""
    job = ToldThread(study, command)
    try:
        yield job
    finally:
        job.end()


def _work(job: Job, orders: Iterable[str], say: Callable[[str], object]) -> None:
    assert job.folder is not None
    say(job.folder.name)
    for line in orders:
        what, fields = json.loads(line)
        if what == "finish":
            return
        if what == "fail":
            raise ArdError("the model folder is incomplete", todo="Copy it again.")
        if what == "event":
            job.stage = fields.pop("stage", "")
            job.log.emit(job.stage, fields.pop("type"), **fields)
        if what == "flood":
            _flood(job, **fields)
        say(what)


def _flood(job: Job, events: int, per_second: float, sae: str) -> None:
    """So many events at that rate: progress, metrics with lines of `metrics.jsonl`, messages that reach the log."""
    assert job.folder is not None
    began = time.monotonic()
    metrics = job.folder.parent.parent / "saes" / sae / "metrics.jsonl"
    with job.running("train"), open(metrics, "a", encoding="utf-8") as file:
        for number in range(1, events + 1):
            if number % 10 == 0:
                values = {"loss": 1 / number, "fvu": 2 / number, "explained_variance": 0.5, "l0": 16.0}
                job.log.emit("train", "metric", step=number, sae=sae, values=values)
                file.write(json.dumps({"step": number} | values) + "\n")
                file.flush()
            elif number % 10 == 5:
                job.message(f"line {number}")
            else:
                job.log.emit("train", "progress", done=number, total=events, unit="steps", per_second=1000.0,
                             seconds_left=1.0)  # fmt: skip
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))


if __name__ == "__main__":
    root, name = sys.argv[1:]
    sys.argv[1:] = [name, root]
    try:
        study = Study.open(Path(root))
        run_job(study, name, lambda job: _work(job, sys.stdin, partial(print, flush=True)), settings=SETTINGS)
    except ArdError as error:
        sys.exit(f"ard: {error}")
