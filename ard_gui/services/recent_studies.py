"""What the start page says of the studies opened lately, and what a dropped folder is; away from the window."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from backend.audio.formats import is_sound

LOOKED_AT = 5_000
"""Entries of a dropped folder that are looked at for a sound."""
Kind = Literal["study", "sounds", "sound", "other"]


@dataclass(frozen=True)
class Recent:
    """One line of the list.

    Attributes
    ----------
    path : str
        As the preferences have it.
    name, model : str
        Last part of the folder's path and the last two of the model's; `model` is "" where study.toml cannot be read.
    opened : datetime or None
    problem : str
        Why it cannot be opened; "" if it can.
    """

    path: str
    name: str
    model: str
    opened: datetime | None
    problem: str


def recent_studies(paths: Sequence[str], opened: Mapping[str, float]) -> list[Recent]:
    """Look at each study's folder."""
    return [_recent(path, opened.get(path)) for path in paths]


def _recent(path: str, opened: float | None) -> Recent:
    root = Path(path)
    model, problem = "", ""
    try:
        model = _model(tomllib.loads((root / "study.toml").read_text(encoding="utf-8")))
    except FileNotFoundError:
        problem = "it is no longer there" if not root.exists() else "study.toml is missing"
    except (OSError, ValueError) as error:
        problem = f"study.toml cannot be read ({error})"
    return Recent(path, root.name or path, model, None if opened is None else datetime.fromtimestamp(opened), problem)


def _model(settings: Mapping[str, object]) -> str:
    section = settings.get("model")
    path = section.get("path", "") if isinstance(section, dict) else ""
    return "/".join(str(path).rstrip("/\\").replace("\\", "/").split("/")[-2:])


def kind_of(path: Path) -> Kind:
    """Whether a dropped path is a study, a folder with sound in it, a file of sound, or nothing ARD can use."""
    if path.is_file():
        if path.name == "study.toml":
            return "study"
        return "sound" if is_sound(path) else "other"
    if (path / "study.toml").is_file():
        return "study"
    seen = 0
    for _, _, files in os.walk(path):
        if any(is_sound(Path(name)) for name in files):
            return "sounds"
        seen += len(files) + 1
        if seen > LOOKED_AT:
            break
    return "other"


def when(moment: datetime | None) -> str:
    """When a study was opened, as a person says it."""
    if moment is None:
        return ""
    days = (datetime.now().date() - moment.date()).days
    day = {0: "today", 1: "yesterday"}.get(days, f"{moment:%Y-%m-%d}")
    return f"opened {day} at {moment:%H:%M}"
