"""The conditions of one request, given out part by part as they come (docs/model-server.md, `steer`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from backend.extract.forward import is_out_of_memory
from backend.serve.base import Fields, Talk
from backend.serve.outcomes import Begun, Outcome, begin, complete, key_of, remember_original
from backend.serve.resident import Resident
from backend.serve.steering import Stage, free_memory, with_room
from backend.steer.answers import Sampling
from backend.steer.intervention import Condition, Intervention

Asked = dict[Condition, Intervention | None]


@dataclass
class Conditions:
    """Results on one stage, kept in the server's memory.

    Attributes
    ----------
    watched : list of int
        Tokens whose probability at the first position is wanted.
    first_at : float
        When the first token's distribution was there, in seconds of `time.perf_counter`.
    """

    stage: Stage
    resident: Resident
    sampling: Sampling
    talk: Talk
    watched: Sequence[int] = ()
    first_at: float = 0.0
    _begun: dict[Condition, Begun] = field(default_factory=dict)

    def answers(self, asked: Asked) -> dict[Condition, Outcome]:
        """Of every condition, in the given order; those that are kept are given out as soon as the first has begun."""
        found: dict[Condition, Outcome] = {}
        remember_original(self.stage, self.known(None), self.sampling)
        for name, intervention in asked.items():
            known = self.known(intervention)
            if known is not None:
                found[name] = self._cached(name, known)
            elif not self._begun and not found:
                self._begin(name, intervention)
        for name, intervention in asked.items():
            if name not in found:
                found[name] = self._answer(name, intervention)
                remember_original(self.stage, self.known(None), self.sampling)
        for name, intervention in asked.items():
            if complete(self.stage, found[name], intervention, self.sampling):
                self.talk.part(stage="compared", condition=name, answer=found[name].answer)
        return found

    def several(self, wanted: Sequence[Intervention], at_once: int) -> Iterator[tuple[Intervention, Outcome]]:
        """Results of interventions in their order, as many in a batch as memory allows; nothing is given out."""
        remember_original(self.stage, self.known(None), self.sampling)
        first = 0
        while first < len(wanted):
            self.talk.check()
            part = wanted[first : first + at_once]
            found = self._batch(part)
            if found is None:
                at_once = -(-len(part) // 2)
                self.talk.step(f"the memory is too small for {len(part)} answers at once; going on with {at_once}")
                free_memory()
                continue
            yield from zip(part, found, strict=True)
            first += len(part)

    def known(self, intervention: Intervention | None) -> Outcome | None:
        """The result that is kept, if it knows all that is wanted of it."""
        found: Outcome | None = self.resident.answers.get(key_of(self.stage, intervention, self.sampling))
        return found if found is not None and set(self.watched) <= set(found.shares) else None

    def _batch(self, part: Sequence[Intervention]) -> list[Outcome] | None:
        """Results of all of `part` at once; None if the memory is too small for it."""
        known = [self.known(one) for one in part]
        missing = [one for one, there in zip(part, known, strict=True) if there is None]
        written: list[Outcome] = []
        if missing:
            try:
                written = begin(self.stage, missing, self.sampling, self.watched).write(self.talk.check)
            except Exception as error:
                if not is_out_of_memory(error) or len(part) == 1:
                    raise
                return None
        for one, outcome in zip(missing, written, strict=True):
            self._keep(one, outcome)
        rest = iter(written)
        return [next(rest) if there is None else there for there in known]

    def _answer(self, name: Condition, intervention: Intervention | None) -> Outcome:
        # it may be the same as a condition before it
        known = self.known(intervention)
        if known is not None:
            return self._cached(name, known)
        if name not in self._begun:
            self._begin(name, intervention)

        def told(row: int, index: int, token: Fields) -> None:
            self.talk.part(stage="token", condition=name, index=index, token=token)

        (outcome,) = self._begun.pop(name).write(self.talk.check, told)
        self._keep(intervention, outcome)
        self.talk.part(stage="done", condition=name, answer=outcome.answer, cached=False)
        return outcome

    def _begin(self, name: Condition, intervention: Intervention | None) -> None:
        self.talk.check()
        self._begun[name] = with_room(
            self.resident, self.stage.key, self.talk,
            lambda: begin(self.stage, [intervention], self.sampling, self.watched),
        )  # fmt: skip
        self._first(name, self._begun[name].firsts[0], cached=False)

    def _cached(self, name: Condition, outcome: Outcome) -> Outcome:
        self._first(name, outcome.first, cached=True)
        self.talk.part(stage="done", condition=name, answer=outcome.answer, cached=True)
        return outcome

    def _first(self, name: Condition, first: Fields, *, cached: bool) -> None:
        self.talk.part(stage="first", condition=name, **first, cached=cached)
        self.first_at = self.first_at or time.perf_counter()

    def _keep(self, intervention: Intervention | None, outcome: Outcome) -> None:
        self.resident.answers.put(key_of(self.stage, intervention, self.sampling), outcome, outcome.nbytes)
