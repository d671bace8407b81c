"""Notes that pass between colleagues: one JSON file out, one merged in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.store.notes.changes import Change
from backend.store.notes.database import Rows
from backend.store.notes.registers import Registers, as_json, checked_history, checked_register
from backend.store.notes.schema import HISTORY, STAMP, TABLES, as_text
from backend.study.atomic import write_text

FORMAT, VERSION = "ard-notes", 1
COLUMNS = {**{table: (*key, *STAMP[:-1]) for table, key in TABLES.items()}, "name_history": HISTORY}


def export_notes(notes: Registers, path: Path, *, saes: Mapping[str, str] | None = None) -> int:
    """Write everything that was noted as JSON, whole or not at all; returns the number of rows.

    Parameters
    ----------
    saes : mapping of SAE id to its key
        For a reader of the file; an import goes by keys alone.
    """
    rows = notes.dump()
    head = {
        "format": FORMAT,
        "version": VERSION,
        "author": notes.author,
        "written": as_text(datetime.now(UTC)),
        "saes": dict(saes or {}),
    }
    parts = [f"{json.dumps(name)}: {as_json(value)}" for name, value in head.items()]
    parts += [f"{json.dumps(table)}: {_lines(table, found)}" for table, found in rows.items()]
    # one row a line, so that two exports can be compared line by line
    write_text(path, "{" + ",\n".join(parts) + "}\n")
    return sum(len(found) for found in rows.values())


def import_notes(notes: Registers, path: Path) -> Change:
    """Merge a colleague's export, in one step that can be taken back (but for the history of names).

    Of each field the newest writing wins, every former name stays in the history, tags are united (one that was taken
    away later than it was given stays away), thumbs, ratings and comments of clips stay each person's own, and lists
    are merged by their identity. It does not matter how often and in which order files are imported.

    Raises ArdError, and changes nothing, if the file is not an export of notes, was written by a later version, or
    holds something that cannot be kept.
    """
    return notes.merge(read_export(path), f"import {path.name}")


def read_export(path: Path) -> Rows:
    """The rows of an export; ArdError as `import_notes`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArdError("there is no such file", path=path, todo="Correct its name.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ArdError(f"this file cannot be read as an export of notes: {error}", path=path) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ArdError("this file is not an export of notes", path=path, todo="Make one with: ard notes export")
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ArdError("these notes were written by a later version of ARD", path=path, todo="Update ARD.")
    return {table: _rows(table, document.get(table, []), path) for table in COLUMNS}


def _lines(table: str, rows: list[tuple[Any, ...]]) -> str:
    columns = COLUMNS[table]
    lines = []
    for row in rows:
        named = dict(zip(columns, row, strict=True))
        if table in TABLES:
            named["value"] = json.loads(named["value"])
        lines.append(as_json(named))
    return "[" + "".join(f"\n{line}," for line in lines).removesuffix(",") + ("\n]" if lines else "]")


def _rows(table: str, found: Any, path: Path) -> list[tuple[Any, ...]]:
    if not isinstance(found, list):
        raise ArdError(f"'{table}' of these notes is no list", path=path, todo="Export them again.")
    rows = []
    for number, named in enumerate(found, start=1):
        try:
            rows.append(_row(table, named))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ArdError(
                f"row {number} of '{table}' cannot be kept: {reason}", path=path,
                todo="Export the notes again; nothing was changed.",
            ) from error  # fmt: skip
    return rows


def _row(table: str, named: Any) -> tuple[Any, ...]:
    if not isinstance(named, dict):
        raise ValueError("it is no row")
    row = tuple(named[column] for column in COLUMNS[table])
    if table not in TABLES:
        return checked_history(row)
    width = len(TABLES[table])
    key, (value, *stamp) = row[:width], row[width:]
    _, key, register = checked_register(table, key, (as_json(value), *stamp))
    return (*key, register.value, register.author, register.time, register.uuid)
