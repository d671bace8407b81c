"""Steerability profiles of a study: `steerability/<fp>.json`, and which of them is shown (docs/store-format.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study
from backend.study.manifest import read_manifest

AGAIN = "Run: ard steerability"


@dataclass(frozen=True)
class Profile:
    """One finished profile.

    Attributes
    ----------
    path : Path
    settings : dict
        What was measured: label, classes, layers, prompt, strengths, outcome ("target" or "changed") …
    cells : list of dict
        By layer, place and strength: `steered`, `control` and `coherent` (value, count, n, low, high),
        `displacement`, `by_target`.
    recommendation : dict
        As `backend.steer.steerability.recommendation.recommend` gives it.
    figures : dict
        `clips`, and of these `right` (own answer right) and `already_target`.
    left_out : dict of str to int
        Classes with too few clips.
    finished : str
    stale : str
        What has changed since it was measured; "" if nothing has.
    """

    path: Path
    settings: dict[str, Any]
    cells: list[dict[str, Any]]
    recommendation: dict[str, Any]
    figures: dict[str, Any]
    left_out: dict[str, int]
    finished: str
    stale: str = ""

    def cell(self, layer: str, place: str, strength: float) -> dict[str, Any] | None:
        """The one cell there; None where it was not measured."""
        wanted = (layer, place, strength)
        return next((c for c in self.cells if (c["layer"], c["place"], c["strength"]) == wanted), None)

    def places(self, layer: str) -> list[str]:
        """Where was steered at this layer."""
        return list(dict.fromkeys(c["place"] for c in self.cells if c["layer"] == layer))


def folder(study: Study) -> Path:
    """Where the profiles lie."""
    return study.root / "steerability"


def name(study: Study, path: Path) -> None:
    """Make `path` the profile that is shown; others stay."""
    current = folder(study) / "current.json"
    if not current.is_file() or read_json(current) != {"profile": path.name}:
        write_json(current, {"profile": path.name})


def current_profile(study: Study) -> Profile | None:
    """The profile to show; None where none was measured. ArdError if its files are damaged."""
    named = folder(study) / "current.json"
    if not named.is_file():
        return None
    found = read_json(named)
    if not isinstance(found, dict) or not isinstance(found.get("profile"), str):
        raise ArdError("it cannot be told which steerability profile is meant", path=named, todo=AGAIN)
    path = study.inside(folder(study) / str(found["profile"]))
    return read_profile(path, study) if path.is_file() else None


def read_profile(path: Path, study: Study | None = None) -> Profile:
    """The profile in one file; `study` to tell whether it is stale. ArdError if it is missing or damaged."""
    manifest = read_manifest(path)
    try:
        outputs = manifest["outputs"]
        return Profile(
            path, manifest["settings"], outputs["cells"], outputs["recommendation"], manifest["figures"],
            outputs["left_out"], manifest["finished"], _stale(manifest, study),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ArdError(f"this steerability profile is damaged: {error!r}", path=path, todo=AGAIN) from error


def _stale(manifest: dict[str, Any], study: Study | None) -> str:
    if study is None or not study.index_manifest.is_file():
        return ""
    clips = read_manifest(study.index_manifest)["outputs"].get("clip_list", "")
    return "" if clips == manifest["inputs"]["clips"] else "the study's list of clips is another one now"
