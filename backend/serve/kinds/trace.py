"""`trace`: any feature in a sound, also one that is not among its strongest."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.errors import ArdError
from backend.serve.base import REQUESTS, Fields, Talk
from backend.serve.kinds.encode import described, one_feature, why_no_sound
from backend.serve.resident import Resident
from backend.serve.sounds import Encoding, SoundRequest, encode


@REQUESTS.register("trace")
class Trace(SoundRequest):
    """The asked features in the sound; a feature that is silent in it has an empty trace and zeros."""

    features: list[int] = Field(min_length=1, description="Numbers of features.")

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        return why_no_sound(resident)

    def run(self, resident: Resident, talk: Talk) -> Fields:
        found = encode(resident, self, talk)
        return {**described(found), "features": [_figures(found, k) for k in self.features]}


def _figures(found: Encoding, feature: int) -> dict[str, Any]:
    features = found.features
    if not 0 <= feature < features.features:
        raise ArdError(
            f"there is no feature {feature} in {found.ranked.id}",
            todo=f"Use a number from 0 to {features.features - 1}.",
        )
    position = features.position(feature)
    if position >= 0:
        return one_feature(found, position)
    nothing = dict.fromkeys(("score", "mean", "coverage", "max"), 0.0)
    return {"feature": feature, **nothing, "token": [], "value": []}
