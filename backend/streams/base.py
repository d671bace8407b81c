"""What the trainer is fed from: an endless iterator of batches whose position can be saved (S-12)."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

import torch

from backend.errors import ArdError


class TokenStream(Protocol):
    """Batches of token vectors, one step at a time.

    Each step is a dict of layer name to float32 tensor [B, d]: this process's contiguous slice, in rank order, of
    the global batch. What a layer's batches hold never depends on which other layers are read beside it.
    """

    step: int
    """Steps handed out so far."""

    def __next__(self) -> dict[str, torch.Tensor]: ...

    def __iter__(self) -> Self: ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on with the next batch: tensors and JSON-ready values."""

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the background threads."""


def rank_slice(batch_tokens: int, rank: int, world: int) -> slice:
    """Rows of the global batch that belong to process `rank` of `world`; ArdError if they cannot be shared evenly."""
    if batch_tokens % world:
        raise ArdError(
            f"train.batch_tokens = {batch_tokens} cannot be shared evenly by {world} processes",
            todo=f"Use a multiple of {world}.",
        )
    share = batch_tokens // world
    return slice(rank * share, (rank + 1) * share)
