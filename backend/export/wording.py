"""How names, their origin and their status are put into words, the same in every format and in the terminal."""

from __future__ import annotations

import math
from typing import Any

CONSENSUS = "consensus of captions, no LLM"
CONSENSUS_MARK = "(consensus)"
LONGEST_TITLE = 90

MEANING = {
    "ok": "",
    "no captions": "none of the clips has a caption",
    "empty": "the namer said nothing",
    "refused": "the namer refused",
    "no common concept": "the namer found nothing in common",
    "too long": "no short name could be had; the description stands",
    "not named": "captions only, no namer was asked",
}
"""What each status of a name says to a reader (A-36)."""


def origin(sources: dict[str, Any]) -> str:
    """What named the features: "consensus of captions, no LLM", or the namer with its model; "" if none did."""
    found = sources.get("namer") or ""
    if not isinstance(found, dict):
        found = {"namer": found}
    name, model = str(found.get("namer", found.get("name", ""))), str(found.get("model") or "")
    if name in ("", "none"):
        return ""
    return CONSENSUS if name == "consensus" else f"{name} {model}".strip()


def title(name: str) -> str:
    """A name that fits a heading or a table cell: the whole name, or its beginning at a word's end and an ellipsis."""
    text = " ".join(name.split())
    if len(text) <= LONGEST_TITLE:
        return text
    cut = text[:LONGEST_TITLE]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,.;:") + " …"


def marked(name: str, namer: str) -> str:
    """`title(name)`, marked where no language model made it."""
    return f"{title(name)} {CONSENSUS_MARK}" if name and namer == "consensus" else title(name)


def number(value: Any) -> str:
    """Four significant digits; a dash for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def detection(found: dict[str, Any]) -> str:
    """A detection score with its numbers of clips (P-10)."""
    value = found["balanced_accuracy"]
    if value is None or math.isnan(value):
        return f"not scored ({found['active']} active, {found['random']} random clips)"
    text = f"{value:.2f} balanced accuracy ({found['active']} active, {found['random']} random clips)"
    hard = found["hard_balanced_accuracy"]
    if hard is None or math.isnan(hard):
        return text
    return f"{text}, {hard:.2f} against {found['hard']} clips that sound alike"
