"""What the model is asked about an example, and the true answers, for training and for evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from backend.builtin.examples import Example
from backend.builtin.statements import Statement, statements
from backend.builtin.wording import Form, wording
from backend.errors import ArdError

PAPER_PROMPT = "Generate a detailed caption for the audio clip"
"""The captioning prompt of the AR&D paper, word for word."""


@dataclass(frozen=True)
class Dialogue:
    """A question and its true answer.

    Attributes
    ----------
    kind : str
        What is asked for: "caption", "what", "category", "label", "sex", "language", "family", "loudness", "pitch",
        "rate", "count", "order", "speech" or "music".
    key : str
        The class that the answer states (`answers.read_answer` reads it back): a label, "Spanish", "yes"; "none" and,
        for order, "one" where the question does not apply; "silence" or "noise".
    """

    question: str
    answer: str
    kind: str
    key: str


def dialogues(example: Example, epoch: int, seed: int) -> list[Dialogue]:
    """A few different questions about `example`, drawn by weight; the same for the same example, epoch and seed."""
    dice = Random(f"{seed} {epoch} {example.id}")
    found = []
    for statement in _drawn(_told(example), dice):
        form = wording().forms[statement.form]
        asks = form.ask if statement.fill else form.plain
        found.append(_dialogue(form, statement, dice.choice(asks), dice.choice(_wordings(form, statement))))
    return found


def all_questions(example: Example, *, unseen: bool = False) -> list[Dialogue]:
    """Every question that can be asked about `example`, in one phrasing each; captions by the paper's prompt.

    The phrasing differs from example to example; with `unseen` it is one that training never uses, for captions too.
    """
    dice = Random(example.id)
    found = []
    for statement in _told(example):
        form = wording().forms[statement.form]
        offered = form.unseen if unseen else form.ask
        asks = [phrasing for phrasing in offered if statement.fill or "{" not in phrasing]
        question = PAPER_PROMPT if form.kind == "caption" and not unseen else dice.choice(asks)
        found.append(_dialogue(form, statement, question, _wordings(form, statement)[0]))
    return found


def _told(example: Example) -> list[Statement]:
    told = statements(example.facts)
    if not told:
        raise ArdError(
            f"nothing is known of the example '{example.id}'", todo='Give it sounds, or "silence" or "noise".'
        )
    return told


def _drawn(told: Sequence[Statement], dice: Random) -> list[Statement]:
    """As many as are asked at a time, without repetition, with probability by weight (Efraimidis and Spirakis)."""
    forms, absent = wording().forms, wording().absent

    def ticket(statement: Statement) -> float:
        weight = absent if statement.absent else forms[statement.form].weight
        return math.log(1 - dice.random()) / weight

    # `sorted` draws one ticket each, in the order of the forms
    return sorted(told, key=ticket, reverse=True)[: wording().questions]


def _wordings(form: Form, statement: Statement) -> tuple[str, ...]:
    nothing = wording().nothing
    if statement.key in nothing and not statement.fill:
        return nothing[statement.key]
    return form.wordings(statement.key)


def _dialogue(form: Form, statement: Statement, question: str, answer: str) -> Dialogue:
    said = answer.format_map(statement.fill)
    return Dialogue(question.format_map(statement.fill), said[0].upper() + said[1:], form.kind, statement.key)
