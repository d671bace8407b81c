"""The steering engine: one clip and prompt prepared once, then any number of interventions, few or in batches.

Three conditions are kept apart (A-49): *original*, without an SAE; *reconstructed*, with x̂ for x at the positions that
are steered; *steered*, with overrides. An intervention of None is the original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.steer.answers import TOP, Answer, OnToken, Sampling, kl_divergence, write
from backend.steer.intervention import ERROR_PRESERVING_MODES, Intervention, Positions
from backend.steer.spaces import Applied, Prepared, Space
from backend.targets.base import Target, Wave
from backend.targets.prefix import Continuation, Prefix, Residual

LONGEST_PROMPT = 4000
"""Characters; a longer prompt is refused before it is tokenised."""


@dataclass
class Rows:
    """Interventions applied to one prefix, ready for the layers above.

    Attributes
    ----------
    x : tensor [B, T, d]
    survived : list of list of float
        Of each row's overrides the share of steered positions at which they stand.
    displacement : list of float
        Of each row the mean ‖x′ − x‖ over the steered positions.
    """

    x: Tensor
    survived: list[list[float]]
    displacement: list[float]


class Steerable:
    """One clip's residual stream at one layer, and what overrides make of it.

    Attributes
    ----------
    prefix : Residual
    """

    prefix: Residual

    def __init__(self, prefix: Residual, space: Space) -> None:
        self.prefix, self.space = prefix, space
        self._prepared: dict[Positions, Prepared] = {}

    def where(self, positions: Positions) -> Tensor:
        """Positions int64 [n] of the prefill that are intervened on."""
        if positions == "none":
            return self.prefix.every[:0]
        return self.prefix.audio if positions == "audio" else self.prefix.every

    def prepared(self, positions: Positions) -> Prepared:
        """The code at these positions, computed once."""
        if positions not in self._prepared:
            self._prepared[positions] = self.space.prepare(self.prefix.x[self.where(positions)])
        return self._prepared[positions]

    def applied(self, intervention: Intervention) -> Applied:
        """What the intervention makes of the steered positions."""
        return self.prepared(intervention.positions).apply(intervention)

    @torch.no_grad()
    def rows(self, interventions: Sequence[Intervention | None]) -> Rows:
        """The residual stream of each intervention; ArdError as `Prepared.apply`."""
        x = self.prefix.x.expand(len(interventions), -1, -1).clone()
        survived: list[list[float]] = []
        displacement: list[float] = []
        for row, intervention in zip(x, interventions, strict=True):
            if intervention is None or intervention.positions == "none":
                if intervention is not None:
                    self.space.check(intervention)
                survived.append([])
                displacement.append(0.0)
                continue
            at, found = self.where(intervention.positions), self.applied(intervention)
            changed = found.x.to(row.device)
            displacement.append(float((changed - self.prefix.x[at].float()).norm(dim=1).mean()))
            row[at] = changed.to(row.dtype)
            survived.append(found.survived)
        return Rows(x, survived, displacement)


class Scene(Steerable):
    """One clip and prompt at one layer.

    Attributes
    ----------
    prefix : Prefix
    first : float32 tensor [V]
        Logits of the original's first token.
    """

    prefix: Prefix

    def __init__(self, prefix: Prefix, space: Space) -> None:
        super().__init__(prefix, space)
        self.first = prefix.continue_from(prefix.x[None]).logits[0]

    def begin(self, interventions: Sequence[Intervention | None]) -> Started:
        """Run the layers above for all interventions at once; the first token's logits are there when it returns."""
        rows = self.rows(interventions)
        steps = DecodeChange(self.space, interventions)
        continuation = self.prefix.continue_from(rows.x, steps if steps.changes else None)
        return Started(self, rows, continuation, steps)


class DecodeChange:
    """What decoding steps do to each row's residual stream (A-50); rows may be dropped while it lasts."""

    def __init__(self, space: Space, interventions: Sequence[Intervention | None]) -> None:
        self.space = space
        self.each = [one if one is not None and one.changes_decoding else None for one in interventions]

    @property
    def changes(self) -> bool:
        return any(one is not None for one in self.each)

    def __call__(self, x: Tensor) -> Tensor:
        changed = x.float().clone()
        for row, intervention in enumerate(self.each):
            if intervention is not None:
                wanted = intervention if intervention.decode == "steer" else _without_overrides(intervention)
                changed[row] = self.space.prepare(x[row : row + 1], step=True).apply(wanted).x[0]
        return changed

    def keep(self, rows: Tensor) -> None:
        self.each = [self.each[i] for i in rows.tolist()]


@dataclass
class Started:
    """Answers whose first tokens' distributions are known.

    Attributes
    ----------
    rows : Rows
    continuation : Continuation
    """

    scene: Scene
    rows: Rows
    continuation: Continuation
    steps: DecodeChange

    def first_kl(self) -> list[float]:
        """KL(p_original ‖ p) of each row's first token, in nats."""
        return [float(one) for one in kl_divergence(self.scene.first[None], self.continuation.logits)]

    def first_shares(self) -> Tensor:
        """Probabilities [B, V] of the first token of each row, under the model's generation settings."""
        logits = self.continuation.logits
        nothing = torch.zeros(len(logits), 0, dtype=torch.int64, device=logits.device)
        return torch.softmax(self.scene.prefix.processed(nothing, logits).float(), dim=-1)

    def first_top(self, count: int = TOP) -> list[tuple[tuple[str, float], ...]]:
        """The most probable first tokens of each row."""
        return self.top_of(self.first_shares(), count)

    def top_of(self, shares: Tensor, count: int = TOP) -> list[tuple[tuple[str, float], ...]]:
        """The most probable tokens of each row of probabilities [B, V], the first first."""
        best = torch.topk(shares, min(count, shares.shape[-1]), dim=-1)
        return [
            tuple((self.scene.prefix.token_text(i), p) for i, p in zip(ids, values, strict=True))
            for ids, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def write(
        self,
        sampling: Sampling,
        *,
        on_token: OnToken = lambda row, token: None,
        check: Callable[[], None] = lambda: None,
        top: int = TOP,
    ) -> list[Answer]:
        """The answers, as `answers.write`."""
        return write(
            self.scene.prefix, self.continuation, sampling, on_token=on_token, check=check, on_keep=self.steps.keep,
            top=top,
        )  # fmt: skip


class Engine:
    """Interventions on one layer of one loaded model.

    Parameters
    ----------
    space : Space
        What can be overridden there.
    """

    def __init__(self, target: Target, space: Space, layer: str) -> None:
        self.target, self.space, self.layer = target, space, target.resolve(layer)
        if target.width(self.layer) != space.d:
            raise ArdError(
                f"the features are made for a residual stream of width {space.d}, "
                f"{self.layer} has {target.width(self.layer)}",
                todo="Use an SAE that was trained on this layer of this model.",
            )

    def scene(self, clip: Wave, prompt: str) -> Scene:
        """Run one clip and prompt up to the layer; ArdError as `Target.begin`."""
        if len(prompt) > LONGEST_PROMPT:
            raise ArdError(
                f"the prompt has {len(prompt):,} characters", todo=f"Use at most {LONGEST_PROMPT:,}."
            )  # fmt: skip
        return Scene(self.target.begin(clip, prompt, self.layer), self.space)

    def answers(
        self, scene: Scene, interventions: Sequence[Intervention | None], sampling: Sampling, *, top: int = 0
    ) -> list[Answer]:
        """Answers under all interventions, as many at a time as memory allows."""
        found: list[Answer] = []
        at_once = max(1, len(interventions))
        while len(found) < len(interventions):
            part = interventions[len(found) : len(found) + at_once]
            try:
                found += scene.begin(part).write(sampling, top=top)
            except Exception as error:
                from backend.extract.forward import is_out_of_memory

                if not is_out_of_memory(error) or at_once == 1:
                    raise
                at_once = -(-at_once // 2)
        return found


@torch.no_grad()
def answer_kl(scene: Scene, interventions: Sequence[Intervention | None], original: Sequence[int]) -> list[float]:
    """Mean KL(p_original ‖ p) in nats over the tokens of the original answer, each given the original's tokens before.

    The token that ends the answer is counted too. Decoding steps are changed as in the answers themselves.
    """
    ends = sorted(scene.prefix.ends)
    ids = torch.tensor([*original, *ends[:1]], device=scene.prefix.x.device)[: scene.prefix.longest]
    if not len(ids):
        return [0.0] * len(interventions)
    own = scene.begin([None]).continuation.teacher_forced(ids)
    other = scene.begin(interventions).continuation.teacher_forced(ids)
    return [float(one) for one in kl_divergence(own, other).mean(dim=1)]


def _without_overrides(intervention: Intervention) -> Intervention:
    """x̂ at a decoding step, with the error kept where the intervention keeps it."""
    return Intervention(add_error=intervention.add_error or intervention.mode in ERROR_PRESERVING_MODES)
