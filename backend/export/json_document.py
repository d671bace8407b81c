"""One JSON document: provenance and all features."""

from __future__ import annotations

import json
from typing import IO

from backend.export.json_values import finite
from backend.export.records import Export


def write_json_document(export: Export, handle: IO[str]) -> None:
    """`{"provenance": …, "features": [ … ]}`, one feature a line so that it can be compared line by line."""
    handle.write(f'{{"provenance": {json.dumps(finite(export.provenance), ensure_ascii=False)},\n"features": [')
    for number, record in enumerate(export.records()):
        handle.write(",\n" if number else "\n")
        handle.write(json.dumps(finite(record), ensure_ascii=False, allow_nan=False))
    handle.write("\n]}\n")
