"""Folds the events of a run into what is shown of it; needs no more memory for a million events than for ten."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ard_gui.state.runs import Message, StageShown

STAGES = {"run": ("index", "extract", "train", "retrieve", "describe")}
"""Stages that a command is known to go through, so that those to come can be shown."""
MESSAGES = 60
MOST_STAGES, MOST_SAES, LONGEST = 64, 1024, 2000
"""Bounds on what is kept of a file that may come from anywhere."""


class RunFold:
    """What the events so far say of one run. A field of the wrong kind counts as absent.

    Attributes
    ----------
    first : dict
        The event `started`; empty before it came.
    stages : dict of name to StageShown
        In the order in which they began.
    messages : deque of Message
    saes : dict
        Ids of the SAEs with metrics, in the order of their first one.
    seconds : float
        From the first to the last event, by the clock of the run's machine; turning that clock back takes nothing off.
    memory_bytes, device_bytes, cpu_percent
        As told last.
    most_memory_bytes, most_device_bytes : int
        The most of what was told.
    end : str
        finished, failed, stopped; "" before the end.
    text, todo : str
        What it said at its end.
    events : int
    """

    def __init__(self) -> None:
        self.first: dict[str, Any] = {}
        self.stages: dict[str, StageShown] = {}
        self.messages: deque[Message] = deque(maxlen=MESSAGES)
        self.saes: dict[str, None] = {}
        self.seconds = 0.0
        self.memory_bytes, self.device_bytes, self.cpu_percent = 0, 0, 0.0
        self.most_memory_bytes = self.most_device_bytes = 0
        self.end, self.text, self.todo = "", "", ""
        self.events = 0
        self._clock: float | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in the next event."""
        self.events += 1
        passed, elapsed = self._passed(event), _number(event, "elapsed")
        self.seconds = self.seconds + passed if elapsed is None else elapsed
        for name, stage in self.stages.items():
            if stage.state == "running" and passed:
                self.stages[name] = replace(stage, seconds=stage.seconds + passed)
        type_, name = _text(event, "type"), _text(event, "stage")
        if type_ == "progress":
            self._progress(name, event)
        elif type_ == "metric":
            if len(self.saes) < MOST_SAES and _text(event, "sae"):
                self.saes[_text(event, "sae")] = None
        elif type_ == "stage":
            self._stage(name, event)
        elif type_ == "message":
            said = Message(_text(event, "time"), _text(event, "level") or "info", name, _text(event, "text"))
            self.messages.append(said)
        elif type_ == "resources":
            self._resources(name, event)
        elif type_ == "started":
            self.first = dict(event)
        elif type_ in ("finished", "failed", "stopped"):
            self.end, self.text, self.todo = type_, _text(event, "text"), _text(event, "todo")
            self.memory_bytes, self.device_bytes, self.cpu_percent = 0, 0, 0.0

    def shown_stages(self, command: str) -> tuple[StageShown, ...]:
        """The stages that began, and those of `command` that are to come."""
        found = list(self.stages.values())
        if self.end:
            return tuple(replace(one, state="ended") if one.state == "running" else one for one in found)
        later = [name for name in STAGES.get(command, ()) if name not in self.stages]
        return tuple(found + [StageShown(name, "waiting") for name in later])

    def _passed(self, event: Mapping[str, Any]) -> float:
        """Seconds since the event before; by the wall clock in runs of older versions, 0 where it was turned back."""
        now = _number(event, "elapsed")
        try:
            now = datetime.fromisoformat(_text(event, "time")).timestamp() if now is None else now
        except (ValueError, OverflowError, OSError):
            return 0.0
        before, self._clock = self._clock, now
        return max(0.0, now - before) if before is not None else 0.0

    def _of(self, name: str) -> StageShown | None:
        if name not in self.stages and len(self.stages) >= MOST_STAGES:
            return None
        return self.stages.get(name) or StageShown(name, "running")

    def _stage(self, name: str, event: Mapping[str, Any]) -> None:
        stage, state = self._of(name), _text(event, "state")
        if stage is None:
            return
        if state == "started":
            self.stages[name] = StageShown(name, "running")
        elif state in ("finished", "current"):
            done = stage.total if state == "finished" else stage.done
            self.stages[name] = replace(
                stage, state="finished" if state == "finished" else "current", done=done, seconds_left=None,
                seconds=_number(event, "seconds") or 0.0,
            )  # fmt: skip

    def _progress(self, name: str, event: Mapping[str, Any]) -> None:
        stage = self._of(name)
        if stage is not None:
            self.stages[name] = replace(
                stage, done=_number(event, "done") or 0.0, total=_number(event, "total") or 0.0,
                unit=_text(event, "unit"), per_second=_number(event, "per_second") or 0.0,
                seconds_left=_number(event, "seconds_left"),
            )  # fmt: skip

    def _resources(self, name: str, event: Mapping[str, Any]) -> None:
        if "peak_memory_bytes" in event and name in self.stages:
            self.stages[name] = replace(
                self.stages[name], memory_bytes=int(_number(event, "peak_memory_bytes") or 0),
                device_bytes=int(_number(event, "peak_device_bytes") or 0),
            )  # fmt: skip
        if "memory_bytes" in event:
            self.memory_bytes = int(_number(event, "memory_bytes") or 0)
            self.device_bytes = int(_number(event, "device_bytes") or 0)
            self.cpu_percent = _number(event, "cpu_percent") or 0.0
            self.most_memory_bytes = max(self.most_memory_bytes, self.memory_bytes)
            self.most_device_bytes = max(self.most_device_bytes, self.device_bytes)


def _text(event: Mapping[str, Any], name: str) -> str:
    found = event.get(name)
    return found[:LONGEST] if isinstance(found, str) else ""


def _number(event: Mapping[str, Any], name: str) -> float | None:
    found = event.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found) if math.isfinite(found) else None
    except OverflowError:
        return None
