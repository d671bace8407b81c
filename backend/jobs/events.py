"""The event protocol: one JSON object a line, read by the desktop and printed by `ard … --events`.

Version 1. Every event has `v` (protocol version), `seq` (0, 1, 2 … within the run), `time` (ISO 8601,
UTC), `elapsed` (seconds since the run began, by a clock that nobody sets), `run`, `stage` and `type`:

=========== ==========================================================================================
type        further fields
=========== ==========================================================================================
started     `command`, `pid`, `host`, `process_start` (ISO 8601), `boot`, `start_ticks`
stage       `state`: "started", "finished", "current" (nothing to do), `seconds`
progress    `done`, `total`, `unit`, `per_second`, `seconds_left` (null until known)
message     `level` ("info", "warning", "error"), `text`
metric      `values`: name to number or null (loss, fvu, l0 …), `step`, `sae` (its id)
estimate    `values`: tokens, bytes, seconds …
resources   while a stage runs, every few seconds: `memory_bytes`, `device_bytes`, `cpu_percent`; when it
            has finished: `peak_memory_bytes`, `peak_device_bytes`
finished    `seconds`
failed      `text`, `todo`
stopped     `text`
=========== ==========================================================================================

A reader ignores types and fields it does not know. A line without its newline is still being written.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = 1
Event = dict[str, Any]
Listener = Callable[[Event], None]
REOPEN_SECONDS = 1.0


@dataclass
class EventLog:
    """Appends events to `runs/<id>/events.jsonl` and hands each to the listeners.

    Appending to a file needs no reader: a job never dies because its watcher did (design §2). Any thread may send. An
    event that a listener or a signal sends while another is being sent follows it, so that lines and `seq` keep one
    order. Each line is one write, readable at once; the file is opened anew every second, which is when other machines
    that share the folder see what was appended.
    """

    path: Path | None
    run: str
    listeners: tuple[Listener, ...] = ()
    seq: int = 0

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._waiting: deque[tuple[str, str, dict[str, Any]]] = deque()
        self._sending = False
        self._file = _Appended(self.path) if self.path is not None else None

    def emit(self, stage: str, type_: str, **fields: Any) -> None:
        with self._lock:
            self._waiting.append((stage, type_, fields))
            if self._sending:
                return
            try:
                self._sending = True
                while self._waiting:
                    self._send(*self._waiting.popleft())
            finally:
                self._sending = False

    def close(self) -> None:
        """Close the file; a later event opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def _send(self, stage: str, type_: str, fields: dict[str, Any]) -> None:
        event: Event = {
            "v": VERSION,
            "seq": self.seq,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "elapsed": round(time.monotonic() - self._began, 3),
            "run": self.run,
            "stage": stage,
            "type": type_,
            **fields,
        }
        self.seq += 1
        if self._file is not None:
            line = json.dumps(event, ensure_ascii=False, allow_nan=False, default=float)
            self._file.append(line.encode("utf-8", "backslashreplace") + b"\n")
        for listener in self.listeners:
            listener(event)


class _Appended:
    """A file that lines are appended to, each by one write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._opened = 0.0
        self._torn = False
        self._close: Callable[[], object] = lambda: None

    def append(self, line: bytes) -> None:
        """OSError if the line is not wholly in the file; the next one then begins on a new line."""
        now = time.monotonic()
        if self._handle is None or now - self._opened > REOPEN_SECONDS:
            self.close()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._handle = handle = os.open(self._path, flags, 0o666)
            self._opened = now
            self._close = weakref.finalize(self, os.close, handle)
        data = b"\n" + line if self._torn else line
        self._torn = True
        while data:
            data = data[os.write(self._handle, data) :]
        self._torn = False

    def close(self) -> None:
        self._handle = None
        self._close()


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Complete events of `path` from byte `offset`, and the offset to go on from.

    Lines that are not JSON are skipped: a watcher must not die of a torn line after a crash.
    """
    if not path.exists():
        return [], offset
    with open(path, "rb") as handle:
        handle.seek(offset)
        data = handle.read()
    end = data.rfind(b"\n") + 1
    return list(_parse(data[:end])), offset + end


def _parse(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        try:
            event = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue
        if isinstance(event, dict):
            yield event
