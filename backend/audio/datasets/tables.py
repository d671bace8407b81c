"""Read the tables that data sets come with; every fault names the file and the line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.errors import ArdError

Row = dict[str, Any]


def read_text(path: Path) -> str:
    """UTF-8 text, a byte-order mark removed; ArdError otherwise."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArdError("this table is not a UTF-8 text", path=path, todo="Save it as UTF-8.") from error
    except OSError as error:
        raise ArdError(f"this table cannot be read: {error.strerror or error}", path=path) from error


def read_csv(path: Path, *, delimiter: str = "", columns: tuple[str, ...] = ()) -> Iterator[tuple[int, Row]]:
    """(line number, row) of a CSV file.

    Parameters
    ----------
    delimiter : str
        Empty: whichever of comma, tab and semicolon occurs most in the header line.
    columns : tuple of str
        Columns that must be there; ArdError naming the missing ones otherwise.
    """
    lines = read_text(path).splitlines(keepends=True)
    header = lines[0] if lines else ""
    reader = csv.DictReader(lines, delimiter=delimiter or max(",\t;", key=header.count), strict=True)
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise ArdError(
                f"this table has no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or ['none'])}",
                path=path,
                todo="Correct its first line.",
            )
        for row in reader:
            if None in row or any(value is None for value in row.values()):
                raise ArdError(
                    f"line {reader.line_num} has not as many fields as the header", path=path, todo="Correct that line."
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise ArdError(f"line {reader.line_num} is not CSV: {error}", path=path, todo="Correct that line.") from error


def read_jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    """(line number, object) of a file with one JSON object a line."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ArdError(f"line {number} is not JSON: {error}", path=path, todo="Correct that line.") from error
        if not isinstance(row, dict):
            raise ArdError(f"line {number} is not a JSON object", path=path, todo="Correct that line.")
        yield number, row


def read_json_file(path: Path) -> Any:
    """The JSON in a data set's file."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ArdError(f"this file is not JSON: {error}", path=path, todo="Download it again.") from error


def joined(value: Any) -> str:
    """A label as text: lists joined by ",", None and NaN as the empty string, whole numbers without ".0"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (list, tuple)):
        return ",".join(joined(one) for one in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()
