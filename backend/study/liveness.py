"""Whether a process that wrote something down still runs: told by host, number and start (design §2)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

SAME_PROCESS_SECONDS = 2.0


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
    """

    pid: int
    host: str
    since: str
    process_start: float = 0.0

    @property
    def alive(self) -> bool | None:
        """Whether that process still runs; None for a process of another machine."""
        return process_alive(self.pid, self.host, self.process_start)


def process_alive(pid: int, host: str, process_start: float) -> bool | None:
    """Whether a process that was recorded is still the one running; None if it is on another machine."""
    if host != socket.gethostname():
        return None
    try:
        return abs(float(psutil.Process(pid).create_time()) - process_start) < SAME_PROCESS_SECONDS
    except psutil.Error:
        return False


def this_process() -> Holder:
    """The record of the running process."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(os.getpid(), socket.gethostname(), now, float(psutil.Process().create_time()))
