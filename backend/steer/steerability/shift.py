"""Shifts of the residual stream that differ between audio and text, as a space of the steering engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.steer.intervention import Intervention
from backend.steer.spaces import Applied, Prepared, Space
from backend.steer.steerability.class_means import Region, region_masks
from backend.targets.prefix import Prefix


class ShiftSpace(Space):
    """Shifts Δ, one vector for audio and one for text: an override (j, v) adds v·Δ_j where it stands.

    At the audio positions alone this is the mode `additive` of `DirectionSpace` with v·‖Δ‖. Decoding steps are text.

    Parameters
    ----------
    shifts : sequence of mapping of region to tensor [d]
        A region that is absent is left alone.
    prefix : Prefix
        Of the clip that is steered: it tells which positions are which.
    """

    def __init__(self, shifts: Sequence[Mapping[Region, Tensor]], prefix: Prefix) -> None:
        self.d = prefix.x.shape[1]
        self.n_features = len(shifts)
        self.positions, self.audio = len(prefix.x), len(prefix.audio)
        none = torch.zeros(self.d)
        self.rows: dict[Region, Tensor] = {
            region: torch.stack([one.get(region, none).to(prefix.x.device) for one in shifts]).float()
            for region in ("audio", "text")
        }
        self.masks = region_masks(prefix)

    def prepare(self, x: Tensor, *, step: bool = False) -> PreparedShifts:
        nothing = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        if step:
            return PreparedShifts(self, x, {"audio": nothing, "text": ~nothing})
        if len(x) == self.positions:
            return PreparedShifts(self, x, self.masks)
        return PreparedShifts(self, x, {"audio": ~nothing, "text": nothing})


class PreparedShifts(Prepared):
    """Tokens, and which of them are audio and which text."""

    def __init__(self, space: ShiftSpace, x: Tensor, masks: Mapping[Region, Tensor]) -> None:
        super().__init__(x.float())
        self.space, self.masks = space, masks

    @torch.no_grad()
    def apply(self, intervention: Intervention) -> Applied:
        self.space.check(intervention)
        if intervention.features and intervention.mode != "additive":
            raise ArdError(f"a shift is added; {intervention.mode} means nothing for it", todo="Use additive.")
        x = self.x.clone()
        for feature, value in zip(intervention.features, intervention.values, strict=True):
            for region, mask in self.masks.items():
                x[mask] += value * self.space.rows[region][feature]
        return Applied(x, [1.0] * len(intervention.features))
