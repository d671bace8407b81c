"""Whether a steered answer still is an answer (A-59): repetition, length, and labels where there are any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.steer.answers import Answer

GRAM = 3
"""Tokens in a row that are looked for again."""
REPEATED = 0.3
"""Largest share of repeated 3-grams of an answer that counts as coherent."""
DAMAGED = 0.1
"""Largest share of characters that are none ("\N{REPLACEMENT CHARACTER}": bytes that are no UTF-8)."""
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Coherence:
    """What can be told of one answer.

    Attributes
    ----------
    repetition : float
        Share of its 3-grams of tokens that stood in it before; 0 for fewer than 3 tokens.
    length : int
        Tokens, without the one that ends it.
    ended : bool
        False if it was cut at its longest.
    names_label : bool or None
        Whether it holds one of the labels; None where none were given.
    why : str
        Why it is not coherent, "" if it is.
    """

    repetition: float
    length: int
    ended: bool
    names_label: bool | None
    why: str

    @property
    def coherent(self) -> bool:
        return self.why == ""


def coherence(answer: Answer, labels: Sequence[str] = (), *, may_be_empty: bool = False) -> Coherence:
    """Judge one answer.

    It is not coherent if it is empty, if more than 30 % of its 3-grams of tokens repeat an earlier one, or if more
    than 10 % of its characters are no text. An answer that was cut at its longest may be coherent all the same: `ended`
    says so. Naming no label makes no answer incoherent, it is counted apart (`share_outside`).

    Parameters
    ----------
    labels : sequence of str
        Words or phrases of which an answer should hold one.
    may_be_empty : bool
        For transcripts, which are empty where nobody speaks.
    """
    repeated = repetition(answer.ids)
    named = names_label(answer.text, labels) if labels else None
    return Coherence(repeated, len(answer.ids), answer.ended, named, _why(answer, repeated, may_be_empty))


def repetition(ids: Sequence[int]) -> float:
    """Share of the 3-grams of tokens that stood in the answer before, 1 − distinct / all; 0 for fewer than 3."""
    grams = [tuple(ids[i : i + GRAM]) for i in range(len(ids) - GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def names_label(text: str, labels: Sequence[str]) -> bool:
    """Whether one of the labels stands in `text` as whole words, letter case ignored."""
    words = " ".join(WORD.findall(text.lower()))
    return any(f" {' '.join(WORD.findall(label.lower()))} " in f" {words} " for label in labels)


def share_outside(texts: Sequence[str], labels: Sequence[str]) -> float:
    """Share of answers that name none of the labels; NaN without answers."""
    return sum(not names_label(text, labels) for text in texts) / len(texts) if texts else float("nan")


def _why(answer: Answer, repeated: float, may_be_empty: bool) -> str:
    if not answer.text.strip():
        return "" if may_be_empty and not answer.ids else "the answer is empty"
    if repeated > REPEATED:
        return f"the answer repeats itself: {repeated:.0%} of its 3-grams stood in it before"
    broken = answer.text.count("\N{REPLACEMENT CHARACTER}") / len(answer.text)
    if broken > DAMAGED:
        return f"{broken:.0%} of the answer's characters are no text"
    return ""
