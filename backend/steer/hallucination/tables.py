"""Figures of answered clips: the rows of every table of S-49."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.export.shares import Share
from backend.steer.hallucination.clips import Item
from backend.steer.hallucination.plan import Plan
from backend.steer.hallucination.push import Push
from backend.steer.hallucination.rates import bootstrap, detected, detection_rate, paired_difference
from backend.steer.hallucination.results import Results
from backend.steer.hallucination.wording import ErrorRate, Normalise, error_rate

Row = dict[str, Any]
BINS = 20


@dataclass(frozen=True)
class Condition:
    """A named push: `name` is original, reconstructed, steered, s-vector, random …"""

    name: str
    push: Push
    source: str = ""
    k: int = 0
    alpha: float = 0.0

    def columns(self) -> Row:
        return {
            "condition": self.name, "vector_source": self.source, "k": self.k or "",
            "alpha": self.alpha if self.source else "",
        }  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Looks answers up and turns them into shares and error rates."""

    plan: Plan
    results: Results
    normalise: Normalise

    def p(self, items: Sequence[Item], push: Push) -> npt.NDArray[np.float64]:
        return np.array([self.results[one.key, push.identity()].p for one in items])

    def texts(self, items: Sequence[Item], push: Push) -> list[str]:
        return [self.results[one.key, push.identity()].text or "" for one in items]

    def _texts_that_count(self, items: Sequence[Item], push: Push) -> list[str] | None:
        return self.texts(items, push) if self.plan.readings.count == "p_and_text" else None

    def rate(self, items: Sequence[Item], push: Push) -> Share:
        return detection_rate(
            self.p(items, push), self.plan.readings.threshold, self._texts_that_count(items, push)
        )  # fmt: skip

    def detected(self, items: Sequence[Item], push: Push) -> npt.NDArray[np.bool_]:
        return detected(self.p(items, push), self.plan.readings.threshold, self._texts_that_count(items, push))

    def errors(self, items: Sequence[Item], push: Push) -> ErrorRate:
        return error_rate([one.text for one in items], self.texts(items, push), self.normalise)

    def rate_row(self, condition: Condition, measure: str, test_set: str, items: Sequence[Item]) -> Row:
        """One row of FPR or TPR."""
        return {
            **condition.columns(), "measure": measure, "test_set": test_set,
            **self.rate(items, condition.push).as_json(),
        }  # fmt: skip

    def wer_row(self, condition: Condition, test_set: str, items: Sequence[Item]) -> Row:
        """One row of WER; `count` are word errors and `n` clips."""
        found = self.errors(items, condition.push).as_json(self.plan.shares.seed)
        row = {**condition.columns(), "measure": "WER", "test_set": test_set, "value": found["value"]}
        return row | {"count": found["errors"], **{name: found[name] for name in ("n", "low", "high", "words")}}

    def differences(
        self, condition: Condition, control: Condition, quiet: Sequence[Item], spoken: Sequence[Item]
    ) -> list[Row]:
        """Change of FPR, TPR and WER against a control over the same clips, with paired bootstrap intervals."""
        seed = self.plan.shares.seed
        head = {**condition.columns(), "against": control.name}
        rows = []
        for measure, items in (("FPR", quiet), ("TPR", spoken)):
            after, before = (self.detected(items, one.push) for one in (condition, control))
            rows.append({**head, "measure": measure, **paired_difference(after, before, seed)})
        after_errors, before_errors = (self.errors(spoken, one.push) for one in (condition, control))
        change = np.array(after_errors.errors) - np.array(before_errors.errors)
        words = np.array(after_errors.words)
        low, high = bootstrap(lambda rows: float(change[rows].sum() / words[rows].sum()), len(words), seed)
        value = after_errors.value - before_errors.value
        return [*rows, {**head, "measure": "WER", "value": value, "low": low, "high": high, "n": len(words)}]

    def histogram(self, condition: Condition, test_set: str, items: Sequence[Item]) -> list[Row]:
        """Clips by p in 20 bins of [0, 1], the last one closed (S-49, Figs 17–20)."""
        counts, edges = np.histogram(self.p(items, condition.push), bins=BINS, range=(0.0, 1.0))
        return [
            {**condition.columns(), "test_set": test_set, "from": round(float(edges[i]), 4),
             "to": round(float(edges[i + 1]), 4), "clips": int(counts[i])}
            for i in range(BINS)
        ]  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A condition with its figures on the selection part."""

    condition: Condition
    fpr: float
    tpr: float
    wer: float


def choose(candidates: Sequence[Candidate], base: Candidate, plan: Plan) -> tuple[Candidate, bool]:
    """The candidate of lowest FPR among those that cost little speech; ties: smaller alpha, then fewer features.

    Little: TPR at most `max_tpr_loss` below and WER at most `max_wer_rise` above `base`. If none is such, the one of
    lowest WER, and False.
    """
    grid = plan.grid
    kept = [
        one for one in candidates
        if one.tpr >= base.tpr - grid.max_tpr_loss - 1e-12 and one.wer <= base.wer + grid.max_wer_rise + 1e-12
    ]  # fmt: skip
    if kept:
        return min(kept, key=lambda one: (one.fpr, one.condition.alpha, one.condition.k)), True
    return min(candidates, key=lambda one: (one.wer, one.fpr, one.condition.alpha)), False
