"""The whole measurement: vectors from the train part, strength from the selection part, figures from the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.sae.base import Sae
from backend.steer.hallucination.clips import Item, Items
from backend.steer.hallucination.listener import Listener
from backend.steer.hallucination.measure import Asked, Measurement
from backend.steer.hallucination.plan import Plan
from backend.steer.hallucination.push import ORIGINAL, RECONSTRUCTED, displacement, random_push
from backend.steer.hallucination.results import Results
from backend.steer.hallucination.tables import Candidate, Condition, Figures, Row, choose
from backend.steer.hallucination.vectors import Vectors, f1_rows, make
from backend.steer.hallucination.wording import english_normaliser

ALL = "all"
CONTROLS = (Condition("original", ORIGINAL), Condition("reconstructed", RECONSTRUCTED))


@dataclass
class Outcome:
    """What was found: tables by name (rows of plain values), and facts about the run."""

    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)


class Hallucination:
    """One measurement of one SAE.

    Parameters
    ----------
    items : Items
        Clips by part.
    folder : Path
        Where per-clip results are kept; a run that was stopped goes on there.
    identity : str
        Fingerprint of model, layer, SAE and readings.
    """

    def __init__(
        self, listener: Listener, sae: Sae, plan: Plan, items: Items, folder: Path, identity: str, job: Job
    ) -> None:
        self.plan, self.items, self.sae, self.job = plan, items, sae, job
        self.results = Results(folder, identity)
        self.measurement = Measurement(listener, sae, plan, self.results)
        normalise, self.normaliser = english_normaliser(listener.target.processor.tokenizer)
        self.figures = Figures(plan, self.results, normalise)
        self.sets = [one.name for one in plan.non_speech]

    def run(self) -> Outcome:
        """All tables of S-49; ArdError if nothing can be learnt from the train part, Stopped between clips."""
        vectors = self._vectors()
        pooled = vectors[0]
        chosen, s_chosen, notes = self._select(pooled)
        randoms = self._randoms(chosen)
        return self._test(vectors, chosen, s_chosen, randoms, notes)

    def _pass(self, stage: str, items: Sequence[Item], asked: Sequence[Asked], *, pooled: bool = False) -> list[Item]:
        with self.job.running(stage):
            found = self.measurement.run(items, asked, self.job, pooled=pooled)
        if not found:
            raise ArdError(f"no clip of the {stage} could be read", todo="Look at the messages above.")
        return found

    def _counts_text(self) -> bool:
        return self.plan.readings.count == "p_and_text"

    def _vectors(self) -> list[Vectors]:
        """Those of all clips first, then of each set where there are several and each can be fitted."""
        train = self._pass("train part", self.items.of("train", speech=False), [Asked(ORIGINAL)], pooled=True)
        self.train = train
        per_vector = self.sae.config.input_scaling == "per_vector"
        size = self.sae.config.n_features
        found = [make(ALL, train, self.plan, self.results, size, per_vector)]
        self.not_fitted: dict[str, str] = {}
        for name in self.sets if self.plan.grid.each_set and len(self.sets) > 1 else ():
            try:
                mine = [one for one in train if one.set == name]
                found.append(make(name, mine, self.plan, self.results, size, per_vector))
            except ArdError as error:
                self.not_fitted[name] = str(error)
                self.job.message(f"no vector from {name}: {error}", level="warning")
        return found

    def _grid(self, vectors: Vectors) -> list[Condition]:
        ks = sorted({min(k, self.sae.config.n_features) for k in self.plan.grid.k})
        return [
            Condition("steered", vectors.steered(k, alpha), vectors.source, k, alpha)
            for k in ks for alpha in self.plan.grid.alpha
        ]  # fmt: skip

    def _s_grid(self, vectors: Vectors) -> list[Condition]:
        alphas = self.plan.grid.s_vector_alpha
        return [Condition("s-vector", vectors.along_s(alpha), vectors.source, 0, alpha) for alpha in alphas]

    def _select(self, pooled: Vectors) -> tuple[Condition, Condition, dict[str, Any]]:
        steered, along = self._grid(pooled), self._s_grid(pooled)
        asked = [Asked(one.push, self._counts_text()) for one in (*CONTROLS, *steered, *along)]
        quiet = self._pass("selection part", self.items.of("selection", speech=False), asked)
        spoken = self._pass(
            "speech of the selection part", self.items.of("selection", speech=True),
            [Asked(one.push, True) for one in asked],
        )  # fmt: skip
        self.selected_on = (quiet, spoken)

        def judged(condition: Condition) -> Candidate:
            fpr, tpr = (self.figures.rate(part, condition.push).value for part in (quiet, spoken))
            return Candidate(condition, fpr, tpr, self.figures.errors(spoken, condition.push).value)

        original, reconstructed = (judged(one) for one in CONTROLS)
        base = original if self.plan.readings.add_error else reconstructed
        chosen, good = choose([judged(one) for one in steered], base, self.plan)
        s_chosen, s_good = choose([judged(one) for one in along], original, self.plan)
        notes = {"chosen_within_limits": good, "s_vector_within_limits": s_good, "chosen_against": base.condition.name}
        return chosen.condition, s_chosen.condition, notes

    def _randoms(self, chosen: Condition) -> list[Condition]:
        """Random features at the chosen displacement, among those that are active in the train part."""
        alive = np.unique(np.concatenate([self.results.pooled(one.key).feature for one in self.train]))
        generator = np.random.default_rng(self.plan.shares.seed)
        pushes = [random_push(self.sae, alive, chosen.push, generator) for _ in range(self.plan.grid.random_draws)]
        return [
            Condition("random features", push, f"draw {i}", len(push.features), push.amount)
            for i, push in enumerate(pushes)
        ]

    def _test(
        self, vectors: list[Vectors], chosen: Condition, s_chosen: Condition, randoms: list[Condition],
        notes: dict[str, Any],
    ) -> Outcome:  # fmt: skip
        grids = [one for source in vectors for one in self._grid(source)]
        s_grids = [one for source in vectors for one in self._s_grid(source)]
        extreme = max(self._grid(vectors[0]), key=lambda one: (one.k, one.alpha))
        main = [*CONTROLS, chosen, s_chosen]
        if extreme.push != chosen.push:
            main.append(Condition("steered, extreme", extreme.push, extreme.source, extreme.k, extreme.alpha))
        counts = self._counts_text()
        wanted = [Asked(one.push, counts) for one in (*main, *grids, *s_grids, *randoms)]
        quiet = self._pass("test part", self.items.of("test", speech=False), _distinct(wanted), pooled=True)
        wanted = [*(Asked(one.push, True) for one in main), *(Asked(one.push, counts) for one in randoms)]
        spoken = self._pass("speech of the test part", self.items.of("test", speech=True), wanted)
        outcome = Outcome(self._facts(vectors, chosen, s_chosen, notes))
        outcome.tables = {
            "summary": self._summary(main, quiet, spoken),
            "differences": [
                row for one in main[2:] for control in CONTROLS
                for row in self.figures.differences(one, control, quiet, spoken)
            ],
            "random": self._random_rows(randoms, quiet, spoken),
            "f1": [row for one in vectors for row in f1_rows(
                one, [t for t in self.train if one.source in (ALL, t.set)], quiet, self.plan, self.results)],
            "fpr_grid": self._fpr_rows([*CONTROLS, *grids], quiet),
            "s_vector_grid": self._fpr_rows(s_grids, quiet),
            "selection_grid": self._selection_rows(vectors[0]),
            "histograms": [
                row for one in main for name, part in self._sets(quiet, spoken)
                for row in self.figures.histogram(one, name, part)
            ],
            "clips": self._clip_rows(main, [*quiet, *spoken], {one.key for one in spoken}),
        }  # fmt: skip
        return outcome

    def _sets(self, quiet: Sequence[Item], spoken: Sequence[Item]) -> list[tuple[str, Sequence[Item]]]:
        by_set = [(name, [one for one in quiet if one.set == name]) for name in self.sets]
        named = [one for one in by_set if one[1]]
        whole: list[tuple[str, Sequence[Item]]] = [(ALL, quiet)] if len(named) > 1 else []
        return [*named, *whole, *([(self.plan.speech.name, spoken)] if spoken else [])]

    def _summary(self, main: Sequence[Condition], quiet: Sequence[Item], spoken: Sequence[Item]) -> list[Row]:
        speech = self.plan.speech.name
        return [
            row for one in main for row in (
                *(self.figures.rate_row(one, "FPR", name, part) for name, part in self._sets(quiet, [])),
                self.figures.rate_row(one, "TPR", speech, spoken), self.figures.wer_row(one, speech, spoken),
            )
        ]  # fmt: skip

    def _random_rows(self, randoms: Sequence[Condition], quiet: Sequence[Item], spoken: Sequence[Item]) -> list[Row]:
        return [
            row for one in randoms for row in (
                self.figures.rate_row(one, "FPR", ALL, quiet),
                self.figures.rate_row(one, "TPR", self.plan.speech.name, spoken),
            )
        ]  # fmt: skip

    def _fpr_rows(self, conditions: Sequence[Condition], quiet: Sequence[Item]) -> list[Row]:
        return [
            self.figures.rate_row(one, "FPR", name, part)
            for one in conditions for name, part in self._sets(quiet, [])
        ]  # fmt: skip

    def _selection_rows(self, pooled: Vectors) -> list[Row]:
        """What was chosen from: FPR, TPR and WER of the selection part."""
        quiet, spoken = self.selected_on
        speech = self.plan.speech.name
        return [
            row for one in (*CONTROLS, *self._grid(pooled), *self._s_grid(pooled)) for row in (
                self.figures.rate_row(one, "FPR", ALL, quiet), self.figures.rate_row(one, "TPR", speech, spoken),
                self.figures.wer_row(one, speech, spoken),
            )
        ]  # fmt: skip

    def _clip_rows(self, main: Sequence[Condition], items: Sequence[Item], spoken: set[str]) -> list[Row]:
        return [
            {"set": item.set, "record": item.clip.record, "said": item.text, **one.columns(),
             "p": self.results[item.key, one.push.identity()].p,
             "transcript": self.results[item.key, one.push.identity()].text or ""}
            for item in items for one in main
        ]  # fmt: skip

    def _facts(
        self, vectors: list[Vectors], chosen: Condition, s_chosen: Condition, notes: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "chosen": {**chosen.columns(), "features": list(chosen.push.features), "signs": list(chosen.push.signs),
                       "amount": chosen.push.amount, "displacement": displacement(self.sae, chosen.push)},
            "s_vector": {**s_chosen.columns(), "amount": s_chosen.push.amount},
            **notes,
            "vectors": [
                {"source": one.source, "clips": one.clips, "detected": one.heard, "alpha_is": one.units,
                 "s_vector_alpha_is": one.s_units, "s_vector_sign": one.sign}
                for one in vectors
            ],
            "not_fitted": self.not_fitted,
            "clips": self.items.counts(),
            "left_out": self.items.left_out,
            "failed": self.measurement.failed,
            "normaliser": self.normaliser,
        }  # fmt: skip


def _distinct(asked: Sequence[Asked]) -> list[Asked]:
    found = {one.push.identity(): one for one in asked}
    return list(found.values())
