"""What the runs panel knows of a study's queue and runs; built from files by the watcher, without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StageState = Literal["waiting", "running", "finished", "current", "ended"]
GOING_ON = ("running", "pausing", "cancelling")
"""States of a run whose process is at work."""
QUEUED = (*GOING_ON, "waiting", "paused", "failed")
"""States of a request that is in the queue."""


@dataclass(frozen=True)
class StageShown:
    """One stage of a run.

    Attributes
    ----------
    state : str
        waiting; running; finished; current (there was nothing to do); ended (the run ended inside it).
    done, total : float
        In `unit`; total is 0 until it is known.
    per_second : float
    seconds_left : float or None
    seconds : float
        How long it took, or has taken by its own clock.
    memory_bytes, device_bytes : int
        At its peak; 0 where not known.
    """

    name: str
    state: StageState
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    per_second: float = 0.0
    seconds_left: float | None = None
    seconds: float = 0.0
    memory_bytes: int = 0
    device_bytes: int = 0

    @property
    def share(self) -> float:
        """0 to 1."""
        if self.state in ("finished", "current"):
            return 1.0
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


@dataclass(frozen=True)
class Message:
    """One thing a run said; `level` is info, warning or error, `time` ISO 8601, UTC."""

    time: str
    level: str
    stage: str
    text: str


@dataclass(frozen=True)
class RunShown:
    """One row of the panel: a request of the queue, a run, or both.

    Attributes
    ----------
    request, run : str
        Ids; "" where there is none.
    command : str
        As it can be typed: "ard run /path/to/study".
    state : str
        waiting, running, pausing, paused, cancelling, failed, finished, stopped, killed, damaged.
    started : str
        ISO 8601, UTC; "" before it began.
    stages : tuple of StageShown
    text, todo : str
        What it said last, or why it waits or failed; what to do.
    seconds : float
        How long it took, or has taken by its own clock.
    memory_bytes, device_bytes : int
        In use now, or at the peak of what has ended; 0 where not known.
    cpu_percent : float
        100 for one core; 0 where not known.
    messages : tuple of Message
        The last ones; only of runs that are followed.
    saes : tuple of str
        Ids of the SAEs it trained or trains.
    after : tuple of str
        Ids of the requests that it waits for.
    host : str
        Machine it runs on; "" where not known.
    behind : int
        Bytes of its events that are still to be read.
    """

    request: str
    run: str
    command: str
    state: str
    started: str = ""
    stages: tuple[StageShown, ...] = ()
    text: str = ""
    todo: str = ""
    seconds: float = 0.0
    memory_bytes: int = 0
    device_bytes: int = 0
    cpu_percent: float = 0.0
    messages: tuple[Message, ...] = ()
    saes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    host: str = ""
    behind: int = 0

    @property
    def id(self) -> str:
        """The request's id where there is one, else the run's."""
        return self.request or self.run

    @property
    def stage(self) -> StageShown | None:
        """The stage that runs; None where none does."""
        return next((one for one in reversed(self.stages) if one.state == "running"), None)

    @property
    def can_pause(self) -> bool:
        return bool(self.request) and self.state in ("waiting", "running")

    @property
    def can_resume(self) -> bool:
        return bool(self.request) and self.state == "paused"

    @property
    def can_cancel(self) -> bool:
        return bool(self.request) and self.state != "cancelling"

    @property
    def can_retry(self) -> bool:
        return bool(self.request) and self.state == "failed"

    @property
    def can_dismiss(self) -> bool:
        return bool(self.request) and self.state in ("failed", "paused", "waiting")

    @property
    def can_move(self) -> bool:
        return bool(self.request) and self.state not in GOING_ON


@dataclass(frozen=True)
class RunsShown:
    """Everything the panel shows at one moment.

    Attributes
    ----------
    rows : tuple of RunShown
        Requests in their order, then past runs, the latest first.
    supervisor : bool
        Whether a process works the queue off.
    problems : tuple of str
        Files of the queue that cannot be used.
    stale : tuple of str
        Results that were made from other settings or inputs: "train: encoder.3-…".
    writable : bool
        Whether requests can be written down.
    """

    rows: tuple[RunShown, ...] = ()
    supervisor: bool = False
    problems: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    writable: bool = True

    @property
    def active(self) -> RunShown | None:
        """The run that goes on; None where none does."""
        return next((one for one in self.rows if one.state in GOING_ON), None)

    @property
    def waits(self) -> bool:
        """Whether requests wait and nobody works them off."""
        return not self.supervisor and any(
            one.request and one.state in (*GOING_ON, "waiting", "killed") for one in self.rows
        )

    def row(self, id_: str) -> RunShown | None:
        """The row with this id, which may be a request's or a run's."""
        return next((one for one in self.rows if id_ and id_ in (one.request, one.run)), None)


@dataclass(frozen=True)
class Wanted:
    """What somebody looks at.

    Attributes
    ----------
    run : str
        "" for none.
    curves, log : bool
        Whether these are on the screen.
    saes : tuple of str
        SAEs whose curves are drawn; empty for all of the run.
    stale : bool
        Whether it is asked which results are stale.
    """

    run: str = ""
    curves: bool = False
    log: bool = False
    saes: tuple[str, ...] = ()
    stale: bool = False
