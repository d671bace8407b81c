"""Where a run's stream stands: found again from the SAEs' checkpoints, saved beside them for a live stream."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.jobs.job import Job
from backend.sae.parallel import World
from backend.streams.live import LiveStream
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.settings import Settings
from backend.train import checkpoint
from backend.train.feed import Feed
from backend.train.jobs import SaeJob
from backend.train.one import CHECKPOINT


class StreamPositions:
    """Saves and restores the position of the stream of one run.

    A cached stream's position is the step alone, which the SAEs' checkpoints hold. A live stream also has a buffer
    per layer; each is a file of its own, `checkpoints/<fingerprint of the layer's stream>/step-….safetensors`, so that
    another choice of layers finds those it shares.
    """

    def __init__(
        self, study: Study, settings: Settings, jobs: Sequence[SaeJob], feed: Feed, world: World, report: Job
    ) -> None:
        self._jobs, self._feed, self._world, self._report = jobs, feed, world, report
        train = settings.train
        values = {
            "seed": settings.study.seed,
            "batch_tokens": train.batch_tokens,
            "outlier_factor": train.outlier_factor,
        }
        self._folders = {
            job.layer: study.root / "checkpoints" / fingerprint({**values, "recipe": job.recipe.fingerprint})
            for job in jobs
        }  # fmt: skip

    def restore(self) -> None:
        """Bring the stream to the earliest step of the SAEs' checkpoints."""
        step = min(self._saved_step(job) for job in self._jobs)
        stream = self._feed.stream
        if step == 0:
            return
        if not isinstance(stream, LiveStream):
            stream.load_state_dict({"step": step})
            return
        buffers = {layer: checkpoint.load(self._file(layer, step)) for layer in self._folders}
        if all(one is not None for one in buffers.values()):
            stream.load_state_dict(_join(step, buffers))
            return
        self._report.message(
            "the shuffle buffer of the interrupted run is not there; the model reads its clips again", level="warning"
        )
        while stream.step < step:
            next(stream)

    def save(self, step: int) -> None:
        stream = self._feed.stream
        if not isinstance(stream, LiveStream):
            return
        state = stream.state_dict()
        for layer, buffer in state["buffers"].items():
            tensors = {name: buffer[name] for name in ("rows", "mean")}
            values = {name: value for name, value in buffer.items() if name not in tensors}
            checkpoint.save(
                self._file(layer, step), tensors, buffer=values, rank=state["rank"], world=state["world"]
            )  # fmt: skip

    def forget_before(self, step: int) -> None:
        for folder in self._folders.values():
            for path in folder.glob(f"step-*-{self._world.rank}.safetensors"):
                if int(path.name.split("-")[1]) < step:
                    path.unlink(missing_ok=True)

    def remove_all(self) -> None:
        if self._world.rank == 0:
            for folder in self._folders.values():
                shutil.rmtree(folder, ignore_errors=True)

    def _file(self, layer: str, step: int) -> Path:
        return self._folders[layer] / f"step-{step:09d}-{self._world.rank}.safetensors"

    def _saved_step(self, job: SaeJob) -> int:
        """Step of the SAE's checkpoint; 0 if it has none, or one of other settings."""
        values = checkpoint.header(job.folder / CHECKPOINT)
        return int(values["step"]) if values and values.get("fingerprint") == job.fingerprint else 0


def _join(step: int, buffers: dict[str, Any]) -> dict[str, Any]:
    """The state of the whole stream from the files of its layers."""
    first = next(iter(buffers.values()))[1]
    return {
        "step": step,
        "rank": first["rank"],
        "world": first["world"],
        "buffers": {layer: {**tensors, **values["buffer"]} for layer, (tensors, values) in buffers.items()},
    }
