"""Training batches from activations on disk (A-09, A-10)."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from backend.errors import ArdError
from backend.extract.statistics import outliers
from backend.store.activations import ActivationStore
from backend.streams.base import rank_slice
from backend.streams.order import EpochOrder
from backend.streams.prefetch import Prefetched


class TrainingTokens:
    """The tokens of one layer that train an SAE: those of training clips, without outliers.

    Attributes
    ----------
    rows : array [n]
        Their numbers in the store.
    outliers : int
        Tokens of training clips left out because ‖x‖ > factor · median (A-09).
    """

    def __init__(self, store: ActivationStore, train: npt.NDArray[np.bool_], outlier_factor: float) -> None:
        clip, length = store.clips()
        of_training = np.repeat(train[clip], length)
        far = outliers(store.norms(), store.median_norm, outlier_factor)
        self.store = store
        rows = np.flatnonzero(of_training & ~far)
        self.rows: npt.NDArray[np.unsignedinteger] = rows.astype(np.uint32 if store.tokens < 2**32 else np.uint64)
        self.outliers = int(np.count_nonzero(of_training & far))
        if len(self.rows) == 0:
            raise ArdError(
                f"layer {store.layer} has no token to train on",
                path=store.folder,
                todo='Give at least one data set in study.toml use = "train" or "both".',
            )

    def __len__(self) -> int:
        return len(self.rows)


class CachedStream:
    """Uniform over all training tokens of each layer, without replacement within an epoch.

    The batch of step s is positions [s·B, (s+1)·B) of the layer's `EpochOrder`; the state is the step.

    Parameters
    ----------
    tokens : mapping of layer name to TrainingTokens
    batch_tokens : int
        B of the global batch; with `world` processes each gets B / world rows.
    steps : mapping of layer name to int, optional
        A layer is left out of the batches from this step on.
    pin : bool
        Put batches into page-locked memory, from which a CUDA device copies in the background.
    """

    def __init__(
        self,
        tokens: Mapping[str, TrainingTokens],
        *,
        batch_tokens: int,
        seed: int,
        steps: Mapping[str, int] | None = None,
        rank: int = 0,
        world: int = 1,
        pin: bool = False,
    ) -> None:
        self.tokens = dict(tokens)
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.step = 0
        self.steps = dict(steps or {})
        self._pin = pin
        self._mine = rank_slice(batch_tokens, rank, world)
        self._orders: dict[int, EpochOrder] = {}
        for n in {len(t) for t in self.tokens.values()}:
            self._orders[n] = EpochOrder(n, seed)
        self._ahead: Prefetched[dict[str, torch.Tensor]] | None = None

    def positions(self, layer: str, step: int) -> npt.NDArray[np.int64]:
        """Rows of the layer's store in this process's part of the batch of `step`."""
        tokens = self.tokens[layer]
        first = step * self.batch_tokens
        order = self._orders[len(tokens)][first + self._mine.start : first + self._mine.stop]
        return tokens.rows[order].astype(np.int64)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        """The batch of any step."""
        wanted = [layer for layer in self.tokens if step < self.steps.get(layer, step + 1)]
        rows = {
            layer: torch.from_numpy(self.tokens[layer].store.gather(self.positions(layer, step))) for layer in wanted
        }
        return {layer: x.pin_memory() for layer, x in rows.items()} if self._pin else rows

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> dict[str, torch.Tensor]:
        if self._ahead is None:
            self._ahead = Prefetched(self.batch, self.step)
        batch = next(self._ahead)
        self.step += 1
        return batch

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._end()
        self.step = int(state["step"])

    def _end(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
