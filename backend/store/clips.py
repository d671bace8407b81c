"""The clip table `clips-<fp>.h5`: the probing set, one row per clip, never any audio (design §3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "clips", 1
TEXT = (
    "record", "path", "member", "caption", "split", "speaker", "licence", "source", "hash",
)  # fmt: skip
SINGLE_READS = 2000
"""Cells read one by one before whole columns are read: they then have cost about as much as those."""
NUMBERS = {"start": "f8", "end": "f8", "duration": "f8", "sample_rate": "i4", "channels": "i2"}


@dataclass(frozen=True)
class Clip(ClipRecord):
    """One row of the table: a record plus where it stands in the study.

    Attributes
    ----------
    index : int
        Row in the clip table; every other file of the study names clips by it.
    dataset : int
        Position of its `[[audio]]` table in study.toml; its root is that table's path.
    root : str
        Folder `path` is relative to.
    """

    index: int = -1
    dataset: int = 0
    root: str = ""
    train: bool = True
    probe: bool = True


def tie_id(record_id: str) -> int:
    """First 8 bytes, little-endian, of SHA-256 of the record id: the `i` of the tie key (A-24)."""
    return int.from_bytes(hashlib.sha256(record_id.encode()).digest()[:8], "little")


def write(
    path: Path,
    clips: Sequence[Clip],
    unreadable: Sequence[tuple[int, Unreadable]],
    roots: Sequence[str],
) -> None:
    """Write the table. `unreadable` holds (data set, file) pairs that `ard status` lists."""
    text = h5py.string_dtype()
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.create_dataset("roots", data=list(roots), dtype=text)
        group = handle.create_group("clips")
        for name in TEXT:
            group.create_dataset(name, data=[getattr(c, name) for c in clips], dtype=text)
        group.create_dataset("labels", data=[json.dumps(c.labels, ensure_ascii=False) for c in clips], dtype=text)
        for name, dtype in NUMBERS.items():
            group.create_dataset(name, data=np.array([getattr(c, name) for c in clips], dtype=dtype))
        group.create_dataset("dataset", data=np.array([c.dataset for c in clips], dtype="i4"))
        group.create_dataset("train", data=np.array([c.train for c in clips], dtype=bool))
        group.create_dataset("probe", data=np.array([c.probe for c in clips], dtype=bool))
        group.create_dataset("tie_id", data=np.array([tie_id(_tie_name(c)) for c in clips], dtype="u8"))
        bad = handle.create_group("unreadable")
        bad.create_dataset("dataset", data=np.array([d for d, _ in unreadable], dtype="i4"))
        bad.create_dataset("path", data=[u.path for _, u in unreadable], dtype=text)
        bad.create_dataset("reason", data=[u.reason for _, u in unreadable], dtype=text)


def _tie_name(clip: Clip) -> str:
    return clip.record


class ClipTable:
    """The table, open for reading: numbers in memory, text as it is asked for.

    The file stays open, so that a table that was replaced on disk can be read to its end.

    Attributes
    ----------
    text : mapping of name to list of str [N]
        The columns `TEXT`; one that is asked for stays in memory.
    numbers : dict of name to array [N]
        The columns `NUMBERS`.
    unreadable : list of (int, Unreadable)
        Files that were left out, with their data set.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version; so does reading from it.
    """

    def __init__(self, path: Path) -> None:
        self._handle = hdf.open_read(path, kind=KIND, version=VERSION)
        with _reading(path):
            group = self._handle["clips"]
            self.roots = hdf.read_strings(self._handle["roots"])
            self.numbers: dict[str, npt.NDArray[np.generic]] = {name: group[name][...] for name in NUMBERS}
            self.dataset: npt.NDArray[np.int32] = group["dataset"][...]
            self.train: npt.NDArray[np.bool_] = group["train"][...]
            self.probe: npt.NDArray[np.bool_] = group["probe"][...]
            self.tie_ids: npt.NDArray[np.uint64] = group["tie_id"][...]
        self.path = path
        self._text = _Text(path, group)
        self.text: Mapping[str, list[str]] = self._text

    def __len__(self) -> int:
        return len(self.dataset)

    def read_ahead(self) -> bool:
        """Read one more text column into memory, so that rows no longer need the disk; False once all are there."""
        for name in self._text.missing()[:1]:
            self._text.column(name)
        return bool(self._text.missing())

    def close(self) -> None:
        """Close the file; columns that were read can still be used."""
        self._handle.close()

    @cached_property
    def unreadable(self) -> list[tuple[int, Unreadable]]:
        with _reading(self.path):
            bad = self._handle["unreadable"]
            columns = bad["dataset"][...].tolist(), hdf.read_strings(bad["path"]), hdf.read_strings(bad["reason"])
        return [(d, Unreadable(p, r)) for d, p, r in zip(*columns, strict=True)]

    def labels(self, index: int) -> dict[str, str]:
        """Named labels of one clip."""
        found: dict[str, str] = json.loads(self._text.one("labels", index))
        return found

    def labels_of(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> list[dict[str, str]]:
        """Named labels of several clips, in the order asked for, with one read."""
        return [json.loads(one) for one in self._text.some("labels", np.asarray(indices, dtype=np.int64))]

    def __getitem__(self, index: int) -> Clip:
        return self._clip(index, {name: self._text.one(name, index) for name in (*TEXT, "labels")})

    def rows(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> list[Clip]:
        """Several clips in the order asked for, with one read per column."""
        asked = np.asarray(indices, dtype=np.int64)
        columns = [self._text.some(name, asked) for name in (*TEXT, "labels")]
        names = (*TEXT, "labels")
        return [
            self._clip(i, dict(zip(names, text, strict=True)))
            for i, text in zip(asked.tolist(), zip(*columns, strict=True), strict=True)
        ]

    def _clip(self, index: int, text: dict[str, str]) -> Clip:
        dataset = int(self.dataset[index])
        return Clip(
            **{name: text[name] for name in TEXT},
            start=float(self.numbers["start"][index]),
            end=float(self.numbers["end"][index]),
            duration=float(self.numbers["duration"][index]),
            sample_rate=int(self.numbers["sample_rate"][index]),
            channels=int(self.numbers["channels"][index]),
            labels=json.loads(text["labels"]),
            index=index,
            dataset=dataset,
            root=self.roots[dataset],
            train=bool(self.train[index]),
            probe=bool(self.probe[index]),
        )


class _Text(Mapping[str, list[str]]):
    """The text columns of a table; rows are read singly until so many were that reading all is cheaper."""

    def __init__(self, path: Path, group: h5py.Group) -> None:
        self._path, self._group = path, group
        self._whole: dict[str, list[str]] = {}
        self._packed: dict[str, hdf.PackedText] = {}
        self._singly = 0

    def __getitem__(self, name: str) -> list[str]:
        if name not in TEXT:
            raise KeyError(name)
        if name not in self._whole:
            self._whole[name] = self.column(name).texts()
        return self._whole[name]

    def __iter__(self) -> Iterator[str]:
        return iter(TEXT)

    def __len__(self) -> int:
        return len(TEXT)

    def some(self, name: str, rows: npt.NDArray[np.int64]) -> list[str]:
        """Some rows of a column, in the order asked for."""
        if name in self._packed:
            return [self._packed[name][i] for i in rows.tolist()]
        with _reading(self._path):
            return hdf.read_strings_at(self._group[name], rows)

    def one(self, name: str, index: int) -> str:
        """One cell of a column."""
        self._singly += 1
        if name in self._packed or self._singly > SINGLE_READS:
            return self.column(name)[index]
        with _reading(self._path):
            data = self._group[name]
            place = range(len(data))[index]
            return str(data[place].decode())

    def column(self, name: str) -> hdf.PackedText:
        """A whole column, kept in memory."""
        if name not in self._packed:
            with _reading(self._path):
                self._packed[name] = hdf.read_packed(self._group[name])
        return self._packed[name]

    def missing(self) -> list[str]:
        """Columns that are not in memory."""
        return [name for name in (*TEXT, "labels") if name not in self._packed]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise ArdError(
            f"the clip table is damaged ({error})", path=path, todo="Remove it and run: ard index"
        ) from error
