"""JSON lines: one feature a line, each carrying the id of its SAE."""

from __future__ import annotations

import json
from typing import IO

from backend.export.json_values import finite
from backend.export.records import Export


def write_json_lines(export: Export, handle: IO[str]) -> None:
    sae = export.provenance["sae"]
    for record in export.records():
        handle.write(json.dumps(finite({"sae": sae, **record}), ensure_ascii=False, allow_nan=False) + "\n")
