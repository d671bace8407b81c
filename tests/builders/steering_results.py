"""Steering results made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.store.notes.steering import AnswerToken, Condition, Override, SteeredClip, SteeringResult

SAE = "a" * 64


def toy_result(**changes: Any) -> SteeringResult:
    """A result on a made-up clip: feature 12 at 3.5 turned "a dog barks." into "a cat purrs."."""
    made = SteeringResult(
        sae=SAE, ranking="decoder.1", layer="decoder.1", model="model",
        clip=SteeredClip("0123456789abcdef", "dogs/one.wav", "one.wav", "", 0.0, None, 2.5), prompt="What is heard?",
        features=(Override(12, 3.5, 1.75, "cat"), Override(99, 0.0)), mode="delta", positions="audio", decode="off",
        add_error=False, max_new_tokens=16, temperature=0.0, seed=7,
        conditions={
            "original": Condition("a dog barks."),
            "reconstructed": Condition("a dog barks", kl_first=0.1, kl_answer=0.2, repetition=0.0, coherent=True),
            "steered": Condition(
                "a cat purrs.",
                (AnswerToken("a", 5, 0.5, (("a", 0.5), ("the", 0.25))), AnswerToken(" cat", 6, 0.75)),
                1.5, 2.5, 0.0, True, False, (0.5, None),
            ),
        },
        made_with={"ard": "0.1"}, time="2026-01-31T12:00:00.000000Z",
    )  # fmt: skip
    return replace(made, **changes)
