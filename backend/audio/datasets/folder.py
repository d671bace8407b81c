"""Any folder of sound, with an optional table of what is in it (D-14, D-17)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from backend.audio.datasets import tables
from backend.audio.datasets.base import DATASETS, Adapter, expected
from backend.audio.datasets.walk import files_below
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.study.settings import AudioSection

PATH = ("path", "file", "filename", "file_name")
KNOWN = {
    *PATH, "start", "end", "duration", "caption", "split", "speaker", "licence", "license", "source",
    "record", "id", "labels",
}  # fmt: skip


@DATASETS.register("folder")
class Folder(Adapter):
    """Without a manifest every sound file is a clip, its sub-folder the label `folder`, its top folder `source`.

    With one (CSV, TSV, JSONL or JSON list) only its rows are clips. Columns: `path` (or file,
    filename, file_name), `start`, `end` (seconds), `caption`, `split`, `speaker`, `licence`,
    `source`, `record` (or id) and `labels`: an object of named labels, or one text or list, which
    becomes the label `label`. Every other column is a label of its own name; `duration` is not read,
    the file's header is.
    """

    def files(self, root: Path, section: AudioSection) -> Iterator[str]:
        """All sound below the folder, or only the manifest's files; the manifest itself is the caller's."""
        if not section.manifest:
            yield from files_below(root)
            return
        found = {one.path for one in self.records(root, section) if isinstance(one, ClipRecord)}
        yield from sorted(found)

    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        if section.manifest:
            path = expected(manifest_path(root, section.manifest), "data set")
            for line, row in _rows(path):
                yield _record(root, path, line, row)
            return
        for name in files_below(root):
            parts = PurePosixPath(name).parts
            labels = {"folder": "/".join(parts[:-1])} if len(parts) > 1 else {}
            yield ClipRecord(name, name, labels=labels, source=parts[0] if len(parts) > 1 else "")


def manifest_path(root: Path, manifest: str) -> Path:
    """Where a manifest lies: absolute, or relative to the data set's folder."""
    return root / Path(manifest).expanduser()


def _rows(path: Path) -> Iterator[tuple[int, tables.Row]]:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        yield from tables.read_jsonl(path)
    elif suffix == ".json":
        rows = tables.read_json_file(path)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ArdError("this manifest is not a JSON list of objects", path=path, todo="Use one object a clip.")
        yield from enumerate(rows, start=1)
    elif suffix in (".csv", ".tsv", ".txt"):
        yield from tables.read_csv(path, delimiter="\t" if suffix == ".tsv" else "")
    else:
        raise ArdError("this manifest is neither CSV nor JSONL", path=path, todo="Name it .csv, .tsv, .jsonl or .json.")


def _record(root: Path, manifest: Path, line: int, row: tables.Row) -> ClipRecord | Unreadable:
    given = next((str(row[key]) for key in PATH if row.get(key)), "")
    if not given:
        raise ArdError(
            f"line {line} names no file (columns: {', '.join(row)})", path=manifest, todo="Give it a column `path`."
        )
    path = relative(root, given)
    if path is None:
        return Unreadable(given, f"line {line} of {manifest.name} names a file outside of the data set's folder")
    try:
        start, end = _seconds(row.get("start"), 0.0), _seconds(row.get("end"), math.nan)
    except ValueError:
        return Unreadable(path, f"line {line} of {manifest.name}: start and end must be numbers of seconds")
    segment = "" if start == 0 and math.isnan(end) else f"[{start:g}-{'' if math.isnan(end) else f'{end:g}'}]"
    return ClipRecord(
        record=tables.joined(row.get("record") or row.get("id")) or path + segment,
        path=path,
        start=start,
        end=end,
        labels=_labels(row),
        caption=tables.joined(row.get("caption")),
        split=tables.joined(row.get("split")),
        speaker=tables.joined(row.get("speaker")),
        licence=tables.joined(row.get("licence") or row.get("license")),
        source=tables.joined(row.get("source")),
    )


def relative(root: Path, given: str) -> str | None:
    """`given` relative to `root` with "/" as separator; None if it lies outside."""
    path = Path(given)
    if not path.is_absolute() and not (root / path).exists():
        path = Path(given.replace("\\", "/"))
    if path.is_absolute():
        if not path.is_relative_to(root):
            return None
        path = path.relative_to(root)
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and not parts:
            return None
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _seconds(value: Any, default: float) -> float:
    if value is None or value == "":
        return default
    seconds = float(value)
    if math.isinf(seconds):
        raise ValueError(value)
    return default if math.isnan(seconds) else seconds


def _labels(row: tables.Row) -> dict[str, str]:
    given = row.get("labels")
    if isinstance(given, str) and given.lstrip().startswith("{"):
        with suppress(json.JSONDecodeError):  # a text that happens to start with a brace is a text
            given = json.loads(given)
    named = given if isinstance(given, dict) else {"label": given}
    named = {**named, **{key: value for key, value in row.items() if key not in KNOWN}}
    return {str(key): text for key, value in named.items() if (text := tables.joined(value))}
