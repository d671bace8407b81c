"""An embedder small enough to work out by hand: a window's vector says where it begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from backend.describe.embedders.base import Embedder, Vectors, Wave
from backend.study.settings import EmbedSection


class ToyEmbedder(Embedder):
    """Vector of a window: [first sample, last sample, 1], at 10 Hz with a window of 7 s; keeps what it was asked."""

    def __init__(self) -> None:
        self.sample_rate, self.window_seconds, self.dimensions = 10, 7.0, 3
        self.asked: list[list[Wave]] = []

    @classmethod
    def load(cls, section: EmbedSection, device: str, *, local_files_only: bool = False) -> Embedder:
        return cls()

    def embed_windows(self, windows: Sequence[Wave]) -> Vectors:
        self.asked.append(list(windows))
        return np.array([[one[0], one[-1], 1.0] for one in windows], dtype=np.float32)

    def identity(self) -> dict[str, Any]:
        return {"name": "toy"}


class AnyLength(ToyEmbedder):
    """The same, for sounds of any length up to the window."""

    repeats_short: ClassVar[bool] = False
