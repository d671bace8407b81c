"""`code`: the code of one token before and after the overrides (A-61, the bars of Fig. 2)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from backend.errors import ArdError
from backend.serve.base import REQUESTS, Fields, Talk
from backend.serve.kinds.encode import why_no_sound
from backend.serve.resident import Resident
from backend.serve.steering import SteerRequest, on_stage
from backend.steer.engine import Steerable
from backend.steer.intervention import Intervention, Positions
from backend.steer.spaces import PreparedCodes

MOST_BARS = 40


@REQUESTS.register("code")
class Code(SteerRequest):
    """z before and z′ after the overrides at one audio position; for raw units x and x′."""

    position: int = Field(description="Which of the clip's audio positions, from 0.")

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        return why_no_sound(resident)

    def run(self, resident: Resident, talk: Talk) -> Fields:
        steered = self.intervention(resident.ranked(self.sae).raw)
        stage = on_stage(resident, self, steered, talk)
        prefix = stage.scene.prefix
        if not 0 <= self.position < len(prefix.audio):
            raise ArdError(
                f"the sound has no position {self.position}", todo=f"Use a number from 0 to {len(prefix.audio) - 1}."
            )  # fmt: skip
        before, after, line = _before_and_after(stage.scene, steered, self.position)
        return {
            "position": self.position, "positions": len(prefix.audio), "seconds": prefix.seconds[self.position],
            "line": line, "bars": _bars(before, after, steered), "sae": stage.ranked.id, "layer": stage.ranked.layer,
            "warnings": stage.warnings(steered),
        }  # fmt: skip


@torch.no_grad()
def _before_and_after(scene: Steerable, steered: Intervention, position: int) -> tuple[Tensor, Tensor, float]:
    """Codes [D] of one audio position, and the smallest value that the selection keeps there."""
    # where the prompt is steered too, its tokens take part in a selection over the whole clip
    positions: Positions = "prompt" if steered.positions == "prompt" else "audio"
    at = int(scene.prefix.audio[position]) if positions == "prompt" else position
    prepared = scene.prepared(positions)
    changed = steered if steered.positions != "none" else Intervention(mode=steered.mode, positions="none")
    after = prepared.apply(changed)
    if isinstance(prepared, PreparedCodes):
        codes = after.codes or prepared.selection.z
        return _row(prepared.selection.z, at), _row(codes, at), prepared.selection.line(at)
    return prepared.x[at], after.x[at], float("nan")


def _row(codes: Any, at: int) -> Tensor:
    """One token's dense code [D]."""
    mine = codes.token == at
    row = torch.zeros(codes.n_features, dtype=codes.value.dtype, device=codes.value.device)
    row[codes.feature[mine]] = codes.value[mine]
    return row


def _bars(before: Tensor, after: Tensor, steered: Intervention) -> list[Fields]:
    """The overridden features and the largest others, the largest first; of equal ones the lower feature."""
    size = torch.maximum(before.abs(), after.abs()).cpu()
    own = list(steered.features)
    shown = torch.argsort(size, descending=True, stable=True)[:MOST_BARS].tolist()
    kept = [k for k in shown if size[k] > 0 and k not in own][: max(0, MOST_BARS - len(own))]
    both = sorted([*own[:MOST_BARS], *kept], key=lambda k: (-float(size[k]), k))
    return [{"feature": k, "before": float(before[k]), "after": float(after[k]), "overridden": k in own} for k in both]
