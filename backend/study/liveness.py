"""Whether a process that wrote something down still runs: told by host, number and start (design §2).

Linux gives a process's start in ticks since the machine started, and wall-clock time only as a sum with a moment that
jumps whenever the clock is set; so there the ticks are recorded, with the identity of that start of the machine.
Other systems keep the wall-clock time of the start as it was, which no later setting of the clock changes.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

SAME_PROCESS_SECONDS = 2.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_TICKS = 19
"""Which word behind a process's name in `/proc/PID/stat` is its start."""


@dataclass(frozen=True)
class Holder:
    """Who wrote, or writes, to the study.

    Attributes
    ----------
    pid : int
    host : str
    since : str
        ISO 8601, UTC.
    process_start : float
        Seconds since the epoch; tells a process from a later one with the same number.
    boot : str
        The start of the machine under which the process ran; "" where the system names none.
    start_ticks : int
        Start of the process in ticks since then; it decides, where it is known.
    """

    pid: int
    host: str
    since: str
    process_start: float = 0.0
    boot: str = ""
    start_ticks: int = 0

    @property
    def alive(self) -> bool | None:
        """Whether that process still runs; None for a process of another machine."""
        return process_alive(self.pid, self.host, self.process_start, self.boot, self.start_ticks)

    @classmethod
    def read(cls, values: Any) -> Holder | None:
        """The record in a file, which may be of another version; None if it is none."""
        if not isinstance(values, Mapping):
            return None
        try:
            one = cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})
            return cls(int(one.pid), str(one.host), str(one.since), float(one.process_start), str(one.boot),
                       int(one.start_ticks))  # fmt: skip
        except (TypeError, ValueError):
            return None


def process_alive(pid: int, host: str, process_start: float, boot: str = "", start_ticks: int = 0) -> bool | None:
    """Whether a process that was recorded is still the one running; None if it is on another machine."""
    if host != socket.gethostname():
        return None
    here = boot_id()
    if boot and here and (boot != here or start_ticks != ticks(pid)):
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(boot and here) or abs(float(process.create_time()) - process_start) < SAME_PROCESS_SECONDS
    except (psutil.Error, ValueError, OverflowError):
        return False


def identity(pid: int) -> Holder | None:
    """The record of a running process of this machine; None if there is none."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        start = float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
    boot = boot_id()
    return Holder(pid, socket.gethostname(), now, start, boot, ticks(pid) if boot else 0)


def read_holder(path: Path) -> Holder | None:
    """The record in `path`, whether or not that process still runs; None if there is none."""
    try:
        return Holder.read(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def this_process() -> Holder:
    """The record of the running process."""
    found = identity(os.getpid())
    assert found is not None
    return found


def boot_id() -> str:
    """The identity of this start of the machine; "" where the system has none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def ticks(pid: int) -> int:
    """When a process started, in ticks since the machine did; 0 if it is gone."""
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    # the name stands in brackets and may itself hold blanks and brackets
    return int(told.rpartition(b")")[2].split()[START_TICKS])
