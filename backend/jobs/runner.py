"""Run a piece of work as a job of a study: its folder `runs/<id>/`, its events, its log, the write lock.

`runs/<id>/` holds request.json (what was asked), events.jsonl, log.txt and, last of all, manifest.json.
A folder without manifest.json belongs to a run that is going on or was killed.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.errors import ArdError, Stopped
from backend.jobs.events import Event, EventLog, Listener
from backend.jobs.job import Job, stop_on_signals
from backend.jobs.lock import write_lock
from backend.jobs.memory import PeakMemory, device_peak_bytes
from backend.study.atomic import disk_full, write_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.liveness import this_process
from backend.study.manifest import write_manifest
from backend.study.queue import REQUEST_VARIABLE
from backend.study.queue import folder as queue_folder

Work = Callable[[Job], None]
TEMPORARY = re.compile(r"\..+\.\d+\.tmp")
WRITTEN = ("activations", "saes", "features", "runs", "describe", "sensitivity", "steerability")


class Crashed(Exception):
    """An error nobody foresaw; the traceback is in `log`."""

    def __init__(self, error: BaseException, log: Path) -> None:
        self.log = log
        super().__init__(f"{type(error).__name__}: {error}")


def run_job(
    study: Study,
    command: str,
    work: Work,
    *,
    settings: Mapping[str, Any] | None = None,
    listeners: tuple[Listener, ...] = (),
) -> Path | None:
    """Run `work` under the study's write lock and return its folder `runs/<id>`.

    Under `torchrun` only the first process takes the lock and writes the run; the others work silently
    and None is returned for them.

    Parameters
    ----------
    command : str
        E.g. "train"; becomes part of the run's id.
    settings : mapping, optional
        All settings of the study, for the run's manifest (X-1).
    listeners : tuple of callables
        Called with every event beside its being written.

    Raises
    ------
    ArdError
        What `work` raised, or: another writer, a full disk, no memory. Stopped if the user stopped it.
    Crashed
        Anything else.
    """
    if int(os.environ.get("RANK", "0")) > 0:
        job = Job(EventLog(path=None, run="rank"))
        with _signals(job):
            work(job)
        return None
    with write_lock(study):
        remove_all_leftovers(study)
        folder = _new_run_folder(study, command)
        request = {
            "command": command,
            "arguments": sys.argv[1:],
            "settings": dict(settings or {}),
            "request": os.environ.get(REQUEST_VARIABLE, ""),
        }
        write_json(folder / "request.json", request)
        _Run(study, folder, command, dict(settings or {}), listeners).execute(work)
    return folder


class _Run:
    """One run from its first event to its manifest."""

    def __init__(
        self, study: Study, folder: Path, command: str, settings: dict[str, Any], listeners: tuple[Listener, ...]
    ) -> None:
        self.study, self.folder, self.command, self.settings = study, folder, command, settings
        self.memory = PeakMemory(self._resources)
        self.stages: dict[str, dict[str, Any]] = {}
        self.logger = logging.getLogger("ard.run")
        # last, because it emits events itself and every listener should see them in order
        self.events = EventLog(folder / "events.jsonl", folder.name, (*listeners, self._notice))
        self.job = Job(self.events, folder)
        self.began = time.monotonic()

    def execute(self, work: Work) -> None:
        with ExitStack() as open_things:
            open_things.enter_context(_log_file(self.folder / "log.txt"))
            open_things.callback(self.events.close)
            open_things.enter_context(self.memory)
            open_things.enter_context(_signals(self.job))
            me = this_process()
            start = datetime.fromtimestamp(me.process_start, UTC).isoformat(timespec="milliseconds")
            try:
                self.events.emit(
                    "", "started", command=self.command, pid=me.pid, host=me.host, process_start=start,
                    boot=me.boot, start_ticks=me.start_ticks,
                )  # fmt: skip
                work(self.job)
                self.events.emit("", "finished", seconds=self._seconds())
            except BaseException as error:
                raise self._failed(error) from error
            self._write_manifest("finished")

    def _failed(self, error: BaseException) -> BaseException:
        """Record the failure; returns what the caller should see."""
        known = _readable(error, self.study.root)
        self.memory.close()  # what the run says last must be its last event
        if known is None:
            self.logger.error("%s", "".join(traceback.format_exception(error)))
            text = f"unexpected error: {type(error).__name__}: {error}"
            self._last_words("failed", text=text, todo=f"The whole report is in {self.folder / 'log.txt'}.")
            return Crashed(error, self.folder / "log.txt")
        if isinstance(known, Stopped):
            self._last_words("stopped", text=known.what)
        else:
            self.logger.error("%s", known)
            self._last_words("failed", text=str(known), todo=known.todo or "")
        return known

    def _last_words(self, state: str, **fields: str) -> None:
        with suppress(OSError):  # a full disk must not hide what happened
            self.events.emit(self.job.stage, state, **fields)
            self._write_manifest(state)

    def _write_manifest(self, state: str) -> None:
        write_manifest(
            self.folder / "manifest.json",
            stage=self.command,
            fingerprint=fingerprint(self.settings),
            settings=self.settings,
            inputs={},
            outputs={"state": state},
            seconds=self._seconds(),
            figures={"stages": self.stages},
        )

    def _notice(self, event: Event) -> None:
        """Keep seconds and peak memory of each stage, and what is worth a line in the log."""
        stage, state = str(event["stage"]), event.get("state")
        if event["type"] == "message":
            level = logging.getLevelNamesMapping()[str(event["level"]).upper()]
            self.logger.log(level, "%s: %s", stage or self.command, event["text"])
        elif event["type"] == "stage" and state == "started":
            device_peak_bytes()
            self.memory.begin(stage)
        elif event["type"] == "stage" and state == "finished":
            figures = {"peak_memory_bytes": self.memory.end(stage), "peak_device_bytes": device_peak_bytes()}
            self.stages[stage] = {"seconds": event["seconds"], **figures}
            self.events.emit(stage, "resources", **figures)

    def _resources(self, used: Mapping[str, float]) -> None:
        with suppress(OSError):  # the work itself will meet a full disk, and say so
            self.events.emit(self.job.stage, "resources", **used)

    def _seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)


def _readable(error: BaseException, root: Path) -> ArdError | None:
    """The error as something a person can act on, None if it is a defect of the program."""
    if isinstance(error, ArdError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Stopped(
            "stopped at once; the work since the last checkpoint is lost", todo="Run the same command to go on."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return disk_full(Path(error.filename or root))
    if isinstance(error, MemoryError):
        return ArdError(
            "the memory of this machine is used up",
            todo="Lower extract.batch_clips, train.batch_tokens or retrieve.memory_mb in study.toml and run again.",
        )
    return None


def remove_all_leftovers(study: Study) -> int:
    """Remove temporary files of killed writers anywhere in the study; call only while holding the lock.

    Returns their number. Links are not followed, so nothing outside the study is touched.
    """
    removed = 0
    folders = [study.root] + [study.root / name for name in WRITTEN]
    for top in folders:
        for folder, below, names in os.walk(top):
            if Path(folder) == study.root:
                below.clear()
            if Path(folder) == queue_folder(study):  # has a lock of its own, and writers that hold only that
                continue
            for name in names:
                if TEMPORARY.fullmatch(name):
                    (Path(folder) / name).unlink(missing_ok=True)
                    removed += 1
    return removed


def _new_run_folder(study: Study, command: str) -> Path:
    now = datetime.now(UTC)
    stem = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{command}-{os.getpid()}"
    for number in range(1000):
        folder = study.runs / (f"{stem}-{number}" if number else stem)
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full(folder) from error
            raise ArdError(f"this study cannot be written to: {error}", path=study.root) from error
    raise ArdError("no name is left for a run", path=study.runs, todo="Run: ard gc")


def _signals(job: Job) -> Any:
    return stop_on_signals(job) if threading.current_thread() is threading.main_thread() else nullcontext()


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Send the log of every library, and Python's warnings, to `path` while inside."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, ours = logging.getLogger(), logging.getLogger("ard")
    root.addHandler(handler)
    level = ours.level
    ours.setLevel(logging.INFO)
    show = warnings.showwarning

    def to_log(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        root.warning("%s", warnings.formatwarning(message, category, filename, lineno).strip())

    warnings.showwarning = to_log
    try:
        yield
    finally:
        warnings.showwarning = show
        ours.setLevel(level)
        root.removeHandler(handler)
        handler.close()
