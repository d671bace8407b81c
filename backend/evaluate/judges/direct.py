"""A language model that says which of the labels an answer states (A-56)."""

from __future__ import annotations

import re

from backend.evaluate.judges.base import JUDGES, Scale, Verdict
from backend.evaluate.judges.binary import filled
from backend.evaluate.judges.speaker import SpokenJudge


@JUDGES.register("direct")
class Direct(SpokenJudge):
    """Yes where the label that it names is the one that was asked about."""

    name = "direct"

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
