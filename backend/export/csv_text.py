"""Small tables as the text of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A line per row under `columns`; nothing for what a row lacks, other keys are refused (ValueError)."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: cell(value) for name, value in row.items()})
    return text.getvalue()


def cell(value: Any) -> str:
    """Text of one cell: "" for None, floats in full precision, several values with blanks between ("-" for None)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return " ".join(cell(one) or "-" for one in value)
    # the writer puts no quotes round a carriage return, at which a reader ends the line
    return repr(value) if isinstance(value, float) else str(value).replace("\r\n", "\n").replace("\r", "\n")
