"""Which files are sound, by their names alone."""

from __future__ import annotations

from pathlib import PurePath

DECODED = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".rf64", ".w64"})
"""Suffixes that libsndfile decodes."""

REFUSED = frozenset({".m4a", ".aac", ".wma", ".amr", ".ape", ".wv", ".mpc", ".mka"})
"""Sound that libsndfile cannot decode: listed as unreadable rather than passed over in silence."""


def is_sound(path: PurePath | str) -> bool:
    """Whether a file of this name holds sound, decodable or not."""
    suffix = PurePath(path).suffix.lower()
    return suffix in DECODED or suffix in REFUSED


def is_decoded(path: PurePath | str) -> bool:
    """Whether a file of this name is of a kind that can be decoded."""
    return PurePath(path).suffix.lower() in DECODED
