"""The concepts file: what the described features of one SAE were called, and why (A-33…A-36, docs/store-format.md).

Version 1. One row per described feature, the best-ranked first, then those that were asked for by number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "concepts", 1
Int = npt.NDArray[np.int64]
STATUS = ("ok", "no captions", "empty", "refused", "no common concept", "too long", "not named")
"""Of a name (A-36): kept text never disappears, the status says what to think of it.

ok; no captions: none of the clips has one; empty: the namer said nothing; refused; no common concept: the namer found
none; too long: no short name could be had, the description stands; not named: captions only.
"""


NAMED = ("ok", "too long")
SINGLE_READS = 2000
"""Concepts read one by one before all are read: they then have cost about as much as all do."""


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
    """A finished concepts file, open for reading: numbers in memory, text as it is asked for.

    Attributes
    ----------
    features : int array [n]
        The described features, in the file's order.
    status : uint8 array [n]
        Positions in `STATUS`.
    sources : dict
        Identities of captioner, namer and judge, and the texts of their prompts.
    concepts : list of Concept
        All of them, in the order of `features`; read anew each time.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version; so does reading from it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._singly = path, 0
        self._handle = hdf.open_read(path, kind=KIND, version=VERSION)
        with self._reading():
            self.sources: dict[str, Any] = json.loads(str(self._handle.attrs["sources"]))
            self.features: Int = self._handle["feature"][...].astype(np.int64)
            self.status: npt.NDArray[np.uint8] = self._handle["status"][...]
            if len(self.status) and int(self.status.max()) >= len(STATUS):
                raise ValueError(f"status {self.status.max()}")
            self._detection = {n: self._handle[f"detection/{n}"][...] for n in NO_DETECTION.__dataclass_fields__}
            missing = [name for name in ("short_name", "description", "captions") if name not in self._handle]
            if missing:
                raise KeyError(missing[0])

    def close(self) -> None:
        """Close the file; what was read can still be used."""
        self._handle.close()

    @property
    def namer(self) -> str:
        """Name of what named the features, "" where the file does not say."""
        found = self.sources.get("namer", "")
        return str(found.get("namer", found.get("name", ""))) if isinstance(found, dict) else str(found)

    @property
    def balanced_accuracy(self) -> npt.NDArray[np.float64]:
        """Of every described feature's name (P-10), [n]; NaN where it was not judged."""
        return np.asarray(self._detection["balanced_accuracy"], dtype=np.float64)

    @cached_property
    def names(self) -> list[str]:
        """What every described feature is shown as, [n]: `Concept.name`."""
        with self._reading():
            names = np.array(hdf.read_strings(self._handle["short_name"]), dtype=object)
            named = np.isin(self.status, [STATUS.index(one) for one in NAMED])
            without = np.flatnonzero(named & (names == ""))
            names[without] = hdf.read_strings_at(self._handle["description"], without)
        names[~named] = ""
        return list(names)

    @property
    def concepts(self) -> list[Concept]:
        return self._rows(np.arange(len(self.features)))

    def texts(self) -> Iterator[tuple[int, str]]:
        """Each described feature with all that is written about it: name, description, different captions."""
        with self._reading():
            text = [hdf.read_packed(self._handle[name]) for name in ("short_name", "description", "captions")]
        for row, feature in enumerate(self.features.tolist()):
            with self._reading():
                captions = dict.fromkeys(one["text"] for one in json.loads(text[2][row]))
            yield feature, "\n".join(one for one in (text[0][row], text[1][row], *captions) if one)

    def texts_between(self, low: int, high: int) -> list[tuple[str, str, tuple[str, ...]]]:
        """Short name, description and captions of rows low … high-1 of `features`, each caption once."""
        with self._reading():
            names, told, captions = (
                hdf.read_strings(self._handle[name][low:high]) for name in ("short_name", "description", "captions")
            )
            found = (tuple(dict.fromkeys(str(one["text"]) for one in json.loads(line))) for line in captions)
            return list(zip(names, told, found, strict=True))

    def by_feature(self) -> dict[int, Concept]:
        return {one.feature: one for one in self.concepts}

    def of(self, feature: int) -> Concept | None:
        """The concept of one feature, None if it is not described; read on its own until many were asked for."""
        self._singly += 1
        if self._singly > SINGLE_READS:
            return self._all.get(feature)
        found = np.flatnonzero(self.features == feature)
        return self._rows(found[-1:])[0] if len(found) else None

    @cached_property
    def _all(self) -> dict[int, Concept]:
        return self.by_feature()

    def _rows(self, rows: Int) -> list[Concept]:
        with self._reading():
            whole = len(rows) == len(self.features)
            text = [
                hdf.read_strings(data) if whole else hdf.read_strings_at(data, rows)
                for data in (self._handle[name] for name in ("short_name", "description", "captions"))
            ]
            detection = {name: values[rows].tolist() for name, values in self._detection.items()}
            numbers = zip(self.features[rows].tolist(), self.status[rows].tolist(), *text, strict=True)
            return [
                Concept(
                    feature, STATUS[status], short, description,
                    tuple(ClipCaption(**one) for one in json.loads(captions)),
                    Detection(**{name: column[i] for name, column in detection.items()}),
                )
                for i, (feature, status, short, description, captions) in enumerate(numbers)
            ]  # fmt: skip

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
            raise ArdError(
                f"the concepts file is damaged ({error})", path=self.path, todo="Remove it and run: ard describe"
            ) from error


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
