"""A model whose answers are known: it hears a class, copies it into the text at one layer, and says it.

A clip of class i is four constant tokens of value i + 1. Layer 0 holds the class at the audio positions only; layer 1
has copied it into the text behind the audio, from where alone it is read; layer 2 keeps it there. The answer is the
class's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backend.targets.base import Encoded, Target, Wave
from backend.targets.prefix import Continuation, Prefix, StepChange

CLASSES = ("animal", "music", "speech")
WIDTH, AUDIO, BEFORE, AFTER = 256, 4, 2, 3
END = len(CLASSES)


def clip_of(name: str, noise: int = 0) -> Wave:
    """A clip of class `name`; `noise` seeds what is else in it."""
    loud = np.random.default_rng(noise).normal(0, 0.01, AUDIO)
    return (CLASSES.index(name) + 1 + loud).astype(np.float32)


class _Copy(nn.Module):
    """Puts the mean of the audio positions into the text behind them; keeps everything at the other layers."""

    def __init__(self, copies: bool) -> None:
        super().__init__()
        self.copies = copies

    def forward(self, x: Tensor) -> Tensor:
        if not self.copies or x.shape[1] == 1:
            return x
        x = x.clone()
        x[:, BEFORE + AUDIO :] = x[:, BEFORE : BEFORE + AUDIO].mean(1, keepdim=True)
        return x


class _Planted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Copy(i == 1) for i in range(3))
        self.weight = nn.Parameter(torch.zeros(1))

    def run(self, x: Tensor, first: int, last: int = 3) -> Tensor:
        for block in self.blocks[first:last]:
            x = block(x)
        return x


class PlantedTarget(Target):
    """See the module."""

    sample_rate, window_seconds = 4, 30.0
    answers_prompts = True

    def __init__(self) -> None:
        self.model = _Planted()

    @classmethod
    def load(cls, section: Any, device: Any) -> PlantedTarget:
        return cls()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def stacks(self) -> dict[str, int]:
        return {"decoder": 3}

    def width(self, layer: str) -> int:
        return WIDTH

    def module(self, layer: str) -> tuple[str, nn.Module]:
        number = int(layer.rpartition(".")[2])
        return f"blocks.{number}", self.model.blocks[number]  # type: ignore[union-attr, index]

    def token_count(self, samples: int, layer: str) -> int | None:
        return AUDIO if samples else 0

    def encode(self, clips: Sequence[Wave], layers: Sequence[str]) -> list[Encoded]:
        found = []
        for clip in clips:
            x = self.embedded(clip)
            states = {layer: self.model.run(x, 0, int(layer[-1]) + 1)[0] for layer in layers}  # type: ignore[operator]
            seconds = np.arange(AUDIO)[:, None] + np.array([[0.0, 1.0]])
            found.append(Encoded({k: v[BEFORE : BEFORE + AUDIO] for k, v in states.items()}, seconds))
        return found

    def embedded(self, clip: Wave) -> Tensor:
        """[1, positions, d] before the first block."""
        draws = torch.Generator().manual_seed(int(1e6 * abs(float(clip.sum()))) % 2**31)
        x = 0.05 * torch.randn(1, BEFORE + AUDIO + AFTER, WIDTH, generator=draws)
        x[0, BEFORE : BEFORE + AUDIO, round(float(clip.mean())) - 1] += 1
        return x

    def generate(self, clip: Wave, prompt: str, max_new_tokens: int = 256) -> str:
        out = self.model.run(self.embedded(clip), 0)  # type: ignore[operator]
        return CLASSES[int(out[0, -1, : len(CLASSES)].argmax())]

    def begin(self, clip: Wave, prompt: str, layer: str) -> Prefix:
        return _PlantedPrefix(self, layer, clip)


class _PlantedPrefix(Prefix):
    def __init__(self, target: PlantedTarget, layer: str, clip: Wave) -> None:
        self.target, self.layer = target, layer
        self.index = int(layer.rpartition(".")[2])
        self.x = target.model.run(target.embedded(clip), 0, self.index + 1)[0]  # type: ignore[operator]
        self.audio = self.read = torch.arange(BEFORE, BEFORE + AUDIO)
        self.seconds = np.arange(AUDIO)[:, None] + np.array([[0.0, 1.0]])
        self.prompt_ids = torch.zeros(len(self.x), dtype=torch.int64)
        self.ends = frozenset({END})

    def continue_from(self, x: Tensor, at_step: StepChange | None = None) -> Continuation:
        return _PlantedAnswer(self.target.model.run(x, self.index + 1))  # type: ignore[operator]

    def processed(self, answers: Tensor, logits: Tensor) -> Tensor:
        return logits

    def text(self, tokens: list[int]) -> str:
        return " ".join(CLASSES[i] for i in tokens if i != END)

    def word_token(self, word: str) -> int | None:
        return CLASSES.index(word) if word in CLASSES else None

    def token_text(self, token: int) -> str:
        return (*CLASSES, "")[token]


class _PlantedAnswer(Continuation):
    def __init__(self, x: Tensor) -> None:
        self.logits = torch.cat([x[:, -1, : len(CLASSES)], torch.full((len(x), 1), -1e9)], dim=1)

    def extend(self, tokens: Tensor) -> None:
        self.logits = torch.zeros(len(self.logits), END + 1)
        self.logits[:, END] = 1

    def keep(self, rows: Tensor) -> None:
        self.logits = self.logits[rows]

    def teacher_forced(self, tokens: Tensor) -> Tensor:
        raise NotImplementedError
