"""The shipped phrasings of questions and answers: `resources/demo/questions.toml`, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from backend.errors import ArdError
from backend.resources import resource

FILE = "demo/questions.toml"
ANY = "*"
Words = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Form:
    """One way of asking.

    Attributes
    ----------
    kind : str
        What is asked for; several forms may ask for the same.
    weight : float
        How often it is drawn beside the others.
    ask, unseen : tuple of str
        Phrasings of training, and those kept out of it.
    plain : tuple of str
        Those of `ask` without names to fill in.
    answers : mapping of key to tuple of str
        Wordings by what is true; `ANY` for keys that have none of their own.
    """

    kind: str
    weight: float
    ask: tuple[str, ...]
    unseen: tuple[str, ...]
    plain: tuple[str, ...]
    answers: Words

    def wordings(self, key: str) -> tuple[str, ...]:
        """Answers that say `key`; ArdError if there is none."""
        found = self.answers.get(key) or self.answers.get(ANY)
        if not found:
            raise ArdError(
                f"no answer to the question '{self.ask[0]}' says '{key}'",
                todo=f"Add one to resources/{FILE}, or correct the value.",
            )
        return found


@dataclass(frozen=True)
class Wording:
    """Everything in the file.

    Attributes
    ----------
    forms : mapping of form name to Form
    questions : int
        Per example and epoch.
    absent : float
        Weight of a question about something that is not there.
    nothing : Words
        Answers about "silence" and "noise".
    details : mapping of attribute to mapping of value to sentence
        What a caption adds.
    called : mapping of attribute to mapping of value to name
        How a value is called where it is not called by its own name.
    uncountable : frozenset of str
        Labels without an article.
    pieces : frozenset of str
        Labels of music that are no instrument.
    uncertain : mapping of thing to frozenset of str
        Words of labels of which it cannot be said that they lack the thing.
    words : mapping of dimension to Words
        How answers are read back: value to the words that state it.
    ignored : frozenset of str
        Words of phrases that identify no sound.
    """

    forms: Mapping[str, Form]
    questions: int
    absent: float
    nothing: Words
    details: Mapping[str, Mapping[str, str]]
    called: Mapping[str, Mapping[str, str]]
    uncountable: frozenset[str]
    pieces: frozenset[str]
    uncertain: Mapping[str, frozenset[str]]
    words: Mapping[str, Words]
    ignored: frozenset[str]


@cache
def wording() -> Wording:
    """The shipped wording."""
    raw = tomllib.loads(resource(FILE).read_text(encoding="utf-8"))
    return Wording(
        forms={name: _form(name, one) for name, one in raw["form"].items()},
        questions=raw["sampling"]["questions"],
        absent=raw["sampling"]["absent"],
        nothing=_words(raw["nothing"]),
        details=raw["details"],
        called=raw["called"],
        uncountable=frozenset(raw["grammar"]["uncountable"]),
        pieces=frozenset(raw["grammar"]["pieces"]),
        uncertain={thing: frozenset(words) for thing, words in raw["uncertain"].items()},
        words={dimension: _words(one) for dimension, one in raw["words"].items()},
        ignored=frozenset(raw["ignored"]["words"]),
    )


def _form(name: str, raw: Mapping[str, Any]) -> Form:
    return Form(
        kind=raw.get("kind", name),
        weight=float(raw["weight"]),
        ask=tuple(raw["ask"]),
        unseen=tuple(raw["unseen"]),
        plain=tuple(phrasing for phrasing in raw["ask"] if "{" not in phrasing),
        answers=_words(raw["answers"]),
    )


def _words(raw: Mapping[str, list[str]]) -> Words:
    return {value: tuple(words) for value, words in raw.items()}
