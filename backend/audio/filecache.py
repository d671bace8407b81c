"""Remember what was read of each file, so that noticing a change costs one `stat` per file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from backend.audio.formats import is_sound
from backend.audio.probe import Probe, probe_file
from backend.study.atomic import write_text
from backend.study.fingerprint import edge_hash, file_hash

VERSION = 1
LARGE = {".zip", ".parquet"}
"""Containers of sound: identified by their edges like sound itself; tables are hashed whole."""


class FileCache:
    """Probes of files by folder and relative path, valid while size and modification time stay.

    The times only decide whether a file is looked at again; they never enter a fingerprint, so a
    copied or touched data set keeps its identity. A file replaced by another of the same size within
    the resolution of the file system's clock goes unnoticed, as it does with `make`.

    Parameters
    ----------
    path : Path
        JSON file; one that is missing, damaged or of another version counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changed = False
        self._entries: dict[str, dict[str, list[Any]]] = {}
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] == VERSION:
                self._entries = {str(root): dict(files) for root, files in stored["roots"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._entries = {}

    def probe(self, root: Path, name: str) -> Probe:
        """What is known of ``root/name``, read anew if it changed."""
        path = root / name
        try:
            status = path.stat()
        except OSError:
            return probe_file(path)
        known = self._entries.get(str(root), {}).get(name)
        if known and known[:2] == [status.st_size, status.st_mtime_ns]:
            return Probe(known[2], math.nan if known[3] is None else known[3], *known[4:])
        found = _probe(path)
        if found.hash:
            duration = None if math.isnan(found.duration) else found.duration
            self._entries.setdefault(str(root), {})[name] = [
                status.st_size, status.st_mtime_ns, found.hash, duration,
                found.sample_rate, found.channels, found.reason,
            ]  # fmt: skip
            self.changed = True
        return found

    def save(self) -> None:
        """Write what is new; a cache may be lost at any time without harm."""
        if self.changed:
            write_text(self.path, json.dumps({"version": VERSION, "roots": self._entries}, ensure_ascii=False))
            self.changed = False

    def keep(self, roots: dict[str, set[str]]) -> None:
        """Forget every file that is not among these."""
        kept = {
            root: {name: entry for name, entry in self._entries.get(root, {}).items() if name in names}
            for root, names in roots.items()
        }
        self.changed = self.changed or kept != self._entries
        self._entries = kept


def _probe(path: Path) -> Probe:
    if is_sound(path):
        return probe_file(path)
    try:
        return Probe(edge_hash(path) if path.suffix.lower() in LARGE else file_hash(path))
    except OSError as error:
        return Probe("", reason=f"the file cannot be read: {error.strerror or error}")
