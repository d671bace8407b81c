"""What overrides do to an encoder that writes no text: the change of every layer's representation above them.

The whole forward is run with a hook at the layer: WavLM's upper blocks take a position bias that its first block makes,
so they cannot be run by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.errors import ArdError
from backend.steer.engine import Steerable
from backend.steer.intervention import Intervention
from backend.steer.spaces import Space
from backend.targets.base import Target, Wave
from backend.targets.layers import split_layer
from backend.targets.prefix import Residual


@dataclass(frozen=True)
class Change:
    """How far h′ lies from h, as means over the clip's frames.

    Attributes
    ----------
    layers : list of str
        The steered layer and every layer above it, in order.
    change : float64 array [layers]
        Mean of ‖h′ − h‖ / ‖h‖.
    cosine : float64 array [layers]
        Mean cosine of h′ and h.
    frames : float64 array [T]
        ‖h′ − h‖ / ‖h‖ of each frame at the last layer.
    """

    layers: list[str]
    change: npt.NDArray[np.float64]
    cosine: npt.NDArray[np.float64]
    frames: npt.NDArray[np.float64]


class Frames(Residual):
    """All positions of one clip at one encoder layer."""

    def __init__(self, layer: str, x: Tensor, seconds: npt.NDArray[np.float64]) -> None:
        self.layer, self.x, self.seconds = layer, x, seconds
        self.audio = self.read = self.every


class EncoderScene(Steerable):
    """One clip in an encoder, at one layer.

    Every position is a frame of the clip, so that the positions `audio` and `prompt` are the same.

    Attributes
    ----------
    layers : list of str
        The steered layer and those above it.

    Raises ArdError if the clip gives no frame, or nothing can be put into the layer.
    """

    def __init__(self, target: Target, space: Space, layer: str, clip: Wave) -> None:
        layer = target.resolve(layer)
        stack, block = split_layer(layer)
        self.layers = [f"{stack}.{i}" for i in range(block, target.stacks()[stack])]
        self.target, self.layer, self.clip = target, layer, clip
        found = target.encode([clip], self.layers)[0]
        if not len(found.x[layer]):
            raise ArdError(f"the clip is too short for the model: {len(clip)} samples at {target.sample_rate} Hz")
        self.hidden = {name: x.float() for name, x in found.x.items()}
        super().__init__(Frames(layer, found.x[layer], found.times(layer)[0]), space)

    @property
    def nbytes(self) -> int:
        """Memory that is held for it."""
        return sum(x.nbytes for x in self.hidden.values())

    @torch.no_grad()
    def represented(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's frames [T, d] with x [T, d] in place of the residual stream after the steered layer."""
        with self.target.spliced(self.layer, len(self.clip), lambda hidden: x.to(hidden.dtype)):
            return self.target.encode([self.clip], self.layers)[0].x

    def change(self, intervention: Intervention | None) -> Change:
        """What the intervention changes; ArdError as `Prepared.apply`."""
        return self.change_of(self.rows([intervention]).x[0])

    def change_of(self, x: Tensor) -> Change:
        """What x [T, d] in place of the residual stream changes."""
        after = self.represented(x)
        far: list[npt.NDArray[np.float64]] = []
        cosine: list[float] = []
        for name in self.layers:
            before, now = self.hidden[name].double(), after[name].double()
            norm = before.norm(dim=1).clamp(min=1e-12)
            far.append(((now - before).norm(dim=1) / norm).cpu().numpy())
            cosine.append(float(((before * now).sum(dim=1) / (norm * now.norm(dim=1).clamp(min=1e-12))).mean()))
        return Change(self.layers, np.array([one.mean() for one in far]), np.array(cosine), far[-1])
