"""How far two judges agree on the same answers (A-56)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.evaluate.agreement import alpha
from backend.evaluate.judges.base import Judge, Scale
from backend.evaluate.sensitivity.outcome import Rate


def agreement(
    first: Judge, second: Judge, answers: Sequence[tuple[str, str]], label: str, scale: Scale
) -> dict[str, Any]:
    """Share of equal verdicts on pairs of (question, answer), and Krippendorff's α of yes against no.

    Answers that either judge's verdict could not be read of are left out and counted.
    """
    pairs = [
        (first.judge(question, answer, label, scale), second.judge(question, answer, label, scale))
        for question, answer in answers
    ]
    read = [(a.yes, b.yes) for a, b in pairs if a.parsed and b.parsed]
    return {
        "judges": [first.identity(), second.identity()],
        "equal": Rate(sum(a == b for a, b in read), len(read)).as_json(),
        "alpha": alpha([[a for a, _ in read], [b for _, b in read]], "nominal") if read else float("nan"),
        "unparsed": [sum(not one.parsed for one in side) for side in zip(*pairs, strict=True)] if pairs else [0, 0],
    }
