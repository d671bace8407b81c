"""`encode`: the strongest features of a sound."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.errors import ArdError
from backend.serve.base import REQUESTS, Fields, Talk
from backend.serve.resident import Resident
from backend.serve.sounds import Encoding, SoundRequest, encode
from backend.targets.identity import identify

QUALITY = ("fvu", "normalised_l2", "l2", "l0_mean")


@REQUESTS.register("encode")
class Encode(SoundRequest):
    """The `top` features of largest score in the sound, under the study's own score (A-21, A-22)."""

    top: int = Field(32, ge=0, description="Features to answer with.")

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        return why_no_sound(resident)

    def run(self, resident: Resident, talk: Talk) -> Fields:
        found = encode(resident, self, talk)
        features = found.features
        return {
            **described(found),
            "seconds": found.seconds,
            "approximate": found.approximate,
            "text": found.text,
            "active": int((features.score > 0).sum()),
            "features": [one_feature(found, int(k)) for k in features.top(self.top)],
            "quality": {name: features.quality[name] for name in QUALITY if name in features.quality},
            "study_quality": {name: found.ranked.figures[name] for name in QUALITY if name in found.ranked.figures},
        }


def why_no_sound(resident: Resident) -> str:
    """Why no sound can be encoded, "" if one can; the model is looked at and not loaded."""
    if not resident.study.feature_ids():
        raise ArdError("this study has no ranked features yet", path=resident.study.root, todo="Run: ard run")
    identify(resident.settings.model).check_complete()
    return ""


def described(found: Encoding) -> Fields:
    """What is told of the sound and the ranking with every answer about a sound."""
    return {
        "sae": found.ranked.id,
        "layer": found.ranked.layer,
        "score": found.ranked.settings["score"],
        "duration": found.duration,
        "heard": found.heard,
        "tokens": found.features.tokens,
    }


def one_feature(found: Encoding, position: int) -> dict[str, Any]:
    """The figures and the trace of the feature at `position` of the sound's features."""
    features = found.features
    trace = features.read_trace(position)
    return {
        "feature": int(features.feature[position]),
        "score": float(features.score[position]),
        "mean": float(features.mean[position]),
        "coverage": float(features.coverage[position]),
        "max": float(features.max[position]),
        "token": trace.token,
        "value": trace.value,
    }
