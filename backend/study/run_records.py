"""The runs of a study as their folders tell: `runs/<id>/` with request.json, events.jsonl and, last, manifest.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.jobs.events import read_events
from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.liveness import Holder, read_holder


@dataclass(frozen=True)
class RunRecord:
    """One run as `ard status` and `ard runs` show it.

    Attributes
    ----------
    state : str
        running, finished, stopped, failed, killed or damaged.
    started : str
        ISO 8601, UTC.
    text : str
        What a failed or stopped run said last.
    stages : dict
        Of each finished stage `seconds`, `peak_memory_bytes` and `peak_device_bytes`.
    seconds : float or None
        How long it took, or has taken so far, by its own clock; None where it never said.
    request : str
        The request of the queue that it answers; "" for a command of its own.
    arguments : tuple of str
        Words behind `ard`.
    """

    id: str
    command: str
    state: str
    started: str
    text: str
    stages: dict[str, Any]
    seconds: float | None = None
    request: str = ""
    arguments: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def list_runs(study: Study) -> list[RunRecord]:
    """All runs of the study, the latest last."""
    found = sorted(study.runs.glob("*/"))
    return [_record(study, folder) for folder in found if (folder / "request.json").exists()]


def read_run(study: Study, id_: str) -> RunRecord:
    """One run; ArdError if there is none of that name."""
    if Path(id_).name != id_ or not (study.runs / id_ / "request.json").exists():
        raise ArdError(f"there is no run '{id_}'", path=study.runs, todo="See: ard runs")
    return _record(study, study.runs / id_)


def run_settings(study: Study, id_: str) -> dict[str, Any]:
    """The settings that a run was started with, by dotted name; empty for a run that used none."""
    try:
        settings = read_json(study.runs / id_ / "request.json")["settings"]
    except (KeyError, TypeError) as error:
        raise ArdError("the record of this run is damaged", path=study.runs / id_) from error
    return dict(_dotted(settings)) if isinstance(settings, Mapping) else {}


def run_alive(study: Study, folder: Path) -> bool | None:
    """Whether a run without a manifest goes on; None if only its machine can tell.

    It does if the process that began it runs and still holds the study's write lock: a process outlives a run of its
    own that broke off.
    """
    owner = read_holder(study.lock_owner)
    if owner is None:
        return False
    first = first_event(folder)
    if not first:
        return owner.alive if f"-{owner.pid}" in folder.name else False
    run = _process(first)
    if run is None or (run.pid, run.host, run.boot, run.start_ticks) != (
        owner.pid, owner.host, owner.boot, owner.start_ticks,
    ):  # fmt: skip
        return False
    return run.alive


def first_event(folder: Path) -> dict[str, Any]:
    """The event `started`; empty where it is not written yet."""
    try:
        with open(folder / "events.jsonl", encoding="utf-8") as handle:
            event = json.loads(handle.readline())
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _record(study: Study, folder: Path) -> RunRecord:
    asked = _asked(folder)
    first = first_event(folder)
    known: dict[str, Any] = {"seconds": None}
    # the manifest comes before the lock is given up, so it has to be looked for once more after the lock
    if not (folder / "manifest.json").exists() and run_alive(study, folder) is not False:
        state, known["seconds"] = "running", _elapsed(folder)
    elif (folder / "manifest.json").exists():
        state, known = _finished(folder / "manifest.json")
    else:
        state, known["seconds"] = "killed", _elapsed(folder)
    return RunRecord(
        id=folder.name,
        command=str(asked.get("command", "?")),
        state=state,
        started=str(first.get("time", "")),
        text=last_text(folder, state),
        stages=known.get("stages", {}),
        seconds=known["seconds"],
        request=str(asked.get("request", "")),
        arguments=tuple(str(word) for word in asked.get("arguments", ())),
    )


def _finished(manifest: Path) -> tuple[str, dict[str, Any]]:
    try:
        found = read_json(manifest)
        known = {"stages": dict(found["figures"]["stages"]), "seconds": float(found["seconds"])}
        return str(found["outputs"]["state"]), known
    except (ArdError, KeyError, TypeError, ValueError):
        return "damaged", {"seconds": None}


def _asked(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / "request.json")
    except ArdError:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("arguments", []), list):
        return {}
    return found


def _process(first: Mapping[str, Any]) -> Holder | None:
    """The process of a run, from its event `started`."""
    try:
        start = datetime.fromisoformat(str(first["process_start"])).timestamp() if "process_start" in first else 0.0
    except ValueError:
        return None
    return Holder.read({**first, "since": first.get("time", ""), "process_start": start})


def last_text(folder: Path, state: str) -> str:
    """What a failed or stopped run said last, and what to do about it."""
    if state not in ("failed", "stopped"):
        return ""
    for event in reversed(_last_events(folder)):
        if event["type"] == state and "text" in event:
            text, todo = str(event["text"]), str(event.get("todo", ""))
            return text if todo in text else f"{text}. {todo}"
    return ""


def _elapsed(folder: Path) -> float | None:
    """Seconds from the run's start to its last event, by the run's own monotonic clock."""
    told = (event["elapsed"] for event in reversed(_last_events(folder)) if "elapsed" in event)
    return next((float(one) for one in told if isinstance(one, int | float)), None)


LAST_BYTES = 64 * 1024


def _last_events(folder: Path) -> list[dict[str, Any]]:
    """The events in the last 64 KB: a log of 500 MB is not read for its last line."""
    path = folder / "events.jsonl"
    try:
        return read_events(path, max(0, path.stat().st_size - LAST_BYTES))[0]
    except OSError:
        return []


def _dotted(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        inner = isinstance(value, Mapping) and value
        found += _dotted(value, f"{before}{name}.") if inner else [(f"{before}{name}", value)]
    return found
