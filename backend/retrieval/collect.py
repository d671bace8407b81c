"""The streaming pass: activations → codes → statistics → one spill file per shard (X-5)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.errors import ArdError
from backend.extract.forward import is_out_of_memory
from backend.jobs.job import Job
from backend.retrieval import raw, spill
from backend.retrieval.encoding import ClipEncoder
from backend.retrieval.score import ScoreName
from backend.retrieval.source import Run, Source
from backend.retrieval.spill import SpillWriter, Visit
from backend.retrieval.statistics import CodeCollector, PairRun
from backend.sae.base import Sae
from backend.sae.metrics import Quality
from backend.study.atomic import remove_leftovers

NOTHING = torch.empty(0)


class Collection(ABC):
    """What is kept of one layer's runs for one ranking; a shard is committed whole or not at all.

    Parameters
    ----------
    folder : Path
        Holds one file per shard.
    """

    kind: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._visited: list[Run] = []

    def path(self, shard: str) -> Path:
        return self.folder / shard

    def missing(self, shards: Sequence[str]) -> list[str]:
        """The shards whose file is not there or does not open; a damaged one is removed."""
        remove_leftovers(self.folder)
        out = []
        for shard in shards:
            try:
                spill.read_visit(self.path(shard), self.kind)
            except (ArdError, OSError, KeyError):
                self.path(shard).unlink(missing_ok=True)
                out.append(shard)
        return out

    def take(self, run: Run) -> None:
        """Take in a run; after the shard's last one its file is there."""
        self._add(run)
        self._visited.append(replace(run, x=NOTHING))
        if run.last:
            visit = self._visit()
            self._visited = []
            self._commit(run.shard, visit)

    def visits(self, shards: Sequence[str]) -> list[Visit]:
        """What the committed shards hold."""
        return [spill.read_visit(self.path(shard), self.kind) for shard in shards]

    def _visit(self) -> Visit:
        runs = self._visited
        seconds = None
        if any(run.seconds is not None for run in runs):
            seconds = np.concatenate([np.empty((0, 2)), *(run_seconds(run) for run in runs)])
        return Visit(
            np.concatenate([run.clip for run in runs]).astype(np.int64),
            np.concatenate([run.length for run in runs]).astype(np.int64),
            seconds,
            max(run.seconds_per_token for run in runs),
            self._sums(),
            None if any(run.sound is None for run in runs) else np.concatenate([run.sound for run in runs]),
        )

    def _sums(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def _add(self, run: Run) -> None:
        """Take in one run's activations."""

    @abstractmethod
    def _commit(self, shard: str, visit: Visit) -> None:
        """Write the shard's file and forget what it holds."""

    def abort(self) -> None:
        """Leave nothing of an unfinished shard behind."""
        self._visited = []


def run_seconds(run: Run) -> Any:
    """Token times of a run, from the regular grid where it has none of its own."""
    if run.seconds is not None:
        return run.seconds
    inside = np.arange(int(run.length.sum())) - np.repeat(np.cumsum(run.length) - run.length, run.length)
    return np.stack([inside, inside + 1], axis=1) * run.seconds_per_token


class FeatureCollection(Collection):
    """Statistics and codes of one SAE's features.

    Parameters
    ----------
    batch_tokens : int
        A longer clip is encoded in parts, unless its selection needs the whole clip (S-11).
    memory : int
        Bytes for the codes that wait to be sorted.
    """

    kind = spill.KIND

    def __init__(
        self, folder: Path, sae: Sae, *, score: ScoreName, window: int, batch_tokens: int, memory: int, job: Job
    ) -> None:
        super().__init__(folder)
        self.sae, self._window, self._job = sae, window, job
        self._encoder = ClipEncoder(sae, batch_tokens)
        self._codes = CodeCollector(sae.config.n_features, window, score)
        self._limit = max(1, memory // CodeCollector.BYTES_PER_CODE)
        self._quality = Quality(sae.config.d, sae.W_dec.device)
        self._writer: SpillWriter | None = None
        self._in_parts = False

    def _add(self, run: Run) -> None:
        if self._writer is None:
            self._writer = SpillWriter(self.path(run.shard), self._window > 0)
        if len(run.clip):
            self._encode(run.x, run.clip, run.length)

    @torch.no_grad()
    def _encode(self, x: torch.Tensor, clip: Any, length: Any) -> None:
        """Encode whole clips; halves of them from the first time the device has no room for more."""
        if self._in_parts and len(clip) > 1:
            return self._halves(x, clip, length)
        try:
            codes = self._encoder(x, length, self._quality)
        except RuntimeError as error:
            if not is_out_of_memory(error) or len(clip) == 1:
                raise
            self._job.message("the device ran out of memory while encoding; going on with half batches", "warning")
            self._in_parts = True
            return self._halves(x, clip, length)
        self._codes.add(codes, clip, length)
        if self._codes.codes >= self._limit:
            self._put(self._codes.finish())

    def _halves(self, x: torch.Tensor, clip: Any, length: Any) -> None:
        half = len(clip) // 2
        cut = int(length[:half].sum())
        in_parts, self._in_parts = self._in_parts, False
        self._encode(x[:cut], clip[:half], length[:half])
        self._encode(x[cut:], clip[half:], length[half:])
        self._in_parts = self._in_parts or in_parts

    def _put(self, run: PairRun) -> None:
        if self._writer is None:
            raise RuntimeError("no shard is open")
        self._writer.add(run)

    def _sums(self) -> dict[str, Any]:
        return {
            "quality": self._quality.sums.cpu().numpy().copy(),
            "l0_max": self._quality.l0_max.cpu().numpy().reshape(1).copy(),
        }

    def _commit(self, shard: str, visit: Visit) -> None:
        self._put(self._codes.finish())
        self._quality.reset()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.finish(visit)

    def abort(self) -> None:
        super().abort()
        if self._writer is not None:
            self._writer.abort()
            self._writer = None


class UnitCollection(Collection):
    """Signed sums and counts of one layer's raw units (A-37a)."""

    kind = raw.KIND

    def __init__(self, folder: Path, device: torch.device) -> None:
        super().__init__(folder)
        self._device = device
        self._parts: list[raw.Columns] = []

    def _add(self, run: Run) -> None:
        if len(run.clip):
            self._parts.append(raw.unit_statistics(run.x.to(self._device).float(), run.length))

    def _commit(self, shard: str, visit: Visit) -> None:
        parts, self._parts = self._parts, []
        raw.write_units(self.path(shard), parts, visit)


def collect(source: Source, collections: Mapping[str, Sequence[Collection]], job: Job) -> None:
    """Bring every collection's shards up to date; `collections` names them by layer.

    Goes on after the last committed shard of each. Raises Stopped between runs.
    """
    missing = {one: one.missing(source.shards(layer)) for layer, many in collections.items() for one in many}
    clips = {layer: {s: source.clips(layer, s) for s in source.shards(layer)} for layer in collections}
    total = sum(sum(clips[layer].values()) * len(many) for layer, many in collections.items())
    left = sum(clips[layer][s] for layer, many in collections.items() for one in many for s in missing[one])
    done = total - left
    job.begin_progress("clips", already_done=done)
    wanted = {layer: {shard for one in many for shard in missing[one]} for layer, many in collections.items()}
    try:
        for run in source.runs(wanted):
            for one in collections[run.layer]:
                if run.shard in missing[one]:
                    one.take(run)
                    done += len(run.clip)
            job.progress(done, total)
            job.check_stop()
    finally:
        for many in collections.values():
            for one in many:
                one.abort()


def quality(visits: Sequence[Visit], d: int) -> dict[str, float]:
    """The SAE's metrics over all probed tokens (A-19), from what the shards measured."""
    total = Quality(d, torch.device("cpu"))
    for visit in visits:
        total.sums += torch.from_numpy(visit.sums["quality"]).double()
        total.l0_max = torch.maximum(total.l0_max, torch.from_numpy(visit.sums["l0_max"])[0])
    return total.values()
