"""The formats features are exported in, by name (Rule 4): each writer lives in its own file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from backend.errors import ArdError
from backend.export.csv_rows import write_csv
from backend.export.json_document import write_json_document
from backend.export.json_lines import write_json_lines
from backend.export.markdown import write_markdown
from backend.export.records import Export
from backend.study.atomic import replacing

WRITERS: dict[str, Callable[[Export, IO[str]], None]] = {
    "csv": write_csv,
    "json": write_json_document,
    "jsonl": write_json_lines,
    "md": write_markdown,
}


def export_to(export: Export, name: str, path: Path) -> None:
    """Write `export` to `path`, whole or not at all; ArdError for a format that does not exist."""
    if name not in WRITERS:
        raise ArdError(f"there is no export format '{name}'", todo=f"Use one of: {', '.join(WRITERS)}.")
    if path.is_dir():
        raise ArdError("the export needs a file, this is a folder", path=path, todo="Name a file with --out.")
    try:
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
            WRITERS[name](export, handle)
    except PermissionError as error:
        raise ArdError("the export cannot be written there", path=path, todo="Name another place.") from error
