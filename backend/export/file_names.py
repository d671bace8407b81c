"""Names of files that every system takes."""

from __future__ import annotations

import unicodedata

FORBIDDEN = '<>:"/\\|?*'
JOINERS = "\u200c\u200d"
"""Signs without a width that words of some scripts and some emoji are made with."""
LONGEST_BYTES = 100


def safe_name(text: str, longest: int = LONGEST_BYTES) -> str:
    """`text` as a part of a file's name: the same words in any script, at most `longest` bytes of UTF-8.

    What Windows forbids becomes "-"; signs that cannot be seen, among them those that turn the direction of writing,
    go; so do dots and spaces at either end. "clip" where nothing is left. Two texts may give the same name.
    """
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    kept = "".join("-" if sign in FORBIDDEN else sign for sign in composed if not _unseen(sign))
    words = " ".join(kept.split())
    return _cut(words, longest).strip(". ") or "clip"


def _unseen(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return (kind in ("Cf", "Cs", "Co", "Cn") and sign not in JOINERS) or (kind == "Cc" and not sign.isspace())


def _cut(text: str, longest: int) -> str:
    """Its beginning, ending neither within a sign nor between a letter and the marks that belong to it."""
    if len(text.encode()) <= longest:
        return text
    short = text.encode()[:longest].decode("utf-8", "ignore")
    rest = text[len(short) :]
    if rest and (unicodedata.combining(rest[0]) or unicodedata.category(rest[0]) in ("Mn", "Me", "Sk")):
        base = len(short) - 1
        while base > 0 and unicodedata.category(short[base]).startswith("M"):
            base -= 1
        short = short[:base]
    return short.rstrip(JOINERS)
