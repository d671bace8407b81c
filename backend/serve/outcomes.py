"""Answers under interventions on one stage: begun in a batch, written, judged, and kept for the next request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from backend.serve.base import Fields
from backend.serve.steering import Stage
from backend.steer.answers import Answer, Sampling, Token, kl_divergence
from backend.steer.coherence import coherence
from backend.steer.engine import Scene, Started
from backend.steer.intervention import Intervention
from backend.steer.representation import EncoderScene

OnToken = Callable[[int, int, Fields], None]
"""Row, index of the token in its answer, and its fields."""


@dataclass
class Outcome:
    """One condition's result.

    Attributes
    ----------
    first : dict
        Fields of its "first" part.
    answer : dict
        ANSWER of docs/model-server.md.
    shares : dict of int to float
        Probability at the first position of tokens that were asked for.
    """

    first: Fields
    answer: Fields
    shares: dict[int, float] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """A guess that is good enough to bound what is kept."""
        return 1000 + 600 * len(self.answer["tokens"]) + 40 * len(self.answer["representation"] or ())


class Begun(ABC):
    """Answers to one or several interventions, of which the first token's distribution is known.

    Attributes
    ----------
    firsts : list of dict
        Fields of each row's "first" part.
    """

    firsts: list[Fields]

    @abstractmethod
    def write(self, check: Callable[[], None], on_token: OnToken = lambda row, index, token: None) -> list[Outcome]:
        """The results; `check` is called between steps and may raise."""


def begin(
    stage: Stage, interventions: Sequence[Intervention | None], sampling: Sampling, watched: Sequence[int] = ()
) -> Begun:
    """Run what is above the layer for all interventions at once; ArdError as `Prepared.apply`.

    Parameters
    ----------
    watched : sequence of int
        Tokens whose probability at the first position is wanted.
    """
    if isinstance(stage.scene, EncoderScene):
        return _BegunRepresentations(stage.scene, interventions)
    return _BegunAnswers(stage, stage.scene, interventions, sampling, watched)


class _BegunAnswers(Begun):
    def __init__(
        self,
        stage: Stage,
        scene: Scene,
        interventions: Sequence[Intervention | None],
        sampling: Sampling,
        watched: Sequence[int],
    ) -> None:
        self.stage, self.scene, self.interventions, self.sampling = stage, scene, interventions, sampling
        self.started: Started = scene.begin(interventions)
        self.silence: list[float | None] = _no_speech(self.started)
        shares = self.started.first_shares()
        self.shares = [{token: float(row[token]) for token in watched} for row in shares]
        rows, tops = self.started.rows, self.started.top_of(shares)
        self.firsts = [
            {
                "top": tops[i], "kl": kl, "survived": rows.survived[i], "displacement": rows.displacement[i],
                "no_speech": self.silence[i],
            }
            for i, kl in enumerate(self.started.first_kl())
        ]  # fmt: skip

    def write(self, check: Callable[[], None], on_token: OnToken = lambda row, index, token: None) -> list[Outcome]:
        counts = [0] * len(self.firsts)

        def told(row: int, token: Token) -> None:
            on_token(row, counts[row], _token(token))
            counts[row] += 1

        # before the answers, because their tokens then stand in the cache
        kept: OriginalAnswer | None = self.stage.original.get(self.sampling)
        original = [None] * len(self.firsts) if kept is None else kept.kl(self.started.continuation, check)
        check()
        answers = self.started.write(self.sampling, on_token=told, check=check)
        return [self._outcome(i, answer, original[i]) for i, answer in enumerate(answers)]

    def _outcome(self, row: int, answer: Answer, kl: float | None) -> Outcome:
        first = self.firsts[row]
        judged = coherence(answer, may_be_empty=self.silence[row] is not None)
        return Outcome(
            first,
            {
                "text": answer.text, "ended": answer.ended, "tokens": [_token(token) for token in answer.tokens],
                "kl": {"first": first["kl"], "answer": 0.0 if self.interventions[row] is None else kl},
                "survived": first["survived"], "displacement": first["displacement"],
                "repetition": judged.repetition, "coherent": judged.coherent, "why": judged.why,
                "no_speech": first["no_speech"], "representation": None,
            },
            self.shares[row],
        )  # fmt: skip


class OriginalAnswer:
    """The original answer's tokens and what the original model gives for them.

    Parameters
    ----------
    ids : list of int
        Without the token that ends it; one is added, so that ending is compared too.
    """

    def __init__(self, scene: Scene, ids: Sequence[int]) -> None:
        self.scene = scene
        ends = sorted(scene.prefix.ends)
        self.ids = torch.tensor([*ids, *ends[:1]], device=scene.prefix.x.device)[: scene.prefix.longest]
        self._own: Tensor | None = None

    @torch.no_grad()
    def kl(self, continuation: Any, check: Callable[[], None] = lambda: None) -> list[float | None]:
        """Mean KL(p_original ‖ p) in nats over these tokens for each row of a continuation, as `engine.answer_kl`."""
        if not len(self.ids):
            return [0.0] * len(continuation.logits)
        if self._own is None:
            self._own = self.scene.begin([None]).continuation.teacher_forced(self.ids)[0]
            check()
        other = continuation.teacher_forced(self.ids)
        # row by row: in double precision a vocabulary times a batch takes more memory than the model's step
        return [float(kl_divergence(self._own, row).mean()) for row in other]


def remember_original(stage: Stage, outcome: Outcome | None, sampling: Sampling) -> None:
    """Let the answers that follow be compared with this one; only the last sampling's is kept."""
    if outcome is None or sampling in stage.original or isinstance(stage.scene, EncoderScene):
        return
    stage.original = {sampling: OriginalAnswer(stage.scene, [token["id"] for token in outcome.answer["tokens"]])}


def complete(stage: Stage, outcome: Outcome, intervention: Intervention | None, sampling: Sampling) -> bool:
    """Fill in the KL of an answer that was written before the original's was known; whether it was missing."""
    original: OriginalAnswer | None = stage.original.get(sampling)
    if outcome.answer["kl"]["answer"] is not None or original is None:
        return False
    continuation = original.scene.begin([intervention]).continuation
    outcome.answer["kl"]["answer"] = original.kl(continuation)[0]
    return True


class _BegunRepresentations(Begun):
    """Speech encoders write nothing: what is given is the change of their representation."""

    def __init__(self, scene: EncoderScene, interventions: Sequence[Intervention | None]) -> None:
        self.scene, self.rows = scene, scene.rows(interventions)
        self.firsts = [
            {"top": [], "kl": None, "survived": survived, "displacement": displacement, "no_speech": None}
            for survived, displacement in zip(self.rows.survived, self.rows.displacement, strict=True)
        ]

    def write(self, check: Callable[[], None], on_token: OnToken = lambda row, index, token: None) -> list[Outcome]:
        found = []
        for first, x in zip(self.firsts, self.rows.x, strict=True):
            check()
            change = self.scene.change_of(x)
            answer = {
                "text": "", "ended": True, "tokens": [], "kl": {"first": None, "answer": None},
                "survived": first["survived"], "displacement": first["displacement"],
                "repetition": 0.0, "coherent": True, "why": "", "no_speech": None,
                "representation": {
                    "layers": change.layers, "change": change.change.tolist(), "cosine": change.cosine.tolist(),
                    "frames": change.frames.tolist(),
                },
            }  # fmt: skip
            found.append(Outcome(first, answer))
        return found


def key_of(stage: Stage, intervention: Intervention | None, sampling: Sampling) -> Hashable:
    """Everything that determines one result."""
    return stage.key, intervention, sampling


def _no_speech(started: Started) -> list[float | None]:
    found: Tensor | None = getattr(started.continuation, "no_speech", None)
    return [None] * len(started.continuation.logits) if found is None else found.tolist()


def _token(token: Token) -> Fields:
    return {"id": token.id, "text": token.text, "probability": token.probability, "top": token.top}
