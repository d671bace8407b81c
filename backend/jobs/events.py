"""The event protocol: one JSON object a line, read by the desktop and printed by `ard … --events`.

Version 1. Every event has `v` (protocol version), `seq` (0, 1, 2 … within the run), `time` (ISO 8601,
UTC), `run`, `stage` and `type`:

=========== ==========================================================================================
type        further fields
=========== ==========================================================================================
started     `command`, `pid`, `host`, `process_start` (ISO 8601)
stage       `state`: "started", "finished", "current" (nothing to do), `seconds`
progress    `done`, `total`, `unit`, `per_second`, `seconds_left` (null until known)
message     `level` ("info", "warning", "error"), `text`
metric      `values`: name to number or null (loss, fvu, l0 …), `step`, `sae` (its id)
estimate    `values`: tokens, bytes, seconds …
resources   `peak_memory_bytes`, `peak_device_bytes` of the stage that has just finished
finished    `seconds`
failed      `text`, `todo`
stopped     `text`
=========== ==========================================================================================

A reader ignores types and fields it does not know. A line without its newline is still being written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = 1
Event = dict[str, Any]
Listener = Callable[[Event], None]


@dataclass
class EventLog:
    """Appends events to `runs/<id>/events.jsonl` and hands each to the listeners.

    Appending to a file needs no reader: a job never dies because its watcher did (design §2).
    """

    path: Path | None
    run: str
    listeners: tuple[Listener, ...] = ()
    seq: int = 0

    def emit(self, stage: str, type_: str, **fields: Any) -> None:
        event: Event = {
            "v": VERSION,
            "seq": self.seq,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": self.run,
            "stage": stage,
            "type": type_,
            **fields,
        }
        self.seq += 1
        if self.path is not None:
            with open(self.path, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(event, ensure_ascii=False, allow_nan=False, default=float) + "\n")
        for listener in self.listeners:
            listener(event)


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
