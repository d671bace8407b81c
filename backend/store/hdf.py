"""Open HDF5 files the way a study needs it: readers without locks, damage as a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.study.atomic import disk_full, replacing


def open_read(path: Path, *, kind: str, version: int) -> h5py.File:
    """Open a finished file of the study for reading.

    Parameters
    ----------
    kind, version
        What the file must declare in its attributes `kind` and `version`.

    Raises
    ------
    ArdError
        If it is missing, truncated, of another kind or of a later version.
    """
    if not path.exists():
        raise ArdError(f"the {kind} file is missing", path=path, todo="Run the stage again.")
    try:
        handle = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise ArdError(
            f"the {kind} file is damaged and cannot be opened ({error})",
            path=path,
            todo="Remove it and run the stage again.",
        ) from error
    found, written = handle.attrs.get("kind"), int(handle.attrs.get("version", 0))
    if found != kind or written > version:
        handle.close()
        todo = "Update ARD." if found == kind else "Remove it and run the stage again."
        raise ArdError(f"expected a {kind} file of version {version}, found {found} {written}", path=path, todo=todo)
    return handle


@contextmanager
def create(path: Path, *, kind: str, version: int) -> Iterator[h5py.File]:
    """Write a new file under a temporary name; it appears at `path` only when it is whole."""
    with replacing(path) as temporary:
        try:
            with h5py.File(temporary, "w", libver=("earliest", "v110")) as handle:
                handle.attrs["kind"] = kind
                handle.attrs["version"] = version
                yield handle
        except OSError as error:
            if "No space left" in str(error) or getattr(error, "errno", None) == 28:
                raise disk_full(path) from error
            raise


class PackedText:
    """Many texts in one block of memory, a third of what as many Python strings take."""

    def __init__(self, texts: list[bytes]) -> None:
        self._data = b"".join(texts)
        self._ends = np.concatenate(([0], np.cumsum([len(one) for one in texts], dtype=np.int64)))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        place = range(len(self))[index]
        return self._data[self._ends[place] : self._ends[place + 1]].decode()

    def texts(self) -> list[str]:
        """All of them."""
        return [self._data[a:b].decode() for a, b in pairwise(self._ends.tolist())]


def read_strings(dataset: h5py.Dataset | npt.NDArray[np.object_]) -> list[str]:
    """A variable-length string data set, or what was read of one, as Python strings."""
    return [one.decode() for one in dataset[...].tolist()]


def read_packed(dataset: h5py.Dataset) -> PackedText:
    """A variable-length string data set, to be decoded text by text."""
    return PackedText(dataset[...].tolist())


def read_strings_at(dataset: h5py.Dataset, rows: npt.NDArray[np.int64]) -> list[str]:
    """Some rows of a variable-length string data set [N], in the order asked for, without reading the others."""
    wanted, place = np.unique(rows, return_inverse=True)
    if not len(wanted):
        return []
    text = [one.decode() for one in dataset[wanted].tolist()]
    return [text[i] for i in place.tolist()]
