"""The concepts file: what the described features of one SAE were called, and why (A-33…A-36, docs/store-format.md).

Version 1. One row per described feature, the best-ranked first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "concepts", 1
STATUS = ("ok", "no captions", "empty", "refused", "no common concept", "too long", "not named")
"""Of a name (A-36): kept text never disappears, the status says what to think of it.

ok; no captions: none of the clips has one; empty: the namer said nothing; refused; no common concept: the namer found
none; too long: no short name could be had, the description stands; not named: captions only.
"""


NAMED = ("ok", "too long")


@dataclass(frozen=True)
class ClipCaption:
    """One of the captions a name was made from.

    Attributes
    ----------
    clip : int
        Row of the clip table.
    text : str
    problem : str
        Why there is none ("the file is missing"), else "".
    """

    clip: int
    text: str
    problem: str = ""


@dataclass(frozen=True)
class Detection:
    """How well the feature's clips are found by its name (P-10).

    Attributes
    ----------
    balanced_accuracy : float
        Mean of the shares of found active clips and of refused random clips; NaN where too few are left.
    active, random : int
        Clips of either kind that were judged: active ones not used for naming, and clips without activation.
    hard_balanced_accuracy : float
        The same with the clips that sound most like the named ones and have no activation.
    hard : int
    area, hard_area : float
        Area under the curve of the judge's values, which needs no threshold; NaN for a judge that says yes or no.
    """

    balanced_accuracy: float
    active: int
    random: int
    hard_balanced_accuracy: float
    hard: int
    area: float = float("nan")
    hard_area: float = float("nan")


COUNTS = ("active", "random", "hard")
NO_DETECTION = Detection(float("nan"), 0, 0, float("nan"), 0)


@dataclass(frozen=True)
class Concept:
    """One described feature.

    Attributes
    ----------
    feature : int
    status : str
        One of `STATUS`.
    short_name, description : str
        "" where there is none.
    captions : tuple of ClipCaption
        Of the clips of H, in their order.
    detection : Detection
    """

    feature: int
    status: str
    short_name: str = ""
    description: str = ""
    captions: tuple[ClipCaption, ...] = ()
    detection: Detection = field(default=NO_DETECTION)

    @property
    def name(self) -> str:
        """What the concept is shown and judged as: the short name if there is one, else the description (A-34).

        "" where the namer found nothing in common, refused or said nothing: what it said then is no name.
        """
        return self.short_name or self.description if self.status in NAMED else ""


class ConceptsFile:
    """A finished concepts file, read whole.

    Attributes
    ----------
    concepts : list of Concept
        The best-ranked first.
    sources : dict
        Identities of captioner, namer and judge, and the texts of their prompts.
    namer : str
        Name of what named the features, "" where the file does not say.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            try:
                self.sources: dict[str, Any] = json.loads(str(handle.attrs["sources"]))
                self.concepts = _read(handle)
            except (KeyError, OSError, ValueError, TypeError) as error:
                raise ArdError(
                    f"the concepts file is damaged ({error})", path=path, todo="Remove it and run: ard describe"
                ) from error

    @property
    def namer(self) -> str:
        found = self.sources.get("namer", "")
        return str(found.get("namer", found.get("name", ""))) if isinstance(found, dict) else str(found)

    def by_feature(self) -> dict[int, Concept]:
        return {one.feature: one for one in self.concepts}


def write(path: Path, concepts: Sequence[Concept], sources: dict[str, Any]) -> None:
    """Write the file."""
    text = h5py.string_dtype()
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.attrs["sources"] = json.dumps(sources, ensure_ascii=False)
        handle.create_dataset("feature", data=np.array([one.feature for one in concepts], dtype="i4"))
        handle.create_dataset("status", data=np.array([STATUS.index(one.status) for one in concepts], dtype="u1"))
        for name in ("short_name", "description"):
            handle.create_dataset(name, data=[getattr(one, name) for one in concepts], dtype=text)
        captions = [json.dumps([asdict(c) for c in one.captions], ensure_ascii=False) for one in concepts]
        handle.create_dataset("captions", data=captions, dtype=text)
        for name in NO_DETECTION.__dataclass_fields__:
            values = np.array([getattr(one.detection, name) for one in concepts])
            handle.create_dataset(f"detection/{name}", data=values.astype("i4" if name in COUNTS else "f8"))


def _read(handle: h5py.File) -> list[Concept]:
    detection = {name: handle[f"detection/{name}"][...].tolist() for name in NO_DETECTION.__dataclass_fields__}
    rows = zip(
        handle["feature"][...].tolist(), handle["status"][...].tolist(), hdf.read_strings(handle["short_name"]),
        hdf.read_strings(handle["description"]), hdf.read_strings(handle["captions"]), strict=True,
    )  # fmt: skip
    return [
        Concept(
            feature, STATUS[status], short, description, tuple(ClipCaption(**one) for one in json.loads(captions)),
            Detection(**{name: column[i] for name, column in detection.items()}),
        )
        for i, (feature, status, short, description, captions) in enumerate(rows)
    ]  # fmt: skip
