"""Captions from an OpenAI-compatible endpoint whose model takes sound (`input_audio`)."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import soundfile

from backend.describe.captioners.base import CAPTIONERS, Captioner, Wave
from backend.describe.endpoint import ChatEndpoint
from backend.jobs.job import Job
from backend.store.clips import Clip
from backend.study.settings import Settings

RATE = 16_000
LONGEST_SECONDS = 40.0
"""As in the paper's reference wrapper (A-33)."""


@CAPTIONERS.register("endpoint")
class EndpointCaptioner(Captioner):
    """Sends each clip as a 16-bit wav of 16 kHz. Several threads may caption at once."""

    sample_rate = RATE
    window_seconds = LONGEST_SECONDS
    one_by_one = True

    def __init__(self, endpoint: ChatEndpoint, prompt: str) -> None:
        self.endpoint = endpoint
        self.prompt = prompt

    @classmethod
    def load(cls, settings: Settings, prompt: str) -> Captioner:
        return cls(ChatEndpoint(settings.captions, "captions"), prompt)

    def attach(self, job: Job) -> None:
        self.endpoint.attach(job)

    def caption(self, clips: Sequence[Clip], waves: Sequence[Wave]) -> list[str]:
        return [self._one(wave[: round(LONGEST_SECONDS * RATE)]) for wave in waves]

    def _one(self, wave: Wave) -> str:
        if not len(wave):
            return ""
        sound = {"type": "input_audio", "input_audio": {"data": _wav(wave), "format": "wav"}}
        return self.endpoint.ask([{"role": "user", "content": [sound, {"type": "text", "text": self.prompt}]}])

    def identity(self) -> dict[str, Any]:
        return {"captioner": "endpoint", **self.endpoint.identity(), "sample_rate": RATE, "seconds": LONGEST_SECONDS}


def _wav(wave: Wave) -> str:
    """A wav file as base64."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(wave, -1.0, 1.0), RATE, format="WAV", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")
