"""Class means of the residual stream at all asked layers: at the audio, and in the text behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from backend.targets.base import Target, Wave
from backend.targets.layers import split_layer
from backend.targets.prefix import Prefix
from backend.targets.tap import tap

Region = Literal["audio", "text"]
Means = dict[tuple[str, Region], Tensor]


def region_masks(prefix: Prefix) -> dict[Region, Tensor]:
    """Bool masks [T] of the audio positions and of the text behind them; text before them knows nothing of the clip.

    An encoder has no text: what is no audio there is silence.
    """
    audio = torch.zeros(len(prefix.x), dtype=torch.bool, device=prefix.x.device)
    audio[prefix.audio] = True
    behind = ~audio & (audio.cumsum(0) > 0)
    return {"audio": audio, "text": behind & (split_layer(prefix.layer)[0] == "decoder")}


@torch.no_grad()
def streams(target: Target, clip: Wave, prompt: str, layers: Sequence[str]) -> Means:
    """Mean residual stream [d], float64, of one clip and prompt, by layer and region; one forward a stack.

    Raises ArdError as `Target.begin`.
    """
    found: Means = {}
    for stack in dict.fromkeys(split_layer(layer)[0] for layer in layers):
        own = sorted((one for one in layers if split_layer(one)[0] == stack), key=lambda one: split_layer(one)[1])
        prefix, states = _begun(target, clip, prompt, own)
        for region, mask in region_masks(prefix).items():
            if bool(mask.any()):
                found |= {(layer, region): states[layer][0][mask].double().mean(0) for layer in own}
    return found


def _begun(target: Target, clip: Wave, prompt: str, layers: Sequence[str]) -> tuple[Prefix, dict[str, Tensor]]:
    """The prefix up to the last of the layers, and on the way what each layer gave."""
    begun: list[Prefix] = []

    def begin() -> Any:
        begun.append(target.begin(clip, prompt, layers[-1]))

    states = tap({layer: target.module(layer)[1] for layer in layers}, begin, stop=False)
    return begun[0], states


@dataclass
class ClassMeans:
    """Means over clips, each clip weighing the same.

    Attributes
    ----------
    sums : dict of (class, layer, region) to tensor [d]
    counts : dict of class to int
    """

    sums: dict[tuple[str, str, Region], Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, found: Mapping[tuple[str, Region], Tensor]) -> None:
        """One more clip of class `name`."""
        self.counts[name] = self.counts.get(name, 0) + 1
        for (layer, region), x in found.items():
            key = (name, layer, region)
            self.sums[key] = self.sums[key] + x if key in self.sums else x

    def difference(self, target: str, source: str, layer: str) -> dict[Region, Tensor]:
        """Mean of class `target` minus mean of class `source`, float32 [d], by region."""
        regions = [region for name, at, region in self.sums if (name, at) == (target, layer)]
        return {
            region: (
                self.sums[target, layer, region] / self.counts[target]
                - self.sums[source, layer, region] / self.counts[source]
            ).float()
            for region in regions
        }
