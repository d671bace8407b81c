"""The sound of a clip as the model under study was given it, for whoever else must hear the same."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from backend.audio.load import load_waves
from backend.store.clips import Clip
from backend.study.settings import Settings
from backend.targets.identity import identify

Wave = npt.NDArray[np.float32]


class Hearing:
    """Loads the part of a clip that the model under study heard (A-03), at any rate.

    A feature says nothing about what lies behind the model's window, so neither embedders nor captioners may hear it.
    The second of silence that `short = "audiobench"` appends is left away (A-04): it is not the clip's.
    """

    def __init__(self, settings: Settings) -> None:
        self._clips = settings.clips.model_copy(update={"short": "plain"})
        window = identify(settings.model).window_seconds
        self.window_seconds = math.inf if window is None else window

    def wave(self, clip: Clip, rate: int) -> Wave:
        """Mono float32 at `rate`; the chunks of a long clip one behind the other. ArdError as `load_waves`."""
        parts = load_waves(clip, self._clips, rate, self.window_seconds)
        return np.concatenate([part.samples for part in parts])

    def identity(self) -> dict[str, object]:
        """What decides which part is heard."""
        return {"crop": self._clips.crop, "window_seconds": str(self.window_seconds)}
