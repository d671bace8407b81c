"""A language model that says which of the labels an answer states (A-56)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from backend.evaluate.judges.base import JUDGES, Judge, Scale, Verdict
from backend.evaluate.judges.binary import filled
from backend.evaluate.judges.speaker import Speaker
from backend.jobs.job import Job
from backend.resources import resource
from backend.study.fingerprint import fingerprint
from backend.study.settings import Settings

PROMPT = "judges/direct.txt"


@JUDGES.register("direct")
class Direct(Judge):
    """Yes where the label that it names is the one that was asked about."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.prompt = resource(PROMPT).read_text(encoding="utf-8").strip()

    @classmethod
    def load(cls, settings: Settings, cache: Path) -> Judge:
        return cls(Speaker(settings, cache))

    def attach(self, job: Job) -> None:
        self.speaker.attach(job)

    def judge(self, question: str, answer: str, label: str, scale: Scale) -> Verdict:
        labels = "{" + ", ".join(scale.labels) + "}"
        found = named(
            self.speaker.say(filled(self.prompt, {"labels": labels, "answer": answer, "question": question})),
            scale.labels,
        )
        if found is None:
            return Verdict(False, parsed=False)
        stated = scale.merged(found)
        return Verdict(stated == scale.merged(label), stated=stated)

    def identity(self) -> dict[str, Any]:
        return {"judge": "direct", "prompt": fingerprint(self.prompt), **self.speaker.identity()}


def named(said: str, labels: tuple[str, ...]) -> str | None:
    """The one label that a judge names, "" for "none"; None where it names none of them or several."""
    words = {label.lower(): label for label in labels} | {"none": ""}
    found = {
        words[match[0]]
        for match in re.finditer(
            rf"\b(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})\b", said.lower()
        )
    }
    return found.pop() if len(found) == 1 else None
