"""What was found for one goal and one set of features, ready for JSON, tables and a second look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.evaluate.judges.base import Verdict
from backend.evaluate.sensitivity.features import Candidate
from backend.evaluate.sensitivity.outcome import DENOMINATORS, Case, Rate, rates
from backend.evaluate.sensitivity.replies import Reply, described
from backend.export.shares import wilson

ENOUGH = 30
"""Fewer eligible clips are marked in the tables."""


@dataclass(frozen=True)
class Condition:
    """One condition over the clips of a part, in their order.

    Attributes
    ----------
    cases : tuple of Case
    replies : tuple of Reply
    outside : int
        Answers that state none of the labels, as far as the judge says what they state.
    """

    cases: tuple[Case, ...]
    replies: tuple[Reply, ...]
    outside: int = 0

    def rates(self) -> dict[str, Rate]:
        return rates(self.cases)

    @property
    def eligible(self) -> Rate:
        return self.rates()["eligible"]

    @property
    def displacement(self) -> float:
        """Mean over the clips of the mean ‖x′ − x‖."""
        return float(np.mean([one.displacement for one in self.replies])) if self.replies else float("nan")

    def as_json(self) -> dict[str, Any]:
        survived = [one.survived for one in self.replies if one.survived is not None]
        n = len(self.replies)
        return {
            "clips": n,
            "rates": {name: rate.as_json() for name, rate in self.rates().items()},
            "unparsed": sum(not case.parsed for case in self.cases),
            "coherence": {
                "coherent": Rate(sum(one.coherent for one in self.replies), n).as_json(),
                "repetition": _mean([one.repetition for one in self.replies]),
                "length": _mean([one.length for one in self.replies]),
                "cut": sum(not one.ended for one in self.replies),
                "out_of_label": Rate(self.outside, n).as_json(),
            },
            "survived": _mean(survived) if survived else None,
            "displacement": self.displacement,
        }


@dataclass(frozen=True)
class RandomSets:
    """The same clips under random sets of features that move x as far."""

    sets: tuple[Condition, ...]
    wanted: tuple[float, ...]
    features: tuple[tuple[int, ...], ...] = ()

    @property
    def mean(self) -> float:
        """Mean eligible rate over the sets."""
        return _mean([one.eligible.share for one in self.sets])

    @property
    def largest(self) -> Rate:
        """The eligible rate of the set that shifts most."""
        return max((one.eligible for one in self.sets), key=lambda rate: rate.hits)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the mean, with the clips as n: the same clips under other sets are no new clips."""
        hits = _mean([one.eligible.hits for one in self.sets])
        return wilson(hits, self.sets[0].eligible.n)

    def mismatch(self) -> float:
        """Largest |displacement / wanted − 1| of any set on any clip; 0 where nothing was to be matched."""
        return max(
            (
                abs(reply.displacement / wanted - 1)
                for one in self.sets
                for reply, wanted in zip(one.replies, self.wanted, strict=True)
                if wanted > 0
            ),
            default=0.0,
        )

    def as_json(self) -> dict[str, Any]:
        every = {name: _mean([one.rates()[name].share for one in self.sets]) for name in DENOMINATORS}
        return {
            "sets": len(self.sets),
            "mean": self.mean,
            "interval": list(self.interval),
            "largest": self.largest.as_json(),
            "rates": every,
            "each": [one.eligible.share for one in self.sets],
            "features": [list(one) for one in self.features],
            "coherent": _mean([float(reply.coherent) for one in self.sets for reply in one.replies]),
            "displacement": _mean([one.displacement for one in self.sets]),
            "largest_mismatch": self.mismatch(),
        }


@dataclass(frozen=True)
class Tried:
    """One candidate on the selection part.

    Attributes
    ----------
    random : float
        Mean eligible rate of random sets there; NaN where none were asked.
    """

    candidate: Candidate
    condition: Condition
    random: float = float("nan")

    def as_json(self) -> dict[str, Any]:
        rate = self.condition.eligible
        return {
            "set": self.candidate.set.name, "kind": self.candidate.set.kind, "value": self.candidate.value,
            "mode": self.candidate.intervention.mode, "eligible": rate.as_json(), "random": self.random,
            "coherent": _mean([float(one.coherent) for one in self.condition.replies]),
            "displacement": self.condition.displacement,
        }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One goal under the best single feature, or the best set.

    Attributes
    ----------
    tried : tuple of Tried
        All candidates of the kind.
    units : Condition or None
        None where it could not be made; `notes` say why.
    """

    concept: str
    column: str
    source: str
    target: str
    chosen: Candidate
    tried: tuple[Tried, ...]
    steered: Condition
    reconstructed: Condition
    random: RandomSets | None
    units: Condition | None
    agreement: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    records: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def kind(self) -> str:
        return self.chosen.set.kind

    def as_json(self) -> dict[str, Any]:
        """Everything but the single clips."""
        controls: dict[str, Any] = {"reconstructed": self.reconstructed.as_json()}
        controls["random"] = None if self.random is None else self.random.as_json()
        controls["units"] = None if self.units is None else self.units.as_json()
        return {
            "concept": self.concept, "column": self.column, "source": self.source, "target": self.target,
            "kind": self.kind, "set": self.chosen.set.name, "value": self.chosen.value,
            "intervention": described(self.chosen.intervention),
            "selection": [one.as_json() for one in self.tried],
            "test": self.steered.as_json(), "controls": controls, "agreement": self.agreement,
            "few": self.steered.eligible.n < ENOUGH, "notes": list(self.notes),
        }  # fmt: skip


def condition(
    before: Sequence[tuple[Verdict, Verdict]], after: Sequence[Verdict], replies: Sequence[Reply], labels: Sequence[str]
) -> Condition:
    """Cases from verdicts: of each clip on the unsteered answer (target, source), and on the steered one (target)."""
    cases = tuple(
        Case(target.yes, source.yes, verdict.yes, verdict.parsed, reply.coherent)
        for (target, source), verdict, reply in zip(before, after, replies, strict=True)
    )
    outside = sum(one.stated is not None and one.stated not in labels for one in after)
    return Condition(cases, tuple(replies), outside)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
