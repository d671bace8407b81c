"""The language model behind a judge: the one that names features, or another one given for judging."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from backend.describe.cache import TextCache
from backend.describe.namers.base import NAMERS
from backend.errors import ArdError
from backend.evaluate.judges.base import Judge
from backend.jobs.job import Job
from backend.resources import resource
from backend.study.fingerprint import fingerprint
from backend.study.settings import Settings

KINDS = ("causal-lm", "endpoint")


class Speaker:
    """Answers single questions, greedily; what it said is kept in `cache`.

    Raises ArdError where `names` names no language model, and as its namer does.
    """

    def __init__(self, settings: Settings, cache: Path) -> None:
        kind = settings.names.namer
        if kind not in KINDS:
            raise ArdError(
                f"names.namer is '{kind}', which is no language model that could judge",
                todo="Give one with --judge-model (a folder, .gguf file or hub id, or with --judge-url an endpoint's "
                "model), or use the judge 'rules'.",
            )
        self._namer = NAMERS.get(kind).load(settings, "", "")
        self._texts = TextCache(cache / f"judge-{fingerprint(self.identity())}.jsonl")

    def attach(self, job: Job) -> None:
        self._namer.attach(job)

    def identity(self) -> dict[str, Any]:
        return {key: value for key, value in self._namer.identity().items() if key != "namer"}

    def say(self, text: str) -> str:
        """The answer to one user message; ArdError as the namer's model."""
        key = fingerprint(text)
        if key not in self._texts:
            self._texts.add({key: self._namer.say(text)})
        return self._texts[key]


class SpokenJudge(Judge):
    """A judge that puts one question to a language model.

    Attributes
    ----------
    name : str
        Its name in the registry; the prompt is `resources/judges/<name>.txt`.
    """

    name: ClassVar[str]

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.prompt = resource(f"judges/{self.name}.txt").read_text(encoding="utf-8").strip()

    @classmethod
    def load(cls, settings: Settings, cache: Path) -> Judge:
        return cls(Speaker(settings, cache))

    def attach(self, job: Job) -> None:
        self.speaker.attach(job)

    def identity(self) -> dict[str, Any]:
        return {"judge": self.name, "prompt": fingerprint(self.prompt), **self.speaker.identity()}
