"""Where retrieval takes activations from: the cache, or the model itself; both as runs of whole clips."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from backend.extract.forward import Forward
from backend.extract.plan import make_plan
from backend.extract.shards import encode_shards
from backend.jobs.job import Job
from backend.store.activations import ActivationStore, Extras, read_extras, shard_name
from backend.store.clips import ClipTable
from backend.study.settings import Settings
from backend.targets.load import load_target

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Run:
    """Activations of consecutive whole clips of one shard.

    Attributes
    ----------
    layer, shard : str
        `shard` names a piece of the probing set that is committed whole.
    x : tensor [tokens, d]
        On the CPU.
    clip, length : int64 array [n]
        Clip table row and tokens of each clip.
    seconds : float64 array [tokens, 2], optional
        Token times where they are off the regular grid.
    seconds_per_token : float
    last : bool
        True in the shard's last run of this layer.
    sound : uint64 array [n], optional
        Hash of the samples of each clip.
    """

    layer: str
    shard: str
    x: torch.Tensor
    clip: Int64
    length: Int64
    seconds: npt.NDArray[np.float64] | None
    seconds_per_token: float
    last: bool
    sound: UInt64 | None = None


class Source(Protocol):
    """Activations of the probing clips at some layers."""

    def shards(self, layer: str) -> Sequence[str]:
        """Names of all shards of a layer, in order."""

    def clips(self, layer: str, shard: str) -> int:
        """Clips of a shard, for the progress."""

    def runs(self, wanted: Mapping[str, Collection[str]]) -> Iterator[Run]:
        """The wanted shards of each layer. Every one gives at least one run, an empty one if it has no probing clip."""


class CachedSource:
    """Reads `activations/<layer>/<fp>/`, one layer after another."""

    def __init__(self, stores: Mapping[str, ActivationStore], probe: npt.NDArray[np.bool_], batch_tokens: int) -> None:
        self._stores, self._probe, self._batch_tokens = dict(stores), probe, batch_tokens

    def shards(self, layer: str) -> list[str]:
        return [shard.path.name for shard in self._stores[layer].shards]

    def clips(self, layer: str, shard: str) -> int:
        found = next(one for one in self._stores[layer].shards if one.path.name == shard)
        return int(self._probe[found.clip].sum())

    def runs(self, wanted: Mapping[str, Collection[str]]) -> Iterator[Run]:
        for layer, store in self._stores.items():
            for shard in store.shards:
                if shard.path.name not in wanted.get(layer, ()):
                    continue
                extras = read_extras(shard.path)
                probed = np.flatnonzero(self._probe[shard.clip] & (shard.length > 0))
                batches = list(batches_of_clips(shard.length[probed], self._batch_tokens)) or [slice(0, 0)]
                for number, batch in enumerate(batches):
                    clips = probed[batch]
                    length = shard.length[clips]
                    rows = _rows(shard.start[clips], length)
                    yield Run(
                        layer, shard.path.name, torch.from_numpy(shard.rows(rows)), shard.clip[clips], length,
                        None if extras.seconds is None else extras.seconds[rows], extras.seconds_per_token,
                        last=number == len(batches) - 1, sound=None if extras.sound is None else extras.sound[clips],
                    )  # fmt: skip


class LiveSource:
    """Runs the model on the probing clips, all layers in one pass; nothing dense is kept (A-09).

    The model is loaded when the first run is asked for.
    """

    def __init__(self, settings: Settings, table: ClipTable, layers: Sequence[str], job: Job) -> None:
        self._settings, self._table, self._layers, self._job = settings, table, list(layers), job
        self._plan = make_plan(
            table,
            np.flatnonzero(table.probe),
            batch_clips=settings.extract.batch_clips,
            shard_tokens=settings.extract.shard_tokens,
        )

    def shards(self, layer: str) -> list[str]:
        return [shard_name(number) for number in range(len(self._plan.shards))]

    def clips(self, layer: str, shard: str) -> int:
        return sum(1 for _ in self._plan.shard_clips(self.shards(layer).index(shard)))

    def runs(self, wanted: Mapping[str, Collection[str]]) -> Iterator[Run]:
        missing = {
            number: [layer for layer in self._layers if name in wanted.get(layer, ())]
            for number, name in enumerate(self.shards(""))
        }
        missing = {number: layers for number, layers in missing.items() if layers}
        if not missing:
            return
        forward = Forward(
            load_target(self._settings.model), batch_waves=self._settings.extract.batch_clips, job=self._job
        )
        stop = self._job.check_stop
        shards = encode_shards(
            forward, self._table, self._plan, missing, self._settings, after_batch=lambda clips: stop()
        )
        for number, by_layer in shards:
            for layer, rows in by_layer.items():
                x, extras = rows.x(), rows.extras()
                clip, length = np.array(rows.clip, dtype=np.int64), np.array(rows.length, dtype=np.int64)
                yield from self._split(layer, shard_name(number), torch.as_tensor(x), clip, length, extras)

    def _split(
        self, layer: str, shard: str, x: torch.Tensor, clip: Int64, length: Int64, extras: Extras
    ) -> Iterator[Run]:
        ends = np.concatenate(([0], np.cumsum(length)))
        batches = list(batches_of_clips(length, self._settings.retrieve.batch_tokens)) or [slice(0, 0)]
        for number, batch in enumerate(batches):
            rows = slice(int(ends[batch.start]), int(ends[batch.stop]))
            yield Run(
                layer, shard, x[rows], clip[batch], length[batch],
                None if extras.seconds is None else extras.seconds[rows], extras.seconds_per_token,
                last=number == len(batches) - 1, sound=None if extras.sound is None else extras.sound[batch],
            )  # fmt: skip


def batches_of_clips(length: Int64, batch_tokens: int) -> Iterator[slice]:
    """Ranges of consecutive clips with at most `batch_tokens` tokens; a longer clip is alone."""
    first = total = 0
    for number, tokens in enumerate(length.tolist()):
        if number > first and total + tokens > batch_tokens:
            yield slice(first, number)
            first, total = number, 0
        total += tokens
    if first < len(length):
        yield slice(first, len(length))


def _rows(start: Int64, length: Int64) -> slice | Int64:
    """Row numbers of the clips; a slice where they are consecutive, which is mapped and not gathered."""
    if not len(start):
        return slice(0, 0)
    if np.array_equal(start[1:], start[:-1] + length[:-1]):
        return slice(int(start[0]), int(start[-1] + length[-1]))
    return np.repeat(start - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
