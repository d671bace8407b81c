"""Comparisons of two SAEs: `compare/<fp>/pairs.h5` and the figures that stand side by side (docs/store-format.md).

Version 1. For each SAE arrays [D, c] of its features' nearest decoder directions in the other one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf
from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.manifest import read_manifest

KIND, VERSION = "comparison", 1
SIDES = ("a", "b")
PARTNER = 0.7
"""A feature has a partner where the cosine of its nearest direction is at least this (S-19)."""
AGAIN = "Remove its folder and run: ard compare"


@dataclass(frozen=True)
class Side:
    """One of the two SAEs, seen from its own features.

    Attributes
    ----------
    id, weights : str
        Its id in the study and the hash of its weights.
    partner : int32 array [D, c]
        Features of the other SAE, the nearest direction first; −1 where there is none.
    cosine : float32 array [D, c]
        NaN at −1.
    iou : float32 array [D, c]
        χ of S-14 over the probing clips' tokens; NaN where it was not measured.
    mutual : bool array [D]
        Whether the nearest one's nearest is this feature.
    active : int64 array [D]
        Tokens on which the feature was active; −1 where it was not measured.
    """

    id: str
    weights: str
    partner: npt.NDArray[np.int32]
    cosine: npt.NDArray[np.float32]
    iou: npt.NDArray[np.float32]
    mutual: npt.NDArray[np.bool_]
    active: npt.NDArray[np.int64]

    @property
    def features(self) -> int:
        return len(self.partner)

    @property
    def without(self) -> npt.NDArray[np.bool_]:
        """Features [D] without a partner: no direction of the other SAE has a cosine of `PARTNER` or more."""
        return ~(self.cosine[:, 0] >= PARTNER)


class ComparisonFile:
    """A finished comparison, read whole.

    Attributes
    ----------
    a, b : Side
    tokens : int
        On which the IoU was measured; 0 for none.
    without_iou : str
        Why there is no IoU; "" where there is.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            try:
                self.tokens = int(handle.attrs["tokens"])
                self.without_iou = str(handle.attrs["without_iou"])
                self.settings: dict[str, Any] = json.loads(str(handle.attrs["settings"]))
                self.a, self.b = (_read(handle[side]) for side in SIDES)
            except (KeyError, OSError, ValueError) as error:
                raise ArdError(f"the comparison file is damaged ({error})", path=path, todo=AGAIN) from error

    def side(self, name: str) -> Side:
        """The SAE called "a" or "b"."""
        return {"a": self.a, "b": self.b}[name]


def _read(group: h5py.Group) -> Side:
    columns = {name: group[name][...] for name in ("partner", "cosine", "iou", "mutual", "active")}
    return Side(id=str(group.attrs["id"]), weights=str(group.attrs["weights"]), **columns)


def write(path: Path, a: Side, b: Side, *, tokens: int, without_iou: str, settings: dict[str, Any]) -> None:
    """Write the file."""
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.attrs.update(tokens=tokens, without_iou=without_iou, settings=json.dumps(settings))
        for name, side in zip(SIDES, (a, b), strict=True):
            group = handle.create_group(name)
            group.attrs.update(id=side.id, weights=side.weights)
            for column in ("partner", "cosine", "iou", "mutual", "active"):
                group.create_dataset(column, data=getattr(side, column))


def folder(study: Study) -> Path:
    """Where the comparisons lie."""
    return study.root / "compare"


def find(study: Study, a: str, b: str) -> Path | None:
    """The latest comparison of `a` with `b` that is still valid; None where there is none."""
    found = [(m["finished"], path) for path, m in _valid(study) if (m["inputs"]["a"], m["inputs"]["b"]) == (a, b)]
    return max(found)[1] / "pairs.h5" if found else None


def valid(study: Study) -> set[str]:
    """Fingerprints of the comparisons whose SAEs are still those that were compared, on the clips there are now."""
    return {path.name for path, _ in _valid(study)}


def _valid(study: Study) -> Iterator[tuple[Path, dict[str, Any]]]:
    clips = clip_list(study)
    for path in sorted(folder(study).glob("*/manifest.json")):
        try:
            manifest = read_manifest(path)
            inputs = manifest["inputs"]
            same = all(weights_of(study, inputs[side]) == inputs[f"{side}_weights"] for side in SIDES)
        except (ArdError, KeyError, TypeError):
            continue
        if same and inputs["clips"] in ("", clips) and (path.parent / "pairs.h5").is_file():
            yield path.parent, manifest


def weights_of(study: Study, sae_id: str) -> str:
    """Hash of the weights that the SAE has now; "" if it is not there."""
    config = study.sae(sae_id) / "config.json"
    found = read_json(config) if config.is_file() and (study.sae(sae_id) / "manifest.json").is_file() else {}
    return str(found.get("weights_hash", "")) if isinstance(found, dict) else ""


def clip_list(study: Study) -> str:
    """Hash of which audio the study's clips are; "" without a clip table."""
    return str(read_manifest(study.index_manifest)["outputs"]["clip_list"]) if study.index_manifest.is_file() else ""
