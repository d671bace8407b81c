"""Spill files: the statistics and codes of one shard, committed whole, so that a killed run goes on after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.retrieval.statistics import PairRun
from backend.store import hdf

KIND, VERSION = "retrieval spill", 1
WINDOW = ("window_sum", "window_count")
PAIRS = ("clip", "sum", "count", "max", "entries", *WINDOW)
CODES = ("token", "value")
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Visit:
    """Which clips a shard held: table row and tokens of each, and what was measured on the way."""

    clip: Int64
    length: Int64
    sums: dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class RunPlace:
    """One run in a spill file: where its pairs and codes of each feature begin."""

    path: Path
    number: int
    start: npt.NDArray[np.int32]

    def code_start(self) -> Int64:
        """Where the codes of each feature begin, [D+1]."""
        with hdf.open_read(self.path, kind=KIND, version=VERSION) as handle:
            found: Int64 = handle[f"run-{self.number}/code_start"][...]
            return found

    def pairs(self, low: int, high: int, names: Sequence[str] = PAIRS) -> dict[str, npt.NDArray[Any]]:
        """Columns of the pairs of features low … high-1."""
        span = slice(int(self.start[low]), int(self.start[high]))
        with hdf.open_read(self.path, kind=KIND, version=VERSION) as handle:
            group = handle[f"run-{self.number}"]
            return {name: group[name][span] for name in names if name in group}

    def codes(self, low: int, high: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Token indices and values of all codes of features low … high-1, in the order of the pairs."""
        with hdf.open_read(self.path, kind=KIND, version=VERSION) as handle:
            group = handle[f"run-{self.number}"]
            first, last = group["code_start"][low], group["code_start"][high]
            return group["token"][first:last], group["value"][first:last]


def write_spill(path: Path, runs: Sequence[PairRun], visit: Visit, window: bool) -> None:
    """Write one shard's runs; the file appears only when it is whole.

    `window` keeps the columns of the scoring window; without it they equal sum and count.
    """
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.create_dataset("clip", data=visit.clip)
        handle.create_dataset("length", data=visit.length)
        for name, value in visit.sums.items():
            handle.create_dataset(f"sums/{name}", data=value)
        handle.attrs["runs"] = len(runs)
        for number, run in enumerate(runs):
            group = handle.create_group(f"run-{number}")
            for field in fields(run):
                if window or field.name not in WINDOW:
                    group.create_dataset(field.name, data=getattr(run, field.name))
            codes = np.concatenate(([0], np.cumsum(run.entries, dtype=np.int64)))
            group.create_dataset("code_start", data=codes[run.start])


def read_visit(path: Path) -> Visit:
    """The clips a spill file covers."""
    with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
        sums = {name: handle[f"sums/{name}"][...] for name in handle.get("sums", ())}
        return Visit(handle["clip"][...], handle["length"][...], sums)


def places(path: Path) -> list[RunPlace]:
    """The runs of a spill file."""
    with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
        count = int(handle.attrs["runs"])
        return [RunPlace(path, n, handle[f"run-{n}/start"][...].astype(np.int32)) for n in range(count)]
