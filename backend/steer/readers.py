"""What class an answer states, by rules on words; whoever can read answers better implements `Reader`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from backend.builtin.answers import Lexicon, Vocabulary, plain, read_answer
from backend.builtin.shipped import VOCABULARY, read_vocabulary

QUESTIONS = {
    "category": "What kind of sound is this?",
    "label": "What makes this sound?",
    "language": "Which language is spoken?",
    "sex": "Is it a man or a woman?",
    "family": "Which family does the instrument belong to?",
}
"""What the built-in model is asked for a label it was taught; each is also the kind under which its answer is read."""
PARTS = re.compile(r"[_/]+")


class Reader(Protocol):
    """Reads answers.

    Attributes
    ----------
    name : str
        For manifests.
    """

    name: str

    def read(self, answer: str) -> str | None:
        """The class that `answer` states; None if it states none, or several."""


class WordsReader:
    """Finds the classes' own words: exactly one class must be named, and not be denied ("no dog").

    A class is named by its name, "_" and "/" being blanks, in the singular or with a plural ending.
    """

    name = "words"

    def __init__(self, classes: Sequence[str]) -> None:
        self._lexicon = Lexicon({plain(PARTS.sub(" ", one)): one for one in classes})

    def read(self, answer: str) -> str | None:
        stated = {mention.value for mention in self._lexicon.stated(plain(answer))}
        return stated.pop() if len(stated) == 1 else None


class BuiltinReader:
    """Reads the built-in model's sentences with the vocabulary beside its weights."""

    name = "builtin"

    def __init__(self, kind: str, vocabulary: Vocabulary) -> None:
        self._kind, self._vocabulary = kind, vocabulary

    def read(self, answer: str) -> str | None:
        return read_answer(self._kind, answer, self._vocabulary)


def reader_for(model: str, label: str, classes: Sequence[str]) -> Reader:
    """The rules for this model's answers about `label`; ArdError if the built-in model's vocabulary is damaged."""
    folder = Path(model).expanduser()
    if label in QUESTIONS and (folder / VOCABULARY).is_file():
        return BuiltinReader(label, read_vocabulary(folder))
    return WordsReader(classes)


def question_for(model: str, label: str, classes: Sequence[str]) -> str:
    """What is asked where the user names no question."""
    if label in QUESTIONS and (Path(model).expanduser() / VOCABULARY).is_file():
        return QUESTIONS[label]
    named = ", ".join(PARTS.sub(" ", one) for one in classes)
    return f"Which {PARTS.sub(' ', label)} is it: {named}? Answer with one of these."
