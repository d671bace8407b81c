"""Sensitivity: the share of clips whose answer shifts to the target class, under four denominators (A-55, O-8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.export.shares import wilson

DENOMINATORS = ("eligible", "label", "baseline", "changed")


@dataclass(frozen=True)
class Case:
    """One clip whose label is the source.

    Attributes
    ----------
    was_target, was_source : bool
        What the unsteered answer stated.
    is_target : bool
        The steered answer states the target.
    parsed : bool
        The judge's verdict on the steered answer could be read.
    coherent : bool
        The steered answer is coherent (A-59); only such answers count.
    """

    was_target: bool
    was_source: bool
    is_target: bool
    parsed: bool = True
    coherent: bool = True

    @property
    def hit(self) -> bool:
        """A coherent steered answer that was read and states the target."""
        return self.is_target and self.parsed and self.coherent


@dataclass(frozen=True)
class Rate:
    """A share of n with its 95 % Wilson interval."""

    hits: int
    n: int

    @property
    def share(self) -> float:
        """NaN where n = 0."""
        return self.hits / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.n)

    def as_json(self) -> dict[str, Any]:
        return {"share": self.share, "hits": self.hits, "n": self.n, "interval": list(self.interval)}


def rates(cases: Sequence[Case]) -> dict[str, Rate]:
    """Rates by denominator.

    * `eligible` (default): unsteered answer ≠ target; shifted are those whose steered answer = target.
    * `label`: all clips of the source; steered answer = target, also where it was so before.
    * `baseline`: unsteered answer = source; steered answer = target.
    * `changed`: all clips of the source; unsteered answer ≠ target and steered answer = target.
    """
    eligible = [case for case in cases if not case.was_target]
    baseline = [case for case in cases if case.was_source]
    shifted = sum(case.hit for case in eligible)
    return {
        "eligible": Rate(shifted, len(eligible)),
        "label": Rate(sum(case.hit for case in cases), len(cases)),
        "baseline": Rate(sum(case.hit for case in baseline), len(baseline)),
        "changed": Rate(shifted, len(cases)),
    }
