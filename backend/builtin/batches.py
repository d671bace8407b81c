"""The training examples as packed batches, in an order and with disturbances that follow from seed and number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.builtin.encoded import EncodedExamples, Rows
from backend.builtin.examples import Example, Split
from backend.builtin.heads import Classes
from backend.builtin.packing import Dialogue, Features, Packed, pack
from backend.builtin.prompts import Prompts
from backend.errors import ArdError

Dialogues = Callable[[Example, int], Dialogue]
"""Questions and answers about an example, by epoch."""

POOL_BATCHES = 32
"""Batches over which examples are sorted by length: little padding, and still random company."""

SMALLEST_DEVIATION = 1e-4


@dataclass(frozen=True)
class Encoded:
    """One example, the key of its features and the features [T, d] themselves."""

    example: Example
    key: str
    rows: Rows


def encoded_split(
    examples: Sequence[Example], keys: Sequence[str], encoded: EncodedExamples, split: Split
) -> list[Encoded]:
    """The examples of a split that are long enough for one audio token; ArdError if there is none."""
    found = [
        Encoded(example, key, encoded[key])
        for example, key in zip(examples, keys, strict=True)
        if example.split == split and encoded.tokens(key)
    ]
    if not found:
        raise ArdError(f"there are no {split} examples to work with", todo="Run the recipe from its start.")
    return found


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each feature over the training examples, float32 [d]."""

    mean: Features
    deviation: Features

    @classmethod
    def of(cls, members: Sequence[Encoded]) -> Scale:
        width = members[0].rows.shape[1]
        total, squares, count = np.zeros(width), np.zeros(width), 0
        for member in members:
            rows = member.rows.astype(np.float64)
            total += rows.sum(0)
            squares += np.square(rows).sum(0)
            count += len(rows)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), SMALLEST_DEVIATION**2))
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def apply(self, rows: Rows) -> Features:
        scaled: Features = (rows.astype(np.float32) - self.mean) / self.deviation
        return scaled


@dataclass(frozen=True)
class Disturbance:
    """How features are varied while training. They are in units of their own deviation, so zero is their mean.

    Attributes
    ----------
    noise : float
        Standard deviation of added noise.
    masks : int
        Stretches of time that are set to zero; each is drawn to be 0 … `mask_tokens` long, and at most a quarter of
        the clip.
    mask_tokens : int
        25 are a second.
    channel_dropout : float
        Share of the features that are set to zero throughout a clip; the others are raised to make up for it.
    """

    noise: float = 0.3
    masks: int = 2
    mask_tokens: int = 15
    channel_dropout: float = 0.1

    def apply(self, features: Features, rng: np.random.Generator) -> Features:
        """A disturbed copy of features [T, d]."""
        length, width = features.shape
        disturbed = features + np.float32(self.noise) * rng.standard_normal((length, width), dtype=np.float32)
        kept = rng.random(width, dtype=np.float32) >= self.channel_dropout
        disturbed *= kept / np.float32(1.0 - self.channel_dropout)
        for _ in range(self.masks):
            size = int(rng.integers(0, min(self.mask_tokens, length // 4) + 1))
            start = int(rng.integers(0, length - size + 1))
            disturbed[start : start + size] = 0.0
        return disturbed


class Batches:
    """Packed batches of the training examples: batch `number` is the same in every run.

    Each epoch is a permutation of the examples in which clips of about equal length stand together.
    """

    def __init__(
        self,
        members: Sequence[Encoded],
        prompts: Prompts,
        dialogues: Dialogues,
        scale: Scale,
        *,
        size: int,
        disturbance: Disturbance,
        seed: int,
        classes: Classes | None = None,
    ) -> None:
        self.classes = classes
        self.members, self.prompts, self.dialogues, self.scale = members, prompts, dialogues, scale
        self.size, self.disturbance, self.seed = size, disturbance, seed
        self.per_epoch = math.ceil(len(members) / size)
        self._lengths = np.array([len(member.rows) for member in members])
        self._order: tuple[int, list[npt.NDArray[np.int64]]] = (-1, [])

    def __call__(self, number: int) -> Packed:
        epoch, position = divmod(number, self.per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, self._epoch(epoch))
        rng = np.random.default_rng([self.seed, 1, number])
        members = [self.members[i] for i in self._order[1][position]]
        features = [self.disturbance.apply(self.scale.apply(member.rows), rng) for member in members]
        dialogues = [self.dialogues(member.example, epoch) for member in members]
        told = None if self.classes is None else [self.classes.targets(member.example.facts) for member in members]
        return pack(self.prompts, features, dialogues, told)

    def _epoch(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, 0, epoch])
        shuffled = rng.permutation(len(self.members))
        pool = POOL_BATCHES * self.size
        batches: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(shuffled), pool):
            some = shuffled[start : start + pool]
            some = some[np.argsort(self._lengths[some], kind="stable")]
            batches += [some[i : i + self.size] for i in range(0, len(some), self.size)]
        return [batches[i] for i in rng.permutation(len(batches))]


def plain_batches(
    members: Sequence[Encoded], prompts: Prompts, dialogues: Dialogues, scale: Scale, *, size: int
) -> Iterator[Packed]:
    """All examples once, undisturbed, with the dialogues of epoch 0, shortest first."""
    ordered = sorted(members, key=lambda member: len(member.rows))
    for start in range(0, len(ordered), size):
        some = ordered[start : start + size]
        yield pack(
            prompts,
            [scale.apply(member.rows) for member in some],
            [dialogues(member.example, 0) for member in some],
        )
