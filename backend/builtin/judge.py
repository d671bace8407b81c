"""The built-in model's answers, read by the rules that its own evaluation reads them with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.builtin.answers import Vocabulary, read_answer
from backend.builtin.shipped import VOCABULARY, read_vocabulary
from backend.errors import ArdError
from backend.evaluate.judges.base import JUDGES, Judge, Scale, Verdict
from backend.study.fingerprint import file_hash
from backend.study.settings import Settings

KINDS = {"animal": "label", "instrument": "label"}
"""Columns of the steering set whose questions are about labels."""


@JUDGES.register("builtin")
class BuiltinJudge(Judge):
    """Reads what an answer states with the vocabulary that lies beside the model's weights; `Scale.kind` says of what.

    An answer that names several things states them all together, and so none of them alone.
    """

    def __init__(self, vocabulary: Vocabulary, digest: str) -> None:
        self.vocabulary, self.digest = vocabulary, digest

    @classmethod
    def load(cls, settings: Settings, cache: Path) -> Judge:
        folder = Path(settings.model.path).expanduser()
        if not (folder / VOCABULARY).is_file():
            raise ArdError(
                "the judge 'builtin' reads answers of the built-in model only, and this model has no vocabulary",
                path=folder / VOCABULARY,
                todo="Use another judge: rules, binary or direct.",
            )
        return cls(read_vocabulary(folder), file_hash(folder / VOCABULARY))

    def judge(self, question: str, answer: str, label: str, scale: Scale) -> Verdict:
        kind = KINDS.get(scale.kind, scale.kind)
        if kind not in self.vocabulary.lexicons and kind not in ("what", "caption"):
            known = ", ".join(sorted({*self.vocabulary.lexicons, "what", "caption"}))
            raise ArdError(
                f"the built-in model's answers to questions about '{scale.kind}' cannot be read",
                todo=f"Give the concept one of these kinds: {known}.",
            )
        found = read_answer(kind, answer, self.vocabulary)
        if found is None:
            return Verdict(False, parsed=False, stated="")
        stated = scale.merged(found)
        return Verdict(stated == scale.merged(label), stated=stated)

    def identity(self) -> dict[str, Any]:
        return {"judge": "builtin", "vocabulary": self.digest[:16]}
