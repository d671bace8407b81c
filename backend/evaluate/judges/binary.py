"""AudioBench's binary judge: a language model rates an answer 0 or 1 against a reference sentence (P-9)."""

from __future__ import annotations

import re

from backend.evaluate.judges.base import JUDGES, Scale, Verdict
from backend.evaluate.judges.speaker import SpokenJudge


@JUDGES.register("binary")
class Binary(SpokenJudge):
    """Yes where the rating against the label's reference sentence is 1."""

    name = "binary"

    def judge(self, question: str, answer: str, label: str, scale: Scale) -> Verdict:
        found = rating(self.speaker.say(self.asked(question, answer, scale.reference(scale.merged(label)))))
        return Verdict(found == 1, parsed=found is not None)

    def asked(self, question: str, answer: str, reference: str) -> str:
        """The one message that the judge is sent."""
        return filled(self.prompt, {"reference": reference, "answer": answer, "question": question})


def rating(said: str) -> int | None:
    """0 or 1 from "Explanation: … Rating: 1": the last word as a number; None where that is neither 0 nor 1."""
    words = said.split()
    try:
        value = float(words[-1])
    except (IndexError, ValueError):
        return None
    return int(value) if value in (0.0, 1.0) else None


def filled(prompt: str, values: dict[str, str]) -> str:
    """`prompt` with every {name} replaced in one pass, so that braces inside an answer stay what they are."""
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), prompt)
