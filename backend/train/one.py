"""One SAE in training: its trainer, its log, its checkpoint, and how it is finished."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch
from torch import Tensor

from backend.jobs.job import Job
from backend.sae.files import save_sae
from backend.sae.parallel import World
from backend.sae.plan import DataStatistics, TrainPlan
from backend.sae.trainer import SaeTrainer
from backend.study.manifest import write_manifest
from backend.study.settings import TrainSection
from backend.train import checkpoint
from backend.train.jobs import SaeJob
from backend.train.log import MetricsLog, Values, finite

CHECKPOINT = "checkpoint/state.safetensors"


@dataclass
class Timing:
    """Seconds spent in this SAE's own steps, over the whole training and since the last line of the log."""

    total: float = 0.0
    window: float = 0.0
    window_steps: int = 0
    window_began: float = field(default_factory=time.monotonic)


class OneSae:
    """Trains one SAE of the run.

    Only the first process of a group touches files.
    """

    def __init__(
        self,
        job: SaeJob,
        plan: TrainPlan,
        statistics: DataStatistics,
        *,
        device: torch.device,
        world: World,
        train: TrainSection,
        report: Job,
    ) -> None:
        self.job, self.plan, self.world, self.train, self.report = job, plan, world, train, report
        self.trainer = SaeTrainer(job.config, plan, device=device, statistics=statistics, world=world)
        self.finished = False
        self._timing = Timing()
        self._last: Values = {}
        self._peak = 0
        self._resume()
        self._log = self._open_log() if world.rank == 0 else None

    @property
    def step(self) -> int:
        return self.trainer.step_number

    def feed(self, x: Tensor) -> None:
        """One update; a line of the log where one is due."""
        began = time.perf_counter()
        self.trainer.step(x)
        spent = time.perf_counter() - began
        self._timing.total += spent
        self._timing.window += spent
        self._timing.window_steps += 1
        if self.step % self.train.log_every == 0 or self.step == self.plan.steps:
            self._write_line()

    def save_checkpoint(self) -> None:
        """Everything needed to go on; the batch-wise sums of all processes are joined first."""
        state = self.trainer.state_dict()
        quality, most = state["quality"].to(self.trainer.device), state["l0_max"].to(self.trainer.device)
        self.world.sum(quality)
        self.world.max(most)
        if self.world.rank == 0:
            tensors = {**state, "quality": quality.cpu(), "l0_max": most.cpu()}
            values = {"fingerprint": self.job.fingerprint, "step": self.step, "seconds": self._timing.total}
            checkpoint.save(self.job.folder / CHECKPOINT, tensors, **values)

    def finish(self, *, outliers: int, tokens_per_epoch: int) -> None:
        """Weights, configuration, then the manifest, then the checkpoint goes."""
        sae = self.trainer.finish()
        self.finished = True
        if self.world.rank != 0:
            return
        if self._log is not None:
            self._log.close()
        folder = self.job.folder
        weights_hash = save_sae(folder, sae)
        figures: dict[str, Any] = {
            **self._last,
            "training_tokens_per_epoch": tokens_per_epoch,
            "outliers_left_out": outliers,
            "step_seconds": round(self._timing.total / max(1, self.step), 6),
            "peak_memory_bytes": self._peak,
        }
        write_manifest(
            self.job.manifest,
            stage="train",
            fingerprint=self.job.fingerprint,
            settings={**self.job.settings, "plan": self.plan.to_json(), "threads": torch.get_num_threads()},
            inputs=self.job.inputs,
            outputs={
                "id": self.job.id,
                "layer": self.job.layer,
                "weights": "sae.safetensors",
                "weights_hash": weights_hash,
                "metrics": "metrics.jsonl",
                "processes": self.world.size,
            },
            figures=figures,
            seconds=self._timing.total,
            device=str(self.trainer.device),
        )
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)

    def _resume(self) -> None:
        loaded = checkpoint.load(self.job.folder / CHECKPOINT)
        if loaded is None:
            return
        state, values = loaded
        if values.get("fingerprint") != self.job.fingerprint:
            return
        if self.world.rank != 0:
            state["quality"].zero_()
        self.trainer.load_state_dict(state)
        self._timing.total = float(values["seconds"])

    def _open_log(self) -> MetricsLog:
        if self.step == 0 and self.job.manifest.exists():
            self.report.message(f"{self.job.id}: trained with other settings or inputs before; training it anew")
            self.job.manifest.unlink()
        return MetricsLog(
            self.job.folder / "metrics.jsonl", from_step=self.step, tensorboard=self.train.tensorboard
        )  # fmt: skip

    def _write_line(self) -> None:
        timing, began = self._timing, time.perf_counter()
        values = self.trainer.metrics()
        # on a graphics device the steps are only waited for here
        timing.window += time.perf_counter() - began
        now = time.monotonic()
        self._peak = max(self._peak, memory_in_use(self.trainer.device))
        steps = max(1, timing.window_steps)
        values["l0"] = values.pop("l0_mean")
        values["step_ms"] = round(1000 * timing.window / steps, 3)
        values["tokens_per_second"] = round(
            steps * self.plan.batch_tokens / max(now - timing.window_began, 1e-9), 1
        )  # fmt: skip
        line: Values = {"step": self.step, **{k: v for k, v in finite(values).items() if k != "step"}}
        self._last = {k: v for k, v in line.items() if k != "step"}
        timing.window, timing.window_steps, timing.window_began = 0.0, 0, now
        if self._log is not None:
            self._log.write(line)
            self.report.log.emit(
                self.report.stage, "metric", step=self.step, sae=self.job.id, values=self._last
            )  # fmt: skip


def memory_in_use(device: torch.device) -> int:
    """Bytes: the peak of torch's allocator on CUDA, the resident size of this process elsewhere."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return int(psutil.Process().memory_info().rss)
