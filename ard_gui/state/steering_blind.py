"""A/B blind: which of two answers is the steered one, or which fits the sound better; judged before it is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ard_gui.state.share_interval import share_interval
from backend.export.wording import number
from backend.store.notes.steering import SteeredClip

Side = Literal["A", "B"]
Verdict = Literal["", "A", "B", "cannot tell"]
Question = Literal["steered", "fits"]
CANNOT_TELL: Verdict = "cannot tell"
QUESTIONS: dict[Question, str] = {
    "steered": "Which answer is the steered one?",
    "fits": "Which answer fits the sound better?",
}
RIGHT: dict[Question, str] = {"steered": "steered one found", "fits": "steered one preferred"}
REFERENCES = ("original", "reconstructed")


@dataclass
class Trial:
    """One sound.

    Attributes
    ----------
    sound : SteeredClip
    steered : "A" or "B"
        Where the steered answer stands; drawn before anything is asked.
    texts : dict of condition to str
        Both answers, once they are there.
    problem : str
        Why there are none.
    verdict : str
        "" before it is judged.
    """

    sound: SteeredClip
    steered: Side
    texts: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    verdict: Verdict = ""

    @property
    def same(self) -> bool:
        """Whether both answers are the same text: there is nothing to judge."""
        return len(self.texts) == 2 and len(set(self.texts.values())) == 1

    @property
    def over(self) -> bool:
        return bool(self.problem or self.verdict) or self.same

    @property
    def ready(self) -> bool:
        """Whether it can be judged now."""
        return len(self.texts) == 2 and not self.over

    @property
    def for_steered(self) -> bool:
        """Whether the verdict is the steered answer: found it, or preferred it."""
        return self.verdict == self.steered


@dataclass(frozen=True)
class Outcome:
    """What a test came to.

    Attributes
    ----------
    right, n : int
        Verdicts for the steered answer, of all verdicts for A or B.
    undecided, same, failed, open : int
        Sounds at which the person could not tell; whose answers were the same text; without answers; not judged.
    """

    right: int
    n: int
    undecided: int
    same: int
    failed: int
    open: int

    @property
    def share(self) -> float:
        """NaN for n = 0."""
        return self.right / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the share."""
        return share_interval(self.right, self.n)


class BlindTest:
    """Sounds in a drawn order, each with a drawn side for its steered answer.

    Parameters
    ----------
    sounds : sequence of SteeredClip
    reference : str
        What the steered answer stands beside: "original" or "reconstructed".
    question : str
        One of `QUESTIONS`.
    seed : int
        Of both draws.
    """

    def __init__(self, sounds: Sequence[SteeredClip], reference: str, question: Question, seed: int) -> None:
        if reference not in REFERENCES or question not in QUESTIONS:
            raise ValueError(f"a blind test has no {reference!r} or {question!r}")
        self.reference, self.question, self.seed = reference, question, seed
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(sounds))
        sides = generator.integers(0, 2, len(sounds))
        self.trials = [
            Trial(sounds[at], "A" if side else "B")
            for at, side in zip(order.tolist(), sides.tolist(), strict=True)
        ]  # fmt: skip

    @property
    def current(self) -> Trial | None:
        """The first sound that is not over; None at the end."""
        return next((one for one in self.trials if not one.over), None)

    def shown(self, trial: Trial) -> tuple[str, str]:
        """The texts of A and B."""
        steered, other = trial.texts["steered"], trial.texts[self.reference]
        return (steered, other) if trial.steered == "A" else (other, steered)

    def judge(self, verdict: Verdict) -> None:
        """Take a verdict on the current sound; ValueError where there is none that can be judged."""
        trial = self.current
        if trial is None or not trial.ready or verdict not in ("A", "B", CANNOT_TELL):
            raise ValueError("there is nothing to judge")
        trial.verdict = verdict

    def outcome(self) -> Outcome:
        """The counts so far."""
        decided = [one for one in self.trials if one.verdict in ("A", "B")]
        return Outcome(
            sum(one.for_steered for one in decided), len(decided),
            sum(one.verdict == CANNOT_TELL for one in self.trials), sum(one.same for one in self.trials),
            sum(bool(one.problem) for one in self.trials), sum(not one.over for one in self.trials),
        )  # fmt: skip

    def sentence(self) -> str:
        """The outcome in words."""
        found = self.outcome()
        low, high = found.interval
        told = (
            f"{RIGHT[self.question]} in {found.right} of {found.n} ({found.share:.0%}, 95 % Wilson interval "
            f"{low:.0%} to {high:.0%}; guessing gives 50 %)"
            if found.n else "nothing was decided"
        )  # fmt: skip
        rest = (
            (found.undecided, "could not tell"), (found.same, "with the same answer"), (found.failed, "failed"),
            (found.open, "not judged"),
        )  # fmt: skip
        counted = ", ".join(f"{count} {what}" for count, what in rest if count)
        told += f"; {counted}" if counted else ""
        return f"A/B blind against {self.reference}, seed {self.seed}: {told}."

    def rows(self, setup: dict[str, Any]) -> list[dict[str, Any]]:
        """A row per sound with everything that was asked, drawn and judged; `setup` is repeated in each."""
        return [
            {
                "place": place, "record": one.sound.record, "path": one.sound.path, "clip": one.sound.key,
                "question": self.question, "reference": self.reference, "drawn_with": self.seed,
                "steered_is": one.steered,
                "verdict": one.verdict, "for_steered": one.for_steered if one.verdict in ("A", "B") else None,
                "same_answer": one.same, "problem": one.problem, "steered": one.texts.get("steered", ""),
                "other": one.texts.get(self.reference, ""),
                **{name: value for name, value in setup.items() if name not in ("record", "path")},
            }
            for place, one in enumerate(self.trials)
        ]  # fmt: skip


def setup_line(overrides: Sequence[tuple[int, float]]) -> str:
    """Values in a line."""
    return ", ".join(f"{feature} = {number(value)}" for feature, value in overrides)
