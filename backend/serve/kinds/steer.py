"""`steer`: what the model answers when features are overridden, beside the original and the reconstructed answer."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pydantic import Field

from backend.errors import ArdError
from backend.serve.base import REQUESTS, Fields, Talk
from backend.serve.conditions import Asked, Conditions
from backend.serve.kinds.encode import why_no_sound
from backend.serve.resident import Resident
from backend.serve.steering import AnswerRequest, on_stage
from backend.steer.intervention import CONDITIONS, Condition, Intervention

ORDER: tuple[Condition, ...] = ("steered", "original", "reconstructed")
MOST_NEIGHBOURS = 64


@REQUESTS.register("steer")
class Steer(AnswerRequest):
    """Three conditions of one sound and prompt, streamed, then the neighbours of the steered one in the background."""

    conditions: list[Condition] = Field(list(CONDITIONS), min_length=1, description="Those wanted.")
    neighbours: list[list[float]] = Field(
        default_factory=list, max_length=MOST_NEIGHBOURS,
        description="Other values of the same features, answered in one batch behind everything else.",
    )  # fmt: skip

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        return why_no_sound(resident)

    def run(self, resident: Resident, talk: Talk) -> Fields:
        began = time.perf_counter()
        raw, sampling = resident.ranked(self.sae).raw, self.sampling()
        steered = self.intervention(raw)
        check_lengths(self.neighbours, steered)
        stage = on_stage(resident, self, steered, talk)
        staged = time.perf_counter()
        conditions = Conditions(stage, resident, sampling, talk)
        wanted = conditions_of(steered, raw)
        answers = conditions.answers({name: wanted[name] for name in ORDER if name in self.conditions})
        seconds = {
            "scene": staged - began,
            "first": conditions.first_at - began,
            "answers": time.perf_counter() - began,
        }
        result: Fields = {
            "sae": stage.ranked.id, "layer": stage.ranked.layer, "mode": steered.mode, "duration": stage.duration,
            "heard": [stage.heard], "warnings": stage.warnings(steered),
            "milliseconds": {name: 1000 * value for name, value in seconds.items()},
        }  # fmt: skip
        talk.part(stage="ready", **result)
        self._neighbours(conditions, steered)
        return {"answers": {name: answers[name].answer for name in CONDITIONS if name in answers}, **result}

    def _neighbours(self, conditions: Conditions, steered: Intervention) -> None:
        """Values that the mode cannot take are left out: they are a guess of where the slider goes next."""
        wanted = []
        for values in self.neighbours:
            try:
                wanted.append(steered.with_values(values))
            except ArdError:
                continue
        if wanted:
            conditions.talk.background()
        for one, outcome in conditions.several(list(dict.fromkeys(wanted)), MOST_NEIGHBOURS):
            conditions.talk.part(stage="neighbour", values=one.values, answer=outcome.answer)


def conditions_of(steered: Intervention, raw: bool) -> Asked:
    """The three conditions; raw units are not reconstructed, so that condition is the original itself."""
    return {"steered": steered, "original": None, "reconstructed": None if raw else steered.reconstructed}


def check_lengths(lists: Sequence[Sequence[float]], steered: Intervention) -> None:
    """ArdError unless every list has a value for every override."""
    for values in lists:
        if len(values) != len(steered.features):
            raise ArdError(
                f"{len(values)} values were given for {len(steered.features)} overrides",
                todo="Give one value for each override, in the same order.",
            )
