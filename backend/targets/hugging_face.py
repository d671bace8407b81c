"""What all targets from transformers share: where their blocks are, and who they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from backend.study.settings import ModelSection
from backend.targets.base import Encoded, Target, Wave
from backend.targets.identity import ModelIdentity
from backend.targets.layers import split_layer
from backend.targets.walk import find_blocks

Seconds = npt.NDArray[np.float64]


class HuggingFaceTarget(Target):
    """A transformers model; subclasses name their stacks and say how clips run through them.

    Attributes
    ----------
    inside : dict
        Stack to the name of the module its blocks lie in, the usual stack first.
    """

    model: Any
    inside: ClassVar[dict[str, str]]

    def __init__(self, model: Any, identity: ModelIdentity, section: ModelSection, extractor: Any) -> None:
        self.model = model
        self.identity = identity
        self.section = section
        self.extractor = extractor
        self.sample_rate = int(extractor.sampling_rate)
        window = getattr(extractor, "chunk_length", None) or identity.window_seconds or 30.0
        self.window_seconds = float(window)
        self._blocks = {stack: find_blocks(model, name) for stack, name in self.inside.items()}

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.model.dtype
        return dtype

    @property
    def window_samples(self) -> int:
        return round(self.window_seconds * self.sample_rate)

    def stacks(self) -> dict[str, int]:
        return {stack: len(blocks) for stack, (_, blocks) in self._blocks.items()}

    def width(self, layer: str) -> int:
        return self.identity.widths[split_layer(self.resolve(layer))[0]]

    def module(self, layer: str) -> tuple[str, torch.nn.Module]:
        stack, block = split_layer(self.resolve(layer))
        path, blocks = self._blocks[stack]
        return f"{path}.{block}", blocks[block]

    def blocks_of(self, layers: Sequence[str], stack: str) -> dict[str, torch.nn.Module]:
        """The asked layers that lie in `stack`, each with its block."""
        return {layer: self.module(layer)[1] for layer in layers if split_layer(layer)[0] == stack}

    def in_window(self, clips: Sequence[Wave]) -> list[Wave]:
        """Clips cut to the window's first part (A-03)."""
        return [np.ascontiguousarray(clip[: self.window_samples], dtype=np.float32) for clip in clips]

    def nothing(self, layers: Sequence[str], text: str = "") -> Encoded:
        """T = 0 at every asked layer."""
        x = {layer: torch.zeros(0, self.width(layer), dtype=self.dtype, device=self.device) for layer in layers}
        return Encoded(x, np.empty((0, 2)), text=text)

    def describe(self) -> dict[str, Any]:
        return {
            "class": type(self.model).__name__,
            "model_type": self.identity.model_type,
            "path": self.section.path,
            "revision": self.identity.revision,
            "fingerprint": self.identity.fingerprint,
            "dtype": self.section.dtype,
            "sample_rate": self.sample_rate,
            "window_seconds": self.window_seconds,
            "stacks": self.stacks(),
        }


def grid(count: int, step: float) -> Seconds:
    """Start and end [count, 2] of `count` positions that follow one another every `step` seconds."""
    edges = np.arange(count + 1, dtype=np.float64) * step
    return np.stack([edges[:-1], edges[1:]], axis=1)
