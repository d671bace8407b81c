"""A judge without a model: words that state a label, those behind a negation left out (A-56)."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.evaluate.judges.base import JUDGES, Judge, Scale, Verdict
from backend.study.settings import Settings

VERSION = 1
NEGATION = re.compile(r"(?:\b(?:no|not|never|neither|nor|without|rather than|instead of)|n't)\b[^.,;:!?]{0,24}$")
"""At most a few words may stand between it and what it negates, and no end of a clause."""


@JUDGES.register("rules")
class Rules(Judge):
    """The label whose words the answer holds; an answer that holds words of several states none of them for sure."""

    @classmethod
    def load(cls, settings: Settings, cache: Path) -> Judge:
        return cls()

    def judge(self, question: str, answer: str, label: str, scale: Scale) -> Verdict:
        found = stated(answer, scale)
        if len(found) > 1:
            return Verdict(False, parsed=False, stated=",".join(sorted(found)))
        return Verdict(scale.merged(label) in found, stated=next(iter(found), ""))

    def identity(self) -> dict[str, Any]:
        return {"judge": "rules", "version": VERSION}


def stated(answer: str, scale: Scale) -> set[str]:
    """The labels that an answer states: whole words in any letter case, the longest word group first."""
    said = " ".join(answer.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    words = scale.words()
    return {
        words[match[1]]
        for match in _pattern(tuple(sorted(words))).finditer(said)
        if not NEGATION.search(said, 0, match.start())
    }


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(rf"\b({'|'.join(map(re.escape, longest_first)) or '(?!)'})(?:e?s)?\b")
