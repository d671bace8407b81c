"""What a file's header and edges say, without decoding any audio (design §3)."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import soundfile

from backend.audio.formats import REFUSED
from backend.study.fingerprint import edge_hash, edge_hash_bytes

UNKNOWN = 1 << 62
"""libsndfile gives a frame count near 2^63 where the header does not say the length."""


@dataclass(frozen=True)
class Probe:
    """One file as the index knows it.

    Attributes
    ----------
    hash : str
        `edge_hash`: size, first and last 64 KB; empty if the file could not be read.
    duration : float
        Seconds by the header; NaN where it does not say. For MP3 without a Xing header libsndfile
        estimates it from the file's size: half a second too long with a 4 KB tag at 64 kbit/s.
    reason : str
        Why it cannot be used; empty if it can.
    """

    hash: str
    duration: float = math.nan
    sample_rate: int = 0
    channels: int = 0
    reason: str = ""


def probe_file(path: Path) -> Probe:
    """Header and hash of a file; whatever is wrong with it becomes `reason`, never an exception."""
    try:
        if path.suffix.lower() in REFUSED:
            return Probe(edge_hash(path), reason=f"{path.suffix} files cannot be decoded; convert it to flac or wav")
        if path.stat().st_size == 0:
            return Probe(edge_hash(path), reason="the file is empty")
        return _header(path, edge_hash(path))
    except FileNotFoundError:
        return Probe("", reason="the file is not there (a broken link?)")
    except OSError as error:
        return Probe("", reason=f"the file cannot be read: {error.strerror or error}")


def probe_bytes(data: bytes) -> Probe:
    """The same for audio inside a larger file."""
    if not data:
        return Probe("", reason="the entry is empty")
    return _header(io.BytesIO(data), edge_hash_bytes(data))


def _header(source: Path | io.BytesIO, digest: str) -> Probe:
    try:
        info = soundfile.info(source)
    except soundfile.LibsndfileError as error:
        return Probe(digest, reason=f"not audio that can be decoded: {error.error_string.rstrip('.')}")
    if info.frames == 0:
        return Probe(digest, reason="the file holds no samples")
    duration = info.frames / info.samplerate if info.frames < UNKNOWN else math.nan
    return Probe(digest, duration, info.samplerate, info.channels)
