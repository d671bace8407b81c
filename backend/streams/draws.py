"""Which clip is drawn next while the model runs in training (S-06, A-10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.clips import ClipTable
from backend.streams.order import EpochOrder


class Draws(Protocol):
    """An endless sequence of clip table rows, a function of its seed alone."""

    def __getitem__(self, number: int) -> int: ...

    @property
    def clips(self) -> int:
        """How many different clips there are to draw."""


class EpochDraws:
    """Every training clip once an epoch, in a fresh random order each epoch."""

    def __init__(self, table: ClipTable, seed: int) -> None:
        self._rows = training_clips(table)
        self._order = EpochOrder(len(self._rows), seed)

    def __getitem__(self, number: int) -> int:
        return int(self._rows[self._order[number : number + 1]][0])

    @property
    def clips(self) -> int:
        return len(self._rows)


class WeightedDraws:
    """With replacement: a data set with P ∝ weight × number of its training clips, then any of its clips (S-06).

    Parameters
    ----------
    weights : mapping of int to float
        Weight of each data set, by its position in study.toml.
    """

    def __init__(self, table: ClipTable, weights: Mapping[int, float], seed: int) -> None:
        rows = training_clips(table)
        self._rows = {d: rows[table.dataset[rows] == d] for d in sorted(set(table.dataset[rows].tolist()))}
        self.probabilities = dataset_probabilities({d: len(r) for d, r in self._rows.items()}, weights)
        self._cumulative = np.cumsum(list(self.probabilities.values()))
        self._datasets = list(self.probabilities)
        self._seed = seed

    def __getitem__(self, number: int) -> int:
        generator = np.random.default_rng([self._seed, number])
        which = int(np.searchsorted(self._cumulative, generator.random() * self._cumulative[-1], side="right"))
        rows = self._rows[self._datasets[which]]
        return int(rows[generator.integers(len(rows))])

    @property
    def clips(self) -> int:
        return sum(len(rows) for rows in self._rows.values())


def dataset_probabilities(clips: Mapping[int, int], weights: Mapping[int, float]) -> dict[int, float]:
    """P(data set) ∝ weight × number of samples (S-06)."""
    raw = {d: weights[d] * n for d, n in clips.items()}
    total = sum(raw.values())
    return {d: value / total for d, value in raw.items()}


def training_clips(table: ClipTable) -> npt.NDArray[np.int64]:
    """Rows of the clips that train an SAE; ArdError if there are none."""
    rows = np.flatnonzero(table.train).astype(np.int64)
    if len(rows) == 0:
        raise ArdError(
            "no clip of this study trains an SAE",
            todo='Give at least one data set in study.toml use = "train" or "both".',
        )
    return rows
