"""Fingerprints: short hashes of the inputs and settings a result was made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

EDGE = 64 * 1024


def fingerprint(value: Any) -> str:
    """16 hex digits that change whenever `value` (JSON-ready) changes."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def edge_hash(path: Path) -> str:
    """SHA-256 of a file's size, first and last 64 KB (design §3): the identity of a clip's file."""
    size = path.stat().st_size
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    with open(path, "rb") as handle:
        digest.update(handle.read(EDGE))
        if size > EDGE:
            handle.seek(max(EDGE, size - EDGE))
            digest.update(handle.read(EDGE))
    return digest.hexdigest()


def edge_hash_bytes(data: bytes) -> str:
    """The same hash for a member of an archive that is already in memory."""
    digest = hashlib.sha256(len(data).to_bytes(8, "little"))
    digest.update(data[:EDGE])
    if len(data) > EDGE:
        digest.update(data[max(EDGE, len(data) - EDGE) :])
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a whole file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
