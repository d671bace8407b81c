"""The encoded bytes of a clip: a plain file, a member of a zip archive, or a cell of a parquet file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError


@dataclass(frozen=True)
class Samples:
    """Sound that a data set stores already decoded: [frames, channels] and its rate in Hz."""

    values: npt.NDArray[np.float32]
    rate: int


Content = Path | io.BytesIO | Samples


def content(path: Path, member: str) -> Content:
    """Where the sound of a clip can be read from.

    Parameters
    ----------
    path : Path
        A plain file if `member` is empty, else the archive.
    member : str
        Name inside a zip archive, or ``"column:row"`` of a parquet file (D-5).

    Raises
    ------
    ArdError
        If the file or its member is not there or cannot be read.
    """
    if not path.is_file():
        todo = "Put it back, or run: ard index"
        raise ArdError("an audio file is not there", path=path, todo=todo)
    if not member:
        return path
    if path.suffix.lower() == ".parquet":
        return parquet_cell(path, member)
    return zip_member(path, member)


def zip_member(path: Path, member: str) -> io.BytesIO:
    """The whole member in memory; the archive stays open between calls."""
    try:
        return io.BytesIO(open_zip(path).read(member))
    except (KeyError, zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise ArdError(
            f"'{member}' cannot be read from its archive: {error}", path=path, todo="Unpack the archive again."
        ) from error


def open_zip(path: Path) -> zipfile.ZipFile:
    """The archive, opened once; ArdError if it is damaged or one part of several."""
    status = path.stat()
    return _open_zip(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _open_zip(path: Path, size: int, mtime_ns: int) -> zipfile.ZipFile:
    if path.with_suffix(".z01").exists():
        raise ArdError(
            "this archive is split over several files and cannot be read in place",
            path=path,
            todo=f"Join it (zip -s 0 {path.name} --out whole.zip) or unpack it (7z x {path.name}).",
        )
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise ArdError(f"this archive cannot be opened: {error}", path=path, todo="Download it again.") from error


def parquet_module() -> Any:
    """pyarrow.parquet, imported only when a parquet clip is read (design Rule 1)."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ArdError(
            "reading parquet data sets needs pyarrow", todo="Install it with: pip install 'ard[parquet]'"
        ) from error
    return pyarrow.parquet


def open_parquet(path: Path) -> Any:
    """A pyarrow ParquetFile; ArdError if the file is damaged."""
    module = parquet_module()
    try:
        return module.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow.ArrowInvalid is a ValueError
        raise ArdError(f"this parquet file cannot be read: {error}", path=path, todo="Download it again.") from error


def parquet_cell(path: Path, member: str) -> Content:
    """The sound in one cell; `member` is ``"column:row"`` with the row counted from the file's start."""
    column, _, number = member.rpartition(":")
    if not column or not number.isdigit():
        raise ArdError(f"'{member}' does not name a cell (column:row)", path=path)
    status = path.stat()
    starts = _row_groups(path, status.st_size, status.st_mtime_ns)
    row = int(number)
    group = int(np.searchsorted(starts, row, side="right")) - 1
    if row >= starts[-1]:
        raise ArdError(f"row {row} is not in this file of {starts[-1]} rows", path=path, todo="Run: ard index")
    cells = _row_group(path, status.st_mtime_ns, column, group)
    return cell_sound(cells[row - starts[group]].as_py(), path, member)


def cell_sound(cell: Any, path: Path, member: str) -> Content:
    """Sound of a cell: ``{"bytes": …}`` or ``{"array": …, "sampling_rate": …}`` (D-5)."""
    if isinstance(cell, dict) and cell.get("bytes"):
        return io.BytesIO(cell["bytes"])
    if isinstance(cell, dict) and cell.get("array") is not None and cell.get("sampling_rate"):
        values = np.asarray(cell["array"], dtype=np.float32)
        return Samples(values.reshape(len(values), -1), int(cell["sampling_rate"]))
    raise ArdError(f"'{member}' holds no sound: it has neither bytes nor array and sampling_rate", path=path)


@lru_cache(maxsize=64)
def _row_groups(path: Path, size: int, mtime_ns: int) -> npt.NDArray[np.int64]:
    with open_parquet(path) as handle:
        counts = [handle.metadata.row_group(i).num_rows for i in range(handle.metadata.num_row_groups)]
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


@lru_cache(maxsize=4)
def _row_group(path: Path, mtime_ns: int, column: str, group: int) -> Any:
    with open_parquet(path) as handle:
        try:
            return handle.read_row_group(group, columns=[column]).column(0).combine_chunks()
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise ArdError(f"column '{column}' of this parquet file cannot be read: {error}", path=path) from error
