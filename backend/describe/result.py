"""One file that the describe stage is to make of a ranking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.manifest import is_current


@dataclass(frozen=True)
class Result:
    """What is asked for.

    Attributes
    ----------
    kind : "scores" or "concepts"
    id : str
        Of the ranking: its name under `features/`.
    settings, inputs : dict
        For the manifest.
    fingerprint : str
        Hash of both; "" while an input is missing.
    """

    kind: Literal["scores", "concepts"]
    id: str
    settings: dict[str, Any]
    inputs: dict[str, Any]
    fingerprint: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.fingerprint or 'none'}"

    def manifest(self, study: Study) -> Path:
        """The manifest that `current.json` names, else the one that would be written."""
        folder = study.features(self.id)
        current = read_json(folder / "current.json") if (folder / "current.json").exists() else {}
        return folder / (f"{Path(current[self.kind]).stem}.json" if self.kind in current else f"{self.name}.json")

    def is_current(self, study: Study) -> bool:
        return bool(self.fingerprint) and is_current(self.manifest(study), self.fingerprint)
