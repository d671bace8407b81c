"""What runs were made with: settings, versions, times, peaks; read on the reader's thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ard_gui.state.run_words import size, span
from backend.errors import ArdError
from backend.study.atomic import read_json
from backend.study.folder import Study

LARGEST = 1 << 24
TOP = ("finished", "seconds", "device", "system", "machine", "cpu_count", "git", "fingerprint")
NONE = "–"


@dataclass(frozen=True)
class SettingsTable:
    """Values of several runs beside each other.

    Attributes
    ----------
    runs : tuple of str
    rows : tuple of (name, values)
        A value for each run, `NONE` where it has none.
    problems : tuple of str
        Files that cannot be read.
    """

    runs: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    problems: tuple[str, ...] = ()


def settings_table(study: Study, runs: Sequence[str]) -> SettingsTable:
    """Settings of the runs' requests, and what their manifests add where they have one."""
    problems: list[str] = []
    columns = [_values(study.runs / run, problems) for run in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = tuple((name, tuple(column.get(name, NONE) for column in columns)) for name in names)
    return SettingsTable(tuple(runs), rows, tuple(problems))


def _values(folder: Path, problems: list[str]) -> dict[str, str]:
    request, manifest = (_read(folder / name, problems) for name in ("request.json", "manifest.json"))
    found = {"command": _told(request.get("command", ""))}
    found["arguments"] = " ".join(str(one) for one in _list(request.get("arguments")))
    found |= {f"run.{name}": _of_manifest(name, manifest[name]) for name in TOP if name in manifest}
    found |= {f"run.{name}": value for name, value in _dotted(manifest.get("outputs")).items()}
    for stage, one in _dictionary(_dictionary(manifest.get("figures")).get("stages")).items():
        for name, value in _dictionary(one).items():
            told = span(value) if name == "seconds" and isinstance(value, int | float) else _bytes(name, value)
            found[f"stage.{stage}.{name}"] = told
    found |= {f"package.{name}": value for name, value in _dotted(manifest.get("packages")).items()}
    return found | _dotted(request.get("settings"))


def _read(path: Path, problems: list[str]) -> dict[str, Any]:
    """The object in a file; empty where there is no such file or it is none."""
    try:
        if not path.exists():
            return {}
        if path.stat().st_size > LARGEST:
            raise ArdError("this file is too large to be one of a run", path=path)
        found = read_json(path)
    except (ArdError, OSError, RecursionError) as error:
        problems.append(str(error))
        return {}
    return _dictionary(found)


def _dotted(values: Any, before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _dictionary(values).items():
        if isinstance(value, Mapping) and value:
            found |= _dotted(value, f"{before}{name}.")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value):
                found |= _dotted(one, f"{before}{name}.{number}.")
        else:
            found[f"{before}{name}"] = _told(value)
    return found


def _of_manifest(name: str, value: Any) -> str:
    return span(value) if name == "seconds" and isinstance(value, int | float) else _told(value)


def _bytes(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int | float):
        return size(value) if value else NONE
    return _told(value)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dictionary(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
