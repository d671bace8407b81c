"""The batch plan: which clips go through the model together and which file holds them.

It follows from the clip table alone, before any audio is decoded, so that a killed extraction goes on with
exactly the batches it had begun with (X-5), and a layer added later has its rows in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.store.clips import ClipTable

TOKENS_PER_SECOND = 50.0
"""Rate by which shards are measured out beforehand: that of Whisper's and HuBERT's encoders (S-03)."""

UNKNOWN_SECONDS = 30.0
"""Stands for the duration of a clip whose header does not tell it."""


@dataclass(frozen=True)
class Plan:
    """Batches and shards of one clip table.

    Attributes
    ----------
    batches : tuple of tuple of int
        Clip table rows of each batch, longest clips first.
    shards : tuple of (int, int)
        First and one past the last batch of each shard.
    """

    batches: tuple[tuple[int, ...], ...]
    shards: tuple[tuple[int, int], ...]

    def shard_batches(self, shard: int) -> tuple[tuple[int, ...], ...]:
        first, end = self.shards[shard]
        return self.batches[first:end]

    def shard_clips(self, shard: int) -> Iterator[int]:
        return (clip for batch in self.shard_batches(shard) for clip in batch)

    def as_json(self) -> dict[str, Any]:
        return {"batches": [list(b) for b in self.batches], "shards": [list(s) for s in self.shards]}


def clip_seconds(table: ClipTable, *, window_seconds: float | None = None) -> npt.NDArray[np.float64]:
    """Seconds of each clip from headers and the index, [clips]; never longer than `window_seconds` if given.

    A clip of unknown length counts as `UNKNOWN_SECONDS`.
    """
    start, end = table.numbers["start"].astype(np.float64), table.numbers["end"].astype(np.float64)
    duration = table.numbers["duration"].astype(np.float64)
    seconds = np.where(np.isfinite(end), end - start, duration)
    seconds = np.where(np.isfinite(seconds), np.maximum(seconds, 0.0), UNKNOWN_SECONDS)
    return seconds if window_seconds is None else np.minimum(seconds, window_seconds)


def clip_work(table: ClipTable, *, whole_windows: float | None, chunked: bool) -> npt.NDArray[np.float64]:
    """What each clip costs relative to the others, [clips]: the measure of progress and time left.

    Parameters
    ----------
    whole_windows : float or None
        Window in seconds of a model that computes all of it however short the clip is: the cost is the number of
        windows. None where the cost goes with the clip's length: the cost is its tokens at `TOKENS_PER_SECOND`.
    chunked : bool
        Whether a clip longer than the window is encoded in several windows, and not cut.
    """
    seconds = clip_seconds(table)
    if whole_windows is None:
        return np.maximum(seconds, 1 / TOKENS_PER_SECOND) * TOKENS_PER_SECOND
    return np.maximum(np.ceil(seconds / whole_windows), 1.0) if chunked else np.ones(len(seconds))


def make_plan(
    table: ClipTable, clips: Sequence[int] | npt.NDArray[np.int64], *, batch_clips: int, shard_tokens: int
) -> Plan:
    """Batches of `batch_clips` clips of similar length; shards of consecutive batches.

    A shard ends before the batch that would carry it over `shard_tokens` tokens at `TOKENS_PER_SECOND`; a single
    batch above that is a shard of its own. Clips of equal length keep the table's order.
    """
    rows = np.asarray(clips, dtype=np.int64)
    seconds = clip_seconds(table)[rows]
    order = rows[np.argsort(-seconds, kind="stable")]
    tokens = dict(zip(rows.tolist(), (seconds * TOKENS_PER_SECOND).tolist(), strict=True))
    batches = tuple(tuple(order[i : i + batch_clips].tolist()) for i in range(0, len(order), batch_clips))
    shards: list[tuple[int, int]] = []
    first, filled = 0, 0.0
    for number, batch in enumerate(batches):
        size = sum(tokens[clip] for clip in batch)
        if number > first and filled + size > shard_tokens:
            shards.append((first, number))
            first, filled = number, 0.0
        filled += size
    if batches:
        shards.append((first, len(batches)))
    return Plan(batches, tuple(shards))


def used_clips(table: ClipTable) -> npt.NDArray[np.int64]:
    """Rows of the clips that train an SAE or are ranked by it; clips excluded from both are never encoded (C4)."""
    return np.flatnonzero(table.train | table.probe).astype(np.int64)
