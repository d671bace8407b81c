"""The name of a clip's sound, under which caches and the user's own judgements are kept."""

from __future__ import annotations

import math

from backend.store.clips import Clip
from backend.study.fingerprint import fingerprint


def clip_key(clip: Clip) -> str:
    """16 hex digits that stand for the sound of a clip: its file's hash and the part of the file that it is.

    Two clips with the same sound in files of equal bytes have the same key, so it is embedded and captioned once.
    """
    end = None if math.isnan(clip.end) else clip.end
    return fingerprint([clip.hash, clip.member if not clip.hash else "", clip.start, end])
