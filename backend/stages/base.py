"""What the pipeline, `ard status` and the desktop ask of every stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from backend.study.manifest import read_manifest


@dataclass(frozen=True)
class Product:
    """One result of a stage: the clip table, one layer's activations, one SAE, one ranking.

    Attributes
    ----------
    stage, name : str
        E.g. "train" and "encoder.3-batchtopk-e8-k25-s0".
    manifest : Path
        Written last; the product is finished only when it is there (Rule 3).
    fingerprint : str
        What the present settings and inputs would give; "" while an input is missing.
    """

    stage: str
    name: str
    manifest: Path
    fingerprint: str
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> Literal["missing", "stale", "finished"]:
        """finished: made from the present settings and inputs; stale: made from others."""
        if not self.manifest.exists():
            return "missing"
        return "finished" if read_manifest(self.manifest)["fingerprint"] == self.fingerprint else "stale"
