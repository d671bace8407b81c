"""What a judge must answer: does an answer of the model state a label? (A-56)"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.jobs.job import Job
from backend.registry import Registry
from backend.study.settings import Settings


@dataclass(frozen=True)
class Scale:
    """The labels that are told apart, and how they are said.

    Attributes
    ----------
    labels : tuple of str
    synonyms : mapping of label to tuple of str
        Other words for a label; its own name always counts.
    references : mapping of label to str
        The sentence that states a label, for a judge that compares sentences (P-9).
    merge : mapping of str to str
        Labels that count as another one (A-57: excited as happy), in answers and in the data alike.
    kind : str
        Of the question, for the judge of the built-in model: "category", "sex", "label" …
    """

    labels: tuple[str, ...]
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    merge: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""

    def merged(self, label: str) -> str:
        """The label that `label` counts as."""
        return self.merge.get(label, label)

    def words(self) -> dict[str, str]:
        """Every word or word group that states a label, in small letters, with the label it counts as."""
        said = {label.lower(): self.merged(label) for label in (*self.merge, *self.labels)}
        return said | {
            word.lower(): self.merged(label) for label, words in self.synonyms.items() for word in words
        }  # fmt: skip

    def reference(self, label: str) -> str:
        """The sentence that states `label`; the bare label where none is known."""
        return self.references.get(label, label)


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one answer.

    Attributes
    ----------
    yes : bool
        The answer states the label that was asked about. Never where `parsed` is False.
    parsed : bool
        The judge came to a result that could be read.
    stated : str or None
        What the answer states, "" for none of the labels; None for a judge that only says yes or no.
    """

    yes: bool
    parsed: bool = True
    stated: str | None = None


class Judge(ABC):
    """One loaded judge."""

    @classmethod
    @abstractmethod
    def load(cls, settings: Settings, cache: Path) -> Judge:
        """Load what the settings name; ArdError saying what is missing.

        `cache` is a folder in which a judge that costs time may keep what it said.
        """

    def attach(self, job: Job) -> None:  # noqa: B027  (rules neither wait nor fail)
        """The job it works for: asked whether to stop while an endpoint is waited for."""

    @abstractmethod
    def judge(self, question: str, answer: str, label: str, scale: Scale) -> Verdict:
        """Whether `answer` to `question` states `label`.

        Nonsense that a language model says is a verdict that could not be read, never an error; ArdError if there is
        no verdict to be had at all (an endpoint that stays unreachable).
        """

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What its verdicts depend on; JSON-ready, without secrets."""


JUDGES: Registry[type[Judge]] = Registry(
    "judges",
    {
        "rules": "backend.evaluate.judges.rules",
        "binary": "backend.evaluate.judges.binary",
        "direct": "backend.evaluate.judges.direct",
        "builtin": "backend.builtin.judge",
    },
)
