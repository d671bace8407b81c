"""Training batches from the model itself, through a shuffle buffer; nothing dense on disk (A-09, S-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from backend.errors import ArdError
from backend.streams.base import rank_slice
from backend.streams.source import DrawnBatches, no_tokens


class ShuffleBuffer:
    """Unread rows of one layer in random order, refilled when half of the capacity has been read (S-12).

    Attributes
    ----------
    rows : tensor [unread, d]
        In the model's precision; the next batch is their beginning, which is a uniform draw among the unread.
    refills : int
        Times it was filled; seeds the shuffling.
    batch : int
        Number of the next batch of clips to take.
    median : float
        Median ‖x‖ of the first filling, by which outliers are told (A-09).
    outliers : int
        Tokens left out so far.
    """

    def __init__(self, layer: str, capacity: int, *, seed: int, outlier_factor: float, first_batch: int) -> None:
        self.layer = layer
        self.capacity = capacity
        self.seed = seed
        self.outlier_factor = outlier_factor
        self.rows = torch.empty(0, 0)
        self.refills = 0
        self.batch = first_batch
        self.median = 0.0
        self.outliers = 0
        self.mean = torch.empty(0)
        self.mean_square_norm = 0.0
        self._fresh: list[torch.Tensor] = []

    def add(self, rows: torch.Tensor, stride: int) -> None:
        """Take the rows of batch number `batch`; the first filling keeps its outliers until the median is known."""
        self._fresh.append(self._without_outliers(rows) if self.refills else rows)
        self.batch += stride

    @property
    def filling(self) -> bool:
        return bool(self._fresh)

    @property
    def full(self) -> bool:
        return len(self.rows) + sum(len(part) for part in self._fresh) >= self.capacity

    def shuffle(self) -> None:
        """End a filling: mix what was added with what is unread."""
        fresh, self._fresh = torch.cat(self._fresh), []
        if not self.refills:
            self._learn(fresh)
            fresh = self._without_outliers(fresh)
        rows = torch.cat([self.rows, fresh]) if len(self.rows) else fresh
        order = np.random.default_rng([self.seed, self.refills, 3]).permutation(len(rows))
        self.rows = rows[torch.from_numpy(order)]
        self.refills += 1

    def take(self, n: int) -> torch.Tensor:
        """The next `n` rows, float32, removed from the buffer."""
        batch, self.rows = self.rows[:n].float(), self.rows[n:]
        return batch

    @property
    def hungry(self) -> bool:
        return self.refills == 0 or len(self.rows) < self.capacity / 2

    def _learn(self, rows: torch.Tensor) -> None:
        exact = rows.double()
        norm = exact.norm(dim=1)
        self.mean = exact.mean(dim=0)
        self.mean_square_norm = float(norm.square().mean())
        self.median = float(np.median(norm.numpy()))

    def _without_outliers(self, rows: torch.Tensor) -> torch.Tensor:
        if not self.outlier_factor:
            return rows
        kept = rows[rows.float().norm(dim=1) <= self.outlier_factor * self.median]
        self.outliers += len(rows) - len(kept)
        return kept

    def state_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows.clone(),
            "mean": self.mean.clone(),
            "mean_square_norm": self.mean_square_norm,
            "median": self.median,
            "refills": self.refills,
            "batch": self.batch,
            "outliers": self.outliers,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rows, self.mean = state["rows"].clone(), state["mean"].clone()
        self.mean_square_norm, self.median = float(state["mean_square_norm"]), float(state["median"])
        self.refills, self.batch = int(state["refills"]), int(state["batch"])
        self.outliers = int(state["outliers"])


class LiveStream:
    """Runs the model on drawn clips and mixes their tokens in one `ShuffleBuffer` per layer.

    With `world` processes each takes every world-th batch of clips and keeps a buffer of its own, 1 / world in size.

    Parameters
    ----------
    buffer_tokens : int
        Capacity of the buffers of all processes together.
    """

    def __init__(
        self,
        source: DrawnBatches,
        layers: Sequence[str],
        *,
        batch_tokens: int,
        buffer_tokens: int,
        seed: int,
        outlier_factor: float = 0.0,
        steps: Mapping[str, int] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        mine = rank_slice(batch_tokens, rank, world)
        self.source = source
        self.step = 0
        self._share = mine.stop - mine.start
        self._rank, self._world = rank, world
        self.steps = dict(steps or {})
        capacity = max(2 * self._share, buffer_tokens // world)
        self.buffers = {
            layer: ShuffleBuffer(
                layer, capacity, seed=seed * world + rank, outlier_factor=outlier_factor, first_batch=rank
            )
            for layer in layers
        }  # fmt: skip

    def prime(self) -> None:
        """Fill the buffers that were never filled, so that the statistics of the first filling are known."""
        self._fill([buffer for buffer in self.buffers.values() if buffer.refills == 0])

    def _fill(self, hungry: list[ShuffleBuffer]) -> None:
        """Fill buffers side by side, so that they share forwards."""
        barren = dict.fromkeys((buffer.layer for buffer in hungry), 0)
        while hungry:
            for buffer in hungry:
                rows = self.source.tokens(buffer.batch, buffer.layer)
                buffer.add(rows, self._world)
                barren[buffer.layer] = 0 if len(rows) else barren[buffer.layer] + 1
                if barren[buffer.layer] > self.source.draws.clips:
                    raise no_tokens()
                if buffer.full:
                    buffer.shuffle()
            hungry = [buffer for buffer in hungry if buffer.filling]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> dict[str, torch.Tensor]:
        reading = {
            layer: buffer for layer, buffer in self.buffers.items() if self.step < self.steps.get(layer, self.step + 1)
        }
        while hungry := [buffer for buffer in reading.values() if buffer.hungry or len(buffer.rows) < self._share]:
            self._fill(hungry)
        self.step += 1
        return {layer: buffer.take(self._share) for layer, buffer in reading.items()}

    def state_dict(self) -> dict[str, Any]:
        buffers = {layer: buffer.state_dict() for layer, buffer in self.buffers.items()}
        return {"step": self.step, "rank": self._rank, "world": self._world, "buffers": buffers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state that holds all layers of this stream.

        ArdError if it was saved by another number of processes.
        """
        if (state["rank"], state["world"]) != (self._rank, self._world):
            raise ArdError(
                f"this training was begun with {state['world']} processes and cannot go on with {self._world}",
                todo=f"Start it with {state['world']} processes, or remove its checkpoint folder to begin anew.",
            )
        self.step = int(state["step"])
        for layer, buffer in self.buffers.items():
            buffer.load_state_dict(state["buffers"][layer])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()
