"""The clip table `clips-<fp>.h5`: the probing set, one row per clip, never any audio (design §3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from backend.audio.records import ClipRecord, Unreadable
from backend.store import hdf

KIND, VERSION = "clips", 1
TEXT = (
    "record", "path", "member", "caption", "split", "speaker", "licence", "source", "hash",
)  # fmt: skip
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
    """The whole table in memory: columns as arrays, rows on demand."""

    def __init__(self, path: Path) -> None:
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            group = handle["clips"]
            self.roots = hdf.read_strings(handle["roots"])
            self.text: dict[str, list[str]] = {name: hdf.read_strings(group[name]) for name in TEXT}
            self._labels = hdf.read_strings(group["labels"])
            self.numbers: dict[str, npt.NDArray[np.generic]] = {name: group[name][...] for name in NUMBERS}
            self.dataset: npt.NDArray[np.int32] = group["dataset"][...]
            self.train: npt.NDArray[np.bool_] = group["train"][...]
            self.probe: npt.NDArray[np.bool_] = group["probe"][...]
            self.tie_ids: npt.NDArray[np.uint64] = group["tie_id"][...]
            bad = handle["unreadable"]
            self.unreadable = [
                (int(d), Unreadable(p, r))
                for d, p, r in zip(
                    bad["dataset"][...], hdf.read_strings(bad["path"]), hdf.read_strings(bad["reason"]), strict=True
                )
            ]

    def __len__(self) -> int:
        return len(self.text["record"])

    def labels(self, index: int) -> dict[str, str]:
        """Named labels of one clip."""
        found: dict[str, str] = json.loads(self._labels[index])
        return found

    def __getitem__(self, index: int) -> Clip:
        text = {name: column[index] for name, column in self.text.items()}
        dataset = int(self.dataset[index])
        return Clip(
            **text,
            start=float(self.numbers["start"][index]),
            end=float(self.numbers["end"][index]),
            duration=float(self.numbers["duration"][index]),
            sample_rate=int(self.numbers["sample_rate"][index]),
            channels=int(self.numbers["channels"][index]),
            labels=self.labels(index),
            index=index,
            dataset=dataset,
            root=self.roots[dataset],
            train=bool(self.train[index]),
            probe=bool(self.probe[index]),
        )
