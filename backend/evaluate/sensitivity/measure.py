"""Measure sensitivity: choose on the selection part, report on the test part, with every control (A-51 … A-59)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from backend.errors import ArdError, Stopped
from backend.evaluate.judges.base import Judge
from backend.evaluate.sensitivity.agree import agreement
from backend.evaluate.sensitivity.asking import Answered, Asking
from backend.evaluate.sensitivity.controls import RANDOM_SETS, random_sets, unit_set
from backend.evaluate.sensitivity.goals import Goal
from backend.evaluate.sensitivity.items import Item, asked
from backend.evaluate.sensitivity.parts import Parts, few
from backend.evaluate.sensitivity.replies import Ask
from backend.evaluate.sensitivity.result import RandomSets, Row, Tried
from backend.steer.intervention import Intervention

UNIT_CLIPS = 40
"""Most clips of either label from which raw units are chosen."""
ORIGINAL, RECONSTRUCTED, STEERED = range(3)
"""Places of the asks on the test part; random sets and raw units follow."""


@dataclass(frozen=True)
class Plan:
    """How much is asked, and how a candidate is chosen.

    Attributes
    ----------
    seed : int
        Of the prompts, the parts and the random sets.
    random_sets : int
        On the test part.
    selection_random_sets : int
        On the selection part, for each candidate: then the candidate with the largest rate above theirs is chosen, and
        not the one with the largest rate. Of equal ones the smallest displacement wins.
    enough : float
        Rates above it count as equal, so that the smallest dose that does it is chosen.
    selection_clips, test_clips : int
        Most clips of a goal; 0 for all.
    units : bool
        Ask under raw units too.
    """

    seed: int = 0
    random_sets: int = RANDOM_SETS
    selection_random_sets: int = 0
    selection_clips: int = 60
    test_clips: int = 0
    units: bool = True
    enough: float = 1.0


class Measurement:
    """Measures goals.

    Parameters
    ----------
    alive : sequence of int
        Features from which random sets are drawn.
    second : Judge or None
        Judges the same answers; only its agreement is reported.
    """

    def __init__(self, asking: Asking, alive: Sequence[int], plan: Plan, second: Judge | None = None) -> None:
        self.asking, self.alive, self.plan, self.second = asking, alive, plan, second
        self.engine = asking.replies.engine
        self._known_means: dict[tuple[str, str, str], torch.Tensor] = {}

    def run(self, goals: Sequence[Goal], parts: Parts) -> list[Row]:
        """Two rows a goal at most: its best single feature and its best set.

        Raises ArdError if a goal has no clips of its source, a feature is not there, or a verdict cannot be had;
        Stopped between clips.
        """
        for goal in goals:
            for one in goal.candidates:
                self.engine.space.check(one.intervention)
        chosen = [self._clips(goal, parts) for goal in goals]
        self.asking.begin(
            sum(
                len(selection) + len(test) * len(_kinds(goal))
                for goal, (selection, test) in zip(goals, chosen, strict=True)
            )
        )
        rows: list[Row] = []
        for goal, (selection, test) in zip(goals, chosen, strict=True):
            tried = self._select(goal, selection)
            for kind in _kinds(goal):
                same = tuple(one for one in tried if one.candidate.set.kind == kind)
                rows.append(self._test(goal, same, test, parts))
        return rows

    def _clips(self, goal: Goal, parts: Parts) -> tuple[list[Item], list[Item]]:
        selection = few(goal.sources(parts.selection), self.plan.selection_clips, self.plan.seed)
        test = few(goal.sources(parts.test), self.plan.test_clips, self.plan.seed)
        for name, some in (("selection", selection), ("test", test)):
            if not some:
                raise ArdError(
                    f"{goal.name}: no clip of the {name} part has '{goal.source}' as its {goal.column}",
                    todo="Name another source, or other splits.",
                )
        return selection, test

    def _select(self, goal: Goal, items: list[Item]) -> list[Tried]:
        """Every candidate on the selection part."""
        each = self.plan.selection_random_sets
        asks = [Ask(), *(Ask(one.intervention) for one in goal.candidates)]
        # other sets than those of the test, so that no control is chosen against
        asks += [
            Ask(other, matched=one.intervention)
            for one in goal.candidates
            for other in random_sets(one.intervention, self.alive, each, self.plan.seed + 1)
        ]
        answered = self.asking.ask(goal, items, asks)
        found = []
        for number, candidate in enumerate(goal.candidates):
            start = 1 + len(goal.candidates) + number * each
            shares = [answered.condition(column).eligible.share for column in range(start, start + each)]
            random = sum(shares) / each if each else float("nan")
            found.append(Tried(candidate, answered.condition(1 + number), random))
        return found

    def _test(self, goal: Goal, tried: tuple[Tried, ...], items: list[Item], parts: Parts) -> Row:
        """The best candidate and its controls on the test part."""
        best = max(tried, key=lambda one: merit(one, self.plan.enough)).candidate
        sets = random_sets(best.intervention, self.alive, self.plan.random_sets, self.plan.seed)
        unit, note = self._units(goal, best.intervention, parts)
        asks = [Ask(), Ask(best.intervention.reconstructed), Ask(best.intervention)]
        asks += [Ask(one, matched=best.intervention) for one in sets]
        answered = self.asking.ask(goal, items, asks if unit is None else [*asks, unit])
        steered = answered.condition(STEERED)
        random = tuple(answered.condition(STEERED + 1 + number) for number in range(len(sets)))
        wanted = tuple(one.displacement for one in steered.replies)
        return Row(
            goal.name, goal.column, goal.source, goal.target, best, tried, steered,
            reconstructed=answered.condition(RECONSTRUCTED),
            random=RandomSets(random, wanted, tuple(one.features for one in sets)) if sets else None,
            units=None if unit is None else answered.condition(len(asks)),
            agreement=self._agreement(goal, answered),
            notes=(note,) if note else (),
            records=tuple(_records(answered, steered.cases, best.set.kind)),
        )  # fmt: skip

    def _agreement(self, goal: Goal, answered: Answered) -> dict[str, Any] | None:
        if self.second is None:
            return None
        said = [
            (prompt, row[column].text)
            for prompt, row in zip(answered.prompts, answered.replies, strict=True)
            for column in (ORIGINAL, STEERED)
        ]
        return agreement(answered.judge, self.second, said, goal.target, goal.scale)

    def _units(self, goal: Goal, chosen: Intervention, parts: Parts) -> tuple[Ask | None, str]:
        """The ask under raw units, or why there is none."""
        if not self.plan.units:
            return None, ""
        target, others = (self._means(goal, which, parts, chosen) for which in ("target", "source"))
        if min(len(target), len(others)) < 2:
            return None, f"no raw units: the selection part has fewer than two usable clips of '{goal.target}'"
        intervention, centre = unit_set(chosen, target, others)
        return Ask(intervention, matched=chosen, units=True, centre=centre), ""

    def _means(self, goal: Goal, which: str, parts: Parts, chosen: Intervention) -> torch.Tensor:
        """Mean residual stream [n, d] over the steered positions of selection clips of the target or the source."""
        key = (goal.name, which, chosen.positions)
        if key not in self._known_means:
            items = goal.targets(parts.selection) if which == "target" else goal.sources(parts.selection)
            some = few(items, UNIT_CLIPS, self.plan.seed)
            found = [mean for item in some if (mean := self._mean(goal, item, chosen)) is not None]
            self._known_means[key] = torch.stack(found) if found else torch.empty(0, self.engine.space.d)
        return self._known_means[key]

    def _mean(self, goal: Goal, item: Item, chosen: Intervention) -> torch.Tensor | None:
        """[d]; None for a clip that cannot be used."""
        self.asking.job.check_stop()
        try:
            wave, prompt = self.asking.load(item), asked(item, goal.prompts, self.plan.seed)
            prefix = self.engine.target.begin(wave, prompt, self.engine.layer)
        except Stopped:
            raise
        except ArdError:
            return None
        x = prefix.x if chosen.positions == "prompt" else prefix.x[prefix.audio]
        return x.float().mean(dim=0).cpu()


def merit(one: Tried, enough: float = 1.0) -> tuple[float, float]:
    """What a candidate is chosen by: its rate, rates above `enough` being equal, less that of random sets where they
    were asked; of equal ones the smallest displacement wins."""
    share, random = one.condition.eligible.share, one.random
    gain = min(share, enough) - (random if random == random else 0.0)
    return (gain if gain == gain else -1.0, -one.condition.displacement)


def _kinds(goal: Goal) -> list[str]:
    return list(dict.fromkeys(one.set.kind for one in goal.candidates))


def _records(answered: Answered, cases: Sequence[Any], kind: str) -> list[dict[str, object]]:
    """One line a clip: what it is, what was asked and said, and what was made of it."""
    return [
        {
            "concept": answered.goal.name, "kind": kind, "record": item.record, "label": answered.goal.label(item),
            "prompt": prompt, "original": row[ORIGINAL].text, "reconstructed": row[RECONSTRUCTED].text,
            "steered": row[STEERED].text, **asdict(case), "why": row[STEERED].why,
            "displacement": row[STEERED].displacement,
        }
        for item, prompt, row, case in zip(
            answered.items, answered.prompts, answered.replies, cases, strict=True
        )
    ]  # fmt: skip
