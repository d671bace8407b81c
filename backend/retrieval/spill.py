"""Spill files: the statistics and codes of one shard, committed whole, so that a killed run goes on after it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py
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
    """Which clips a shard held, and what was measured on the way.

    Attributes
    ----------
    clip, length : int64 array [n]
        Clip table row and tokens of each.
    seconds : float64 array [tokens, 2], optional
        Start and end of each token in its clip, where they are off the regular grid.
    seconds_per_token : float
        The regular grid; 0 where there is none.
    sums : dict of array
        Additive measurements, by name.
    sound : uint64 array [n], optional
        Hash of the samples of each clip.
    """

    clip: Int64
    length: Int64
    seconds: npt.NDArray[np.float64] | None = None
    seconds_per_token: float = 0.0
    sums: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    sound: npt.NDArray[np.uint64] | None = None


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
            return group["token"][first:last].astype(np.int32), group["value"][first:last]


class SpillWriter:
    """Writes one shard run by run; the file appears only when `finish` was called.

    Parameters
    ----------
    window : bool
        Keep the columns of the scoring window; without one they equal sum and count.
    """

    def __init__(self, path: Path, window: bool) -> None:
        self._context = hdf.create(path, kind=KIND, version=VERSION)
        self._handle = self._context.__enter__()
        self._window = window
        self._runs = 0

    def add(self, run: PairRun) -> None:
        group = self._handle.create_group(f"run-{self._runs}")
        for column in fields(run):
            if self._window or column.name not in WINDOW:
                group.create_dataset(column.name, data=getattr(run, column.name), dtype=_stored(run, column.name))
        codes = np.concatenate(([0], np.cumsum(run.entries, dtype=np.int64)))
        group.create_dataset("code_start", data=codes[run.start])
        self._runs += 1

    def finish(self, visit: Visit) -> None:
        self._handle.attrs["runs"] = self._runs
        write_visit(self._handle, visit)
        self._context.__exit__(None, None, None)

    def abort(self) -> None:
        """Leave nothing behind."""
        given_up = RuntimeError("the shard was not finished")
        with suppress(RuntimeError):
            self._context.__exit__(RuntimeError, given_up, None)


def _stored(run: PairRun, name: str) -> Any:
    """The dtype of a column on disk: token indices take half the room in clips of usual length."""
    column = getattr(run, name)
    return np.uint16 if name == "token" and (not len(column) or column.max() < 2**16) else column.dtype


def write_visit(handle: h5py.File, visit: Visit) -> None:
    handle.create_dataset("clip", data=visit.clip)
    handle.create_dataset("length", data=visit.length)
    handle.attrs["seconds_per_token"] = visit.seconds_per_token
    if visit.seconds is not None:
        handle.create_dataset("seconds", data=visit.seconds)
    if visit.sound is not None:
        handle.create_dataset("sound", data=visit.sound)
    for name, value in visit.sums.items():
        handle.create_dataset(f"sums/{name}", data=value)


def read_visit(path: Path, kind: str = KIND) -> Visit:
    """The clips a spill file covers."""
    with hdf.open_read(path, kind=kind, version=VERSION) as handle:
        return Visit(
            handle["clip"][...],
            handle["length"][...],
            handle["seconds"][...] if "seconds" in handle else None,
            float(handle.attrs["seconds_per_token"]),
            {name: handle[f"sums/{name}"][...] for name in handle.get("sums", ())},
            handle["sound"][...] if "sound" in handle else None,
        )


def places(path: Path) -> list[RunPlace]:
    """The runs of a spill file."""
    with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
        count = int(handle.attrs["runs"])
        return [RunPlace(path, n, handle[f"run-{n}/start"][...].astype(np.int32)) for n in range(count)]
