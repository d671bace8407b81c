"""JSON lines: one feature a line, each carrying the id of its SAE and what described it."""

from __future__ import annotations

import json
from typing import IO

from backend.export.json_values import finite
from backend.export.records import Export


def write_json_lines(export: Export, handle: IO[str]) -> None:
    """Each line stands alone: `embedder` made its scores, `sources` (models and prompts) its captions and name."""
    provenance = export.provenance
    models = {name: provenance[name] for name in ("embedder", "sources") if provenance.get(name)}
    for record in export.records():
        line = {"sae": provenance["sae"], **record, **models}
        handle.write(json.dumps(finite(line), ensure_ascii=False, allow_nan=False) + "\n")
