"""Write a file so that it is either wholly there or not there at all (Rule 3)."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.errors import ArdError


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable where the system offers it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; sync and rename it over `path` on success.

    On any failure the temporary file is removed and `path` is untouched. A full disk becomes an
    ArdError that says so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            raise disk_full(path) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to make a folder at; rename it to `path` on success.

    `path` may be an empty folder. On any failure nothing is left behind. A full disk becomes an ArdError that says
    so, and so does a `path` that is not free.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ArdError("the folder to write to is not empty", path=path, todo="Name a folder that is not there yet.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        yield temporary
        if path.exists():
            path.rmdir()
        os.replace(temporary, path)
        sync_folder(path.parent)
    except Exception as error:  # safetensors wraps the system's error in its own kind
        if "No space left" in str(error):
            raise disk_full(path) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def disk_full(path: Path) -> ArdError:
    """The message for a full disk; what was finished before stays valid."""
    return ArdError(
        "the disk is full",
        path=path,
        todo="Free some space and run the same command again; it continues where it was.",
    )


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as indented JSON; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in `path`; ArdError if it is not there or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArdError("a file of the study is missing", path=path) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArdError(f"a file of the study is damaged: {error}", path=path) from error


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed writer left in `folder` (call only while holding the write lock)."""
    if folder.is_dir():
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
