"""Classifiers that stand on the decoder's audio positions while the model is trained, and are dropped afterwards.

An answer tells one fact of a clip; the classifiers tell all that is known of it, in every step. They read the mean over
the audio positions of an early layer, so what the answers need comes to stand there, in directions of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.builtin.examples import Facts, Sound
from backend.builtin.statements import name

KINDS = ("category", "label", "language", "sex", "family", "pitch", "rate", "loudness")
Targets = npt.NDArray[np.float32]


def _told(facts: Facts, kind: str) -> list[str]:
    """What is known, one value for each sound of which it is known."""
    if kind == "loudness":
        return [facts.loudness] if facts.loudness else []
    found = [_value(sound, kind) for sound in facts.sounds]
    return [value for value in found if value is not None]


def _value(sound: Sound, kind: str) -> str | None:
    if kind == "category":
        return sound.category
    return name(sound) if kind == "label" else sound.attributes.get(kind)


class Classes:
    """What the classifiers tell apart.

    Attributes
    ----------
    names : dict of kind to list of str
        Sorted; kinds of which nothing is known in any of the facts are left out.
    """

    def __init__(self, facts: Iterable[Facts]) -> None:
        found: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for one in facts:
            for kind in KINDS:
                found[kind].update(_told(one, kind))
        self.names: Mapping[str, list[str]] = {kind: sorted(values) for kind, values in found.items() if values}

    def __len__(self) -> int:
        return sum(map(len, self.names.values()))

    def targets(self, facts: Facts) -> Targets:
        """Float32 [len]: for each kind a distribution over its names, even over the sounds of which it is known, or
        zeros where it is known of none."""
        parts = []
        for kind, names in self.names.items():
            told = [value for value in _told(facts, kind) if value in names]
            part = np.zeros(len(names), dtype=np.float32)
            for value in told:
                part[names.index(value)] += 1 / len(told)
            parts.append(part)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


class Heads(nn.Module):
    """One linear classifier for each kind, on normalised vectors [width]; the same first weights for a seed."""

    def __init__(self, classes: Classes, width: int, seed: int) -> None:
        super().__init__()
        self.sizes = [len(names) for names in classes.names.values()]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.told = nn.Linear(width, sum(self.sizes))

    def forward(self, hidden: Tensor, at_audio: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy, the mean over kinds of the mean over the rows of which the kind is known.

        Parameters
        ----------
        hidden : tensor [rows, L, width]
        at_audio : bool tensor [rows, L]
        targets : tensor [rows, len(classes)]
            `Classes.targets` of each row.
        """
        weights = at_audio[..., None].to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        scores = self.told(functional.layer_norm(mean.float(), mean.shape[-1:]))
        losses = []
        for some, target in zip(torch.split(scores, self.sizes, 1), torch.split(targets, self.sizes, 1), strict=True):
            known = target.sum(1) > 0
            if bool(known.any()):
                losses.append(-(target * some.log_softmax(1)).sum(1)[known].mean())
        return torch.stack(losses).mean() if losses else scores.sum() * 0


@contextmanager
def listening(block: nn.Module) -> Iterator[list[Tensor]]:
    """Inside, the outputs of a decoder block [rows, L, width] are put into the list."""
    heard: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        heard.append(output[0] if isinstance(output, tuple) else output)

    handle = block.register_forward_hook(keep)
    try:
        yield heard
    finally:
        handle.remove()
