"""What a namer must answer: the concept that captions share (A-34)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.registry import Registry
from backend.study.settings import Settings


@dataclass(frozen=True)
class Naming:
    """What a namer said, as it said it.

    Attributes
    ----------
    description : str
        The sentence or sentences about the common concept.
    short_name : str
        A noun phrase of at most five words; "" if the namer gave none.
    """

    description: str
    short_name: str


class Namer(ABC):
    """One loaded namer.

    Attributes
    ----------
    compares : bool
        True where a name depends on all captions that `read` was given: such names are not kept for the next run.
    """

    compares: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def load(cls, settings: Settings, prompt: str, short_prompt: str) -> Namer:
        """Load what `settings.names` names; ArdError saying what is missing."""

    def attach(self, job: Job) -> None:  # noqa: B027  (most neither wait nor fail)
        """The job it works for: asked whether to stop while an endpoint is waited for, and told of setbacks."""

    def read(self, captions: Sequence[str]) -> None:  # noqa: B027  (only some compare with all captions)
        """Every distinct caption of the study's described clips, before the first name is asked for."""

    @abstractmethod
    def name(self, captions: Sequence[str]) -> Naming:
        """The concept common to the non-empty captions of one feature's clips, in list order.

        Raises ArdError if no name can be had at all (an endpoint that stays unreachable).
        """

    def say(self, text: str) -> str:
        """The greedy answer of its language model to one message; ArdError if it has none."""
        raise ArdError(f"a {type(self).__name__} answers no questions", todo="Use the namer causal-lm or endpoint.")

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What its names depend on beside prompts and captions; JSON-ready, without secrets."""


NAMERS: Registry[type[Namer]] = Registry(
    "namers",
    {
        "consensus": "backend.describe.namers.consensus",
        "causal-lm": "backend.describe.namers.causal_lm",
        "endpoint": "backend.describe.namers.endpoint",
    },
)
