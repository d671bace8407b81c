"""What a captioner must answer: one caption per clip (A-33)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from backend.jobs.job import Job
from backend.registry import Registry
from backend.store.clips import Clip
from backend.study.settings import Settings

Wave = npt.NDArray[np.float32]


class Captioner(ABC):
    """One loaded captioner.

    Attributes
    ----------
    sample_rate : int or None
        Hertz of the waves it wants; None if it needs no sound.
    window_seconds : float
        Longest sound it hears; of a longer one it takes the first part.
    one_by_one : bool
        True where several clips at once are no faster: give one at a time, so that none is lost when one fails.
    """

    sample_rate: int | None
    window_seconds: float = math.inf
    one_by_one: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def load(cls, settings: Settings, prompt: str) -> Captioner:
        """Load what `settings.captions` names; ArdError saying what is missing.

        Parameters
        ----------
        prompt : str
            The whole text of the captioning prompt.
        """

    def attach(self, job: Job) -> None:  # noqa: B027  (most neither wait nor fail)
        """The job it works for: asked whether to stop while an endpoint is waited for, and told of setbacks."""

    @abstractmethod
    def caption(self, clips: Sequence[Clip], waves: Sequence[Wave]) -> list[str]:
        """A caption per clip, "" where there is none. `waves` is empty where `sample_rate` is None.

        Raises ArdError if nothing can be captioned (an endpoint that stays unreachable): what was captioned before
        has been kept by the caller.
        """

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What its captions depend on beside the prompt and the sound; JSON-ready, without secrets."""


CAPTIONERS: Registry[type[Captioner]] = Registry(
    "captioners",
    {
        "dataset": "backend.describe.captioners.dataset",
        "audiollm": "backend.describe.captioners.audiollm",
        "endpoint": "backend.describe.captioners.endpoint",
    },
)
