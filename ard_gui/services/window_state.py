"""Where panels stand and what is chosen, per study: in the user's data directory, and checked at reading."""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.study.atomic import write_json
from backend.study.user_data import user_data

VERSION = 1


@dataclass(frozen=True)
class WindowState:
    """What is restored.

    Attributes
    ----------
    geometry, docks : bytes
        As Qt saves them; empty for none.
    ranking : str
        Id of the shown SAE.
    feature : int
    query : dict
        `Query.plain()`.
    columns : dict
        Shown columns and widths of the table.
    steering : dict
        `Steering.plain()`.
    runs : dict
        `RunsChosen.plain()`.
    """

    geometry: bytes = b""
    docks: bytes = b""
    ranking: str = ""
    feature: int = -1
    query: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    steering: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)


def place(key: str) -> Path:
    """File of the state of the study with this key; "start" for a window without one."""
    return user_data() / "windows" / f"{key}.json"


def load(path: Path) -> WindowState:
    """The saved state; the usual one where there is none or it is damaged or of another version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            return WindowState()
        state = WindowState(
            base64.b64decode(found["geometry"], validate=True), base64.b64decode(found["docks"], validate=True),
            found["ranking"], found["feature"], found["query"], found["columns"],
            found.get("steering", {}), found.get("runs", {}),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        return WindowState()
    right = (
        isinstance(state.ranking, str), isinstance(state.feature, int), isinstance(state.query, dict),
        isinstance(state.columns, dict), isinstance(state.steering, dict), isinstance(state.runs, dict),
    )  # fmt: skip
    return state if all(right) else WindowState()


def save(path: Path, state: WindowState) -> None:
    """Write the state; OSError or ArdError if that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {
        "version": VERSION,
        "geometry": base64.b64encode(state.geometry).decode(), "docks": base64.b64encode(state.docks).decode(),
        "ranking": state.ranking, "feature": state.feature, "query": state.query, "columns": state.columns,
        "steering": state.steering, "runs": state.runs,
    })  # fmt: skip


def forget_all() -> int:
    """Remove every saved state that can be removed (`--reset`); how many there were."""
    found = list((user_data() / "windows").glob("*.json"))
    for path in found:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return len(found)
