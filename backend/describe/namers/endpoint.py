"""Names from a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.describe.endpoint import ChatEndpoint
from backend.describe.namers.base import NAMERS, Namer, Naming
from backend.describe.prompts import aggregation_prompt
from backend.jobs.job import Job
from backend.study.settings import Settings


@NAMERS.register("endpoint")
class EndpointNamer(Namer):
    """Asks for the description, and in the same conversation for the short name."""

    def __init__(self, endpoint: ChatEndpoint, prompt: str, short_prompt: str) -> None:
        self.endpoint = endpoint
        self.prompt = prompt
        self.short_prompt = short_prompt

    @classmethod
    def load(cls, settings: Settings, prompt: str, short_prompt: str) -> Namer:
        return cls(ChatEndpoint(settings.names, "names"), prompt, short_prompt)

    def attach(self, job: Job) -> None:
        self.endpoint.attach(job)

    def name(self, captions: Sequence[str]) -> Naming:
        messages = [{"role": "user", "content": aggregation_prompt(self.prompt, captions)}]
        description = self.endpoint.ask(messages)
        if not description:
            return Naming("", "")
        messages += [{"role": "assistant", "content": description}, {"role": "user", "content": self.short_prompt}]
        return Naming(description, self.endpoint.ask(messages))

    def say(self, text: str) -> str:
        return self.endpoint.ask([{"role": "user", "content": text}])

    def identity(self) -> dict[str, Any]:
        return {"namer": "endpoint", **self.endpoint.identity()}
