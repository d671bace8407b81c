"""The runs of a study as their folders tell: `runs/<id>/` with request.json, events.jsonl and, last, manifest.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.jobs.events import read_events
from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.liveness import process_alive


@dataclass(frozen=True)
class RunRecord:
    """One run as `ard status` shows it; `state` is running, finished, stopped, failed or killed."""

    id: str
    command: str
    state: str
    started: str
    text: str
    stages: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def list_runs(study: Study) -> list[RunRecord]:
    """All runs of the study, the latest last."""
    return [_record(folder) for folder in sorted(study.runs.glob("*/")) if (folder / "request.json").exists()]


def _record(folder: Path) -> RunRecord:
    try:
        command = str(read_json(folder / "request.json")["command"])
    except (ArdError, KeyError, TypeError):
        command = "?"
    first = _first_event(folder / "events.jsonl")
    if (folder / "manifest.json").exists():
        try:
            manifest = read_json(folder / "manifest.json")
            state, stages = str(manifest["outputs"]["state"]), dict(manifest["figures"]["stages"])
        except (ArdError, KeyError, TypeError):
            state, stages = "damaged", {}
    else:
        start = datetime.fromisoformat(first["process_start"]).timestamp() if "process_start" in first else 0.0
        alive = process_alive(int(first.get("pid", -1)), str(first.get("host", "")), start) if first else False
        state, stages = ("killed", {}) if alive is False else ("running", {})
    return RunRecord(folder.name, command, state, str(first.get("time", "")), _last_text(folder, state), stages)


def _first_event(path: Path) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            event = json.loads(handle.readline())
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _last_text(folder: Path, state: str) -> str:
    """What a failed or stopped run said last."""
    if state not in ("failed", "stopped"):
        return ""
    events, _ = read_events(folder / "events.jsonl")
    return next((str(e["text"]) for e in reversed(events) if e["type"] == state and "text" in e), "")
