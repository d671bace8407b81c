"""`ard extract`: the residual stream of every clip at every asked layer, on disk (A-01…A-09).

Shards are committed whole; a killed run goes on at the first shard that is not there. The manifest of a layer is
written last, from what its shards hold, so that it is the same however often the run was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.extract.estimate import estimate, measure, refuse_if_too_large
from backend.extract.plan import Plan, clip_work, make_plan, used_clips
from backend.extract.recipe import Recipe, recipes
from backend.extract.statistics import Statistics, merge, outliers, save
from backend.jobs.job import Job
from backend.stages.base import Product
from backend.store.activations import open_shard, read_extras, read_sums, shard_name, write_shard
from backend.store.clips import ClipTable
from backend.study.atomic import read_json, remove_leftovers, write_json
from backend.study.folder import Study
from backend.study.manifest import is_current, write_manifest
from backend.study.settings import Settings

if TYPE_CHECKING:
    import torch

    from backend.extract.forward import Rows
    from backend.sae.parallel import World
    from backend.targets.base import Target

STAGE = "extract"
ESTIMATE_AFTER = 4
"""Batches after which the time of the whole is estimated from theirs."""
__all__ = ["estimate", "products", "run"]


def products(study: Study, settings: Settings) -> list[Product]:
    """One product per layer; none where the study streams."""
    if settings.extract.storage == "stream":
        return []
    return [
        Product(STAGE, r.layer, r.folder(study) / "manifest.json", r.fingerprint, {"d": r.d})
        for r in recipes(study, settings)
    ]


def run(study: Study, settings: Settings, job: Job) -> None:
    """Extract the layers that are missing; only those are encoded, all in one pass.

    Raises ArdError if the disk cannot hold them, if no clip can be read, or for activations that are not finite;
    Stopped where the user asked for it.
    """
    if settings.extract.storage == "stream":
        job.current(STAGE)
        return
    study.clips()
    missing = [r for r in recipes(study, settings) if not is_current(r.folder(study) / "manifest.json", r.fingerprint)]
    if not missing:
        job.current(STAGE)
        return
    with job.running(STAGE):
        _Extraction(study, settings, job, missing).run()


@dataclass
class _Extraction:
    study: Study
    settings: Settings
    job: Job
    layers: list[Recipe]

    def run(self) -> None:
        from backend.sae.parallel import join
        from backend.targets.load import choose_device, load_target

        began = time.monotonic()
        table = ClipTable(self.study.clips())
        extract = self.settings.extract
        plan = make_plan(
            table, used_clips(table), batch_clips=extract.batch_clips, shard_tokens=extract.shard_tokens
        )  # fmt: skip
        refuse_if_too_large(self.study, estimate(self.study, self.settings))
        device = choose_device(self.settings.model.device)
        world = join(device)
        if world.rank == 0:
            for recipe in self.layers:
                _prepare(recipe.folder(self.study), plan)
        _meet(world, device)
        wanted = self._wanted(plan, world)
        if wanted:
            target = load_target(self.settings.model)
            self._announce(table, target)
            self._encode(target, table, plan, wanted)
        _meet(world, device)
        if world.rank == 0:
            for recipe in self.layers:
                self._finish(recipe, table, plan, time.monotonic() - began, str(device))
        _meet(world, device)

    def _wanted(self, plan: Plan, world: World) -> dict[int, list[str]]:
        """The shards of this process that are not whole on disk, and the layers they lack."""
        found = {
            shard: [r.layer for r in self.layers if not is_whole(r.folder(self.study) / shard_name(shard))]
            for shard in range(world.rank, len(plan.shards), world.size)
        }
        return {shard: layers for shard, layers in found.items() if layers}

    def _announce(self, table: ClipTable, target: Target) -> None:
        window = target.window_seconds if self.settings.clips.crop != "chunk" else None
        values = measure(
            self.study, self.settings, table, self.layers, target.token_count, target.sample_rate, window
        )  # fmt: skip
        refuse_if_too_large(self.study, values)
        self.job.estimate(**values)

    def _encode(self, target: Target, table: ClipTable, plan: Plan, wanted: Mapping[int, Sequence[str]]) -> None:
        from backend.extract.forward import Forward
        from backend.extract.shards import encode_shards

        folders = {r.layer: r.folder(self.study) for r in self.layers}
        forward = Forward(target, batch_waves=self.settings.extract.batch_clips, job=self.job)
        work = clip_work(
            table,
            whole_windows=target.window_seconds if target.whole_windows else None,
            chunked=self.settings.clips.crop == "chunk",
        )
        unit = "windows" if target.whole_windows else "tokens (estimated)"
        progress = _Progress(self.job, work, unit, plan, wanted)
        writing: Future[None] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:
            for shard, rows in encode_shards(
                forward, table, plan, wanted, self.settings, after_batch=progress.after_batch
            ):
                if writing is not None:
                    writing.result()
                writing = writer.submit(write_rows, shard, rows, folders, self.settings.extract.dtype)
                del rows
            if writing is not None:
                writing.result()

    def _finish(self, recipe: Recipe, table: ClipTable, plan: Plan, seconds: float, device: str) -> None:
        """Statistics and manifest of one layer, from its shards alone."""
        folder = recipe.folder(self.study)
        names = [shard_name(number) for number in range(len(plan.shards))]
        sums = [read_sums(folder / name) for name in names]
        extras = [read_extras(folder / name) for name in names]
        statistics = merge(sums, recipe.d)
        skipped = [
            {"clip": clip, "record": table.text["record"][clip], "reason": reason}
            for one in extras
            for clip, reason in one.skipped
        ]
        clips = sum(len(open_shard(folder / name).clip) for name in names)
        if clips == 0:
            first = f"; the first reason: {skipped[0]['reason']}" if skipped else ""
            raise ArdError(
                f"none of the {len(skipped)} clips gave the model anything to encode{first}",
                path=self.study.root,
                todo="Check the folders of sound in study.toml.",
            )
        save(folder / "statistics.npz", statistics)
        factor = self.settings.train.outlier_factor or 10.0
        far = sum(int(np.count_nonzero(outliers(one.norm, statistics.median_norm, factor))) for one in sums)
        dtypes = sorted({open_shard(folder / name).dtype for name in names})
        write_manifest(
            folder / "manifest.json",
            stage=STAGE,
            fingerprint=recipe.fingerprint,
            settings=recipe.settings,
            inputs=recipe.inputs,
            outputs={
                "shards": names,
                "d": recipe.d,
                "tokens": statistics.tokens,
                "clips": clips,
                "dtypes": dtypes,
                "seconds_per_token": max((one.seconds_per_token for one in extras), default=0.0),
                "approximate_times": any(one.approximate for one in extras),
                "skipped": skipped,
            },
            figures=_figures(statistics, far, factor),
            seconds=seconds,
            device=device,
        )
        if skipped:
            self.job.message(
                f"{recipe.layer}: {len(skipped)} clips left out; ard status lists them", level="warning"
            )  # fmt: skip
        if dtypes != [self.settings.extract.dtype]:
            self.job.message(f"{recipe.layer}: stored as {', '.join(dtypes)}, because float16 would overflow")


def _figures(statistics: Statistics, far: int, factor: float) -> dict[str, Any]:
    return {
        "mean_square_norm": statistics.mean_square_norm,
        "median_norm": statistics.median_norm,
        "max_norm": statistics.max_norm,
        "outlier_factor": factor,
        "outliers": far,
    }


def write_rows(shard: int, rows: dict[str, Rows], folders: Mapping[str, Path], dtype: str) -> None:
    """Write one shard of each layer in its folder; `rows` is emptied, so that they are held once."""
    while rows:
        layer, mine = rows.popitem()
        clip, length = np.array(mine.clip, dtype=np.int64), np.array(mine.length, dtype=np.int64)
        extras = mine.extras()
        write_shard(folders[layer] / shard_name(shard), mine.x(), clip, length, dtype=dtype, extras=extras)


class _Progress:
    """Counts clips by what they cost, and stops between batches."""

    def __init__(
        self, job: Job, work: npt.NDArray[np.float64], unit: str, plan: Plan, wanted: Mapping[int, Sequence[str]]
    ) -> None:
        self._job = job
        self._work = work
        everything = float(sum(work[list(batch)].sum() for batch in plan.batches))
        mine = float(sum(work[list(plan.shard_clips(shard))].sum() for shard in wanted))
        self._total = everything
        self._mine = mine
        self._done = everything - mine
        self._batches = 0
        self._began = time.monotonic()
        job.begin_progress(unit, already_done=self._done)

    def after_batch(self, clips: Sequence[int]) -> None:
        self._done += float(self._work[list(clips)].sum())
        self._batches += 1
        if self._batches == ESTIMATE_AFTER:
            finished = self._done - (self._total - self._mine)
            self._job.estimate(seconds=round((time.monotonic() - self._began) * self._mine / finished, 1))
        self._job.progress(round(self._done), round(self._total))
        self._job.check_stop()


def _prepare(folder: Path, plan: Plan) -> None:
    """Make the folder of a layer; drop shards of another plan, which only another version of ARD can have left."""
    remove_leftovers(folder)
    saved = folder / "plan.json"
    if saved.exists() and read_json(saved) != plan.as_json():
        for shard in folder.glob("shard-*.h5"):
            shard.unlink()
    if not saved.exists() or read_json(saved) != plan.as_json():
        write_json(saved, plan.as_json())


def is_whole(path: Path) -> bool:
    """Whether a shard is there and opens; a damaged one is removed, so that it is made again."""
    if not path.exists():
        return False
    try:
        shard, extras = open_shard(path), read_extras(path)
        read_sums(path)
        return int(shard.length.sum()) == len(shard.x) and (
            extras.seconds is None or len(extras.seconds) == len(shard.x)
        )
    except (ArdError, OSError, KeyError, ValueError):
        path.unlink()
        return False


def _meet(world: World, device: torch.device) -> None:
    """Wait for the other processes."""
    world.total(0, device)
