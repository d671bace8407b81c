"""What the runs panel knows of a study's queue and runs; built from files by the watcher, without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StageState = Literal["waiting", "running", "finished", "current"]


@dataclass(frozen=True)
class StageShown:
    """One stage of a run.

    Attributes
    ----------
    done, total : float
        In `unit`; total is 0 until it is known.
    per_second : float
    seconds_left : float or None
    seconds : float
        How long it took, or has taken by its own clock.
    """

    name: str
    state: StageState
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    per_second: float = 0.0
    seconds_left: float | None = None
    seconds: float = 0.0


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
        waiting, running, pausing, paused, cancelling, failed, finished, stopped, killed.
    started : str
        ISO 8601, UTC; "" before it began.
    stages : tuple of StageShown
    text : str
        What it said last, or why it waits or failed.
    memory_bytes, device_bytes : int
        In use now, or at the peak of what has ended; 0 where not known.
    cpu_percent : float
    """

    request: str
    run: str
    command: str
    state: str
    started: str = ""
    stages: tuple[StageShown, ...] = ()
    text: str = ""
    memory_bytes: int = 0
    device_bytes: int = 0
    cpu_percent: float = 0.0

    @property
    def id(self) -> str:
        """The request's id where there is one, else the run's."""
        return self.request or self.run

    @property
    def stage(self) -> StageShown | None:
        """The stage that runs; None where none does."""
        return next((one for one in reversed(self.stages) if one.state == "running"), None)


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
    """

    rows: tuple[RunShown, ...] = ()
    supervisor: bool = False
    problems: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def active(self) -> RunShown | None:
        """The run that goes on; None where none does."""
        return next((one for one in self.rows if one.state in ("running", "pausing", "cancelling")), None)
