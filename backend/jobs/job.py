"""A job: what a stage talks to while it works: progress, messages, metrics and the wish to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from backend.errors import Stopped
from backend.jobs.events import EventLog

PROGRESS_EVERY = 0.25


class Job:
    """Handed to every stage; a stage reports here and asks here whether to stop.

    Parameters
    ----------
    log : EventLog
        Where events go.
    folder : Path, optional
        `runs/<id>`; a file called `stop` in it asks the job to stop at its next safe point.
    """

    def __init__(self, log: EventLog, folder: Path | None = None) -> None:
        self.log = log
        self.folder = folder
        self.stage = ""
        self._stop = False
        self._began = time.monotonic()
        self._resumed_at = 0.0
        self._reported = 0.0
        self._unit = ""

    def request_stop(self) -> None:
        self._stop = True

    def stop_requested(self) -> bool:
        return self._stop or (self.folder is not None and (self.folder / "stop").exists())

    def check_stop(self) -> None:
        """Raise Stopped if the user asked for it; call it where everything finished is on disk."""
        if self.stop_requested():
            raise Stopped("stopped as asked; everything finished so far is kept", todo="Run the same command to go on.")

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Mark everything inside as belonging to `stage`."""
        before, self.stage = self.stage, stage
        began = time.monotonic()
        self.log.emit(stage, "stage", state="started")
        try:
            yield
        finally:
            self.stage = before
        self.log.emit(stage, "stage", state="finished", seconds=round(time.monotonic() - began, 3))

    def current(self, stage: str) -> None:
        """Say that `stage` has nothing to do."""
        self.log.emit(stage, "stage", state="current", seconds=0.0)

    def begin_progress(self, unit: str, already_done: float = 0.0) -> None:
        """Start the clock of a measured piece of work; `already_done` comes from an earlier run."""
        self._began, self._resumed_at, self._reported, self._unit = time.monotonic(), already_done, 0.0, unit

    def progress(self, done: float, total: float) -> None:
        """Report `done` of `total`; thinned to a few events a second, the last one always sent."""
        now = time.monotonic()
        if now - self._reported < PROGRESS_EVERY and done < total:
            return
        self._reported = now
        elapsed = max(now - self._began, 1e-9)
        rate = (done - self._resumed_at) / elapsed
        left = (total - done) / rate if rate > 0 else None
        self.log.emit(
            self.stage, "progress", done=done, total=total, unit=self._unit,
            per_second=round(rate, 3), seconds_left=None if left is None else round(left, 1),
        )  # fmt: skip

    def message(self, text: str, level: str = "info") -> None:
        self.log.emit(self.stage, "message", level=level, text=text)

    def metric(self, step: int, values: dict[str, float]) -> None:
        self.log.emit(self.stage, "metric", step=step, values=values)

    def estimate(self, **values: Any) -> None:
        self.log.emit(self.stage, "estimate", values=values)


def quiet_job() -> Job:
    """A job nobody watches, for tests and for use as a library."""
    return Job(EventLog(path=None, run="none"))


@contextmanager
def stop_on_signals(job: Job) -> Iterator[None]:
    """Let Ctrl-C and a polite termination stop the job at its next safe point; a second Ctrl-C is immediate."""

    def ask(number: int, frame: FrameType | None) -> None:
        if job.stop_requested():
            raise KeyboardInterrupt
        job.request_stop()
        job.message("stopping at the next safe point; press Ctrl-C again to stop at once", level="warning")

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
