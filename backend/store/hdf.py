"""Open HDF5 files the way a study needs it: readers without locks, damage as a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

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


def read_strings(dataset: h5py.Dataset) -> list[str]:
    """A variable-length string data set as Python strings."""
    return [str(s) for s in dataset.asstr()[...]]
