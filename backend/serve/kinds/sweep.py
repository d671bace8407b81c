"""`sweep`: one answer for each of several values, and how probable chosen words become."""

from __future__ import annotations

from pydantic import Field

from backend.serve.base import REQUESTS, Fields, Talk
from backend.serve.conditions import Conditions
from backend.serve.kinds.encode import why_no_sound
from backend.serve.kinds.steer import ORDER, check_lengths, conditions_of
from backend.serve.outcomes import Outcome
from backend.serve.resident import Resident
from backend.serve.steering import AnswerRequest, on_stage
from backend.steer.engine import Scene
from backend.steer.intervention import CONDITIONS, Condition

AT_ONCE = 8
MOST_VALUES, MOST_WORDS = 1000, 64


@REQUESTS.register("sweep")
class Sweep(AnswerRequest):
    """The steered answer for each list of values, the original and other conditions once (A-51)."""

    conditions: list[Condition] = Field(list(CONDITIONS), description="Those wanted beside the values.")
    values: list[list[float]] = Field(
        min_length=1, max_length=MOST_VALUES, description="A value for every override, for each answer."
    )
    words: list[str] = Field(
        default_factory=list, max_length=MOST_WORDS,
        description="Words whose first token's probability at the answer's first position is wanted.",
    )  # fmt: skip

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        return why_no_sound(resident)

    def run(self, resident: Resident, talk: Talk) -> Fields:
        raw, sampling = resident.ranked(self.sae).raw, self.sampling()
        steered = self.intervention(raw)
        check_lengths(self.values, steered)
        rows = [steered.with_values(values) for values in self.values]
        stage = on_stage(resident, self, steered, talk)
        words = _tokens(stage.scene, self.words) if isinstance(stage.scene, Scene) else {}
        conditions = Conditions(stage, resident, sampling, talk, watched=list(dict.fromkeys(words.values())))
        wanted = conditions_of(steered, raw)
        # every value is compared with the original, so it is always answered
        asked = {name: wanted[name] for name in ORDER[1:] if name == "original" or name in self.conditions}
        found = {name: _value(outcome, words) for name, outcome in conditions.answers(asked).items()}
        values = []
        for row, outcome in conditions.several(rows, AT_ONCE):
            values.append({"values": row.values, **_value(outcome, words)})
            talk.part(stage="value", **values[-1])
            talk.step(f"{len(values)} of {len(rows)} values answered", len(values) / len(rows))
        return {
            "sae": stage.ranked.id, "layer": stage.ranked.layer, "mode": steered.mode, "duration": stage.duration,
            "heard": [stage.heard], "warnings": stage.warnings(steered),
            "conditions": found, "values": values,
        }  # fmt: skip


def _tokens(scene: Scene, words: list[str]) -> dict[str, int]:
    return {word: scene.prefix.word_token(word) for word in words}


def _value(outcome: Outcome, words: dict[str, int]) -> Fields:
    return {"answer": outcome.answer, "words": {word: outcome.shares[token] for word, token in words.items()}}
