"""The rows of the runs panel from the study's files; what has ended is read once (for the watcher's thread)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ard_gui.state.runs import GOING_ON, RunShown, StageShown
from backend.errors import ArdError
from backend.study import queue
from backend.study.folder import Study
from backend.study.liveness import read_holder
from backend.study.queue import Request
from backend.study.run_records import RunRecord, read_run, run_alive

UNTYPED = ("--events",)
Stamp = tuple[int, int]


@dataclass(frozen=True)
class _Known:
    stamp: Stamp
    row: RunShown


class RunListing:
    """The runs and requests of one study; a look costs a `stat` for each run that has ended."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.problems: tuple[str, ...] = ()
        self._runs: dict[str, _Known] = {}
        self._stamps: tuple[tuple[str, int, int], ...] = ()
        self._requests: list[Request] = []

    def look(self) -> list[RunShown]:
        """Requests in their order, then the runs that answer none of them, the latest first."""
        self._look_at_runs()
        self._look_at_queue()
        answered = {one.run for one in self._requests if one.run}
        rows = [self._asked(one) for one in self._requests]
        return rows + [self._runs[name].row for name in sorted(self._runs, reverse=True) if name not in answered]

    def supervisor(self) -> bool:
        """Whether a process works the queue off; one of another machine is believed."""
        found = read_holder(queue.folder(self.study) / queue.SUPERVISOR)
        return found is not None and found.alive is not False

    def writable(self) -> bool:
        """Whether the study can be written to, as far as the system tells without trying."""
        folder = next((one for one in (queue.folder(self.study), self.study.runs) if one.is_dir()), self.study.root)
        return os.access(folder, os.W_OK)

    def _look_at_runs(self) -> None:
        found: dict[str, _Known] = {}
        for entry in _folders(self.study.runs):
            try:
                status = entry.stat()
            except OSError:
                continue
            stamp = (status.st_ino, status.st_mtime_ns)
            known = self._runs.get(entry.name)
            if known is None or known.stamp != stamp or self._has_died(known):
                known = self._read(entry.name, stamp)
            if known is not None:
                found[entry.name] = known
        self._runs = found

    def _has_died(self, known: _Known) -> bool:
        return known.row.state == "running" and run_alive(self.study, self.study.runs / known.row.run) is False

    def _read(self, name: str, stamp: Stamp) -> _Known | None:
        """A run's row; None for a folder that is no run (yet)."""
        try:
            record = read_run(self.study, name)
        except ArdError:
            return None
        return _Known(stamp, row_of(self.study.root, record))

    def _look_at_queue(self) -> None:
        try:
            entries = [one for one in os.scandir(queue.folder(self.study)) if one.name.endswith(".json")]
            stamps = tuple(sorted((one.name, one.stat().st_ino, one.stat().st_mtime_ns) for one in entries))
        except OSError:
            stamps = ()
        if stamps != self._stamps:
            self._stamps = stamps
            self._requests = queue.requests(self.study) if stamps else []
            self.problems = tuple(queue.problems(self.study)) if stamps else ()

    def _asked(self, one: Request) -> RunShown:
        run = self._runs.get(one.run)
        row = RunShown("", one.run, "", one.state) if run is None else run.row
        command = f"ard {shlex.join(one.words(self.study.root))}"
        killed = one.state in GOING_ON and row.state == "killed"
        return replace(
            row, request=one.id, command=command, state="killed" if killed else one.state, text=one.text or row.text,
            after=one.after,
        )  # fmt: skip


def row_of(study: Path, record: RunRecord) -> RunShown:
    """What is shown of a run that no request of the queue stands for."""
    stages = tuple(
        StageShown(
            str(name), "finished", seconds=_number(one, "seconds"), memory_bytes=int(_number(one, "peak_memory_bytes")),
            device_bytes=int(_number(one, "peak_device_bytes")),
        )
        for name, one in record.stages.items()
    )  # fmt: skip
    return RunShown(
        "", record.id, typed(study, record.command, record.arguments), record.state, started=record.started,
        stages=stages, text=record.text, seconds=record.seconds or 0.0,
        memory_bytes=max((one.memory_bytes for one in stages), default=0),
        device_bytes=max((one.device_bytes for one in stages), default=0),
    )  # fmt: skip


def typed(study: Path, command: str, arguments: Sequence[str]) -> str:
    """The command line of a run as it can be typed anywhere; `arguments` are the words behind `ard`."""
    words = [one for one in arguments if one not in UNTYPED]
    if words[:1] != [command]:
        return f"ard {shlex.join([command, str(study)])}"
    rest = words[1:]
    if not rest or not rest[0].startswith("-"):
        rest = [str(study), *rest[1:]]
    return f"ard {shlex.join([command, *rest])}"


def _number(values: object, name: str) -> float:
    found = values.get(name) if isinstance(values, dict) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return [entry for entry in os.scandir(folder) if entry.name != "queue" and entry.is_dir()]
    except OSError:
        return []
