"""CSV: one row per feature and listed clip, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from typing import IO, Any

from backend.export.records import Export, Record

LISTS = ("most", "least")
NESTED = (*LISTS, "neighbours")


def write_csv(export: Export, handle: IO[str]) -> None:
    """Columns of the feature, then `list` (most or least), then those of the clip; labels as JSON.

    Features without any listed clip have one row with empty clip columns, so that none is lost.
    """
    writer: csv.DictWriter[str] | None = None
    for record in export.records():
        for row in _rows(export.provenance["sae"], record):
            if writer is None:
                writer = csv.DictWriter(handle, fieldnames=list(row), lineterminator="\n", restval="")
                writer.writeheader()
            writer.writerow({key: _cell(value) for key, value in row.items()})
    if writer is None:
        handle.write("sae,feature\n")


CLIP_COLUMNS = (
    "rank", "score", "tokens", "clip", "record", "path", "member", "start", "end", "duration", "labels", "caption",
    "source", "licence", "hash",
)  # fmt: skip


def _rows(sae: str, record: Record) -> Iterator[Record]:
    feature = {"sae": sae, **{key: value for key, value in record.items() if key not in NESTED}}
    empty = dict.fromkeys(CLIP_COLUMNS)
    listed = [(name, clip) for name in LISTS for clip in record[name]] or [("", {})]
    for name, clip in listed:
        yield {**feature, "list": name, **empty, **clip}


def _cell(value: Any) -> str:
    """Text of one cell; floats in full precision, so that reading them back gives the same number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return repr(value) if isinstance(value, float) else str(value)
