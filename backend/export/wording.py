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


def own_fields(record: dict[str, Any]) -> list[tuple[str, str]]:
    """What the user noted of a feature, in words: (what, text) pairs, those with a text only."""
    order = record.get("list_order")
    place = f"number {order} of '{record['list_name']}'" if order is not None else ""
    noted = [
        ("starred", "yes" if record.get("star") else ""),
        ("tags", ", ".join(record.get("tags", []))),
        ("verdict", record.get("verdict", "")),
        ("list", place),
        ("note in this list", record.get("entry_note", "")),
        ("note", record.get("note", "")),
    ]
    return [(what, text) for what, text in noted if text]


def own_judgement(clip: dict[str, Any]) -> str:
    """What people noted of a listed clip, on one line; "" if nothing."""
    said = [_judgement("", clip)]
    said += [_judgement(f"{author}: ", one) for author, one in (clip.get("judged_by_others") or {}).items()]
    return "; ".join(one for one in said if one)


def _judgement(author: str, mark: dict[str, Any]) -> str:
    thumb = {1: "thumb up", -1: "thumb down"}.get(mark.get("thumb", 0), "")
    rating = f"{mark['rating']} of 5" if mark.get("rating") is not None else ""
    said = ", ".join(text for text in (thumb, rating, mark.get("comment", "")) if text)
    return author + said if said else ""


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
