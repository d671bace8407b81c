"""`--measure`: the pieces of every stage that is still to be done, timed in this process within half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from backend.errors import ArdError, Stopped
from backend.estimate.measure_describe import measure_captions, measure_embedding, measure_scores
from backend.estimate.measure_model import Sample, let_go, measure_model, stored_sample
from backend.estimate.measure_sae import measure_retrieval, measure_steps
from backend.estimate.speeds import Speeds
from backend.estimate.startup import Startup
from backend.estimate.workload import Workload, workload
from backend.jobs.events import EventLog
from backend.jobs.job import Job

BUDGET = 30.0
"""Seconds after which no further piece is begun."""
PIECES = ("model", "steps", "retrieval", "embedding", "captions", "scores")


class _Piece(Job):
    """What a piece reports to: it is heard by nobody, and stops when `outer` is asked to."""

    def __init__(self, outer: Job) -> None:
        super().__init__(EventLog(None, "estimate"))
        self._outer = outer

    def stop_requested(self) -> bool:
        return self._outer.stop_requested()


class Measurement:
    """Goes through the pieces; one that fails keeps its guess, and `problems` says why."""

    def __init__(self, work: Workload, speeds: Speeds, startup: Startup, device: torch.device, job: Job) -> None:
        self.work, self.speeds, self.device = work, speeds, device
        self.outer, self.job = job, _Piece(job)
        self.problems: list[ArdError] = []
        self._began = time.monotonic()
        self._sample: Sample | None = None
        if startup.seconds is not None:
            memory = replace(speeds.memory, begun=startup.resident)
            self.speeds = replace(speeds, startup=startup.seconds, memory=memory)

    def run(self) -> None:
        """Raises Stopped if the user asked for it."""
        work = self.work
        with self.outer.running("measure"):
            self.outer.begin_progress("pieces")
            self._piece(0, bool(work.to_extract) or work.streams, self._model)
            if self._sample is None and not work.to_extract and not work.streams:
                self._sample = stored_sample(work)
            self._piece(1, bool(work.trainings), self._steps)
            self._piece(2, any(one.config for one in work.to_retrieve), self._retrieval)
            self._piece(3, len(work.to_embed) > 0, self._embedding)
            self._piece(4, work.captions > 0 and work.settings.captions.captioner == "audiollm", self._captions)
            self._piece(5, bool(work.to_score or work.to_describe), self._scores)

    def _piece(self, number: int, wanted: bool, measure: Callable[[], None]) -> None:
        self.job.check_stop()
        if wanted and time.monotonic() - self._began < BUDGET:
            try:
                measure()
            except Stopped:
                raise
            except ArdError as error:
                self.problems.append(error)
        self.outer.progress(number + 1, len(PIECES))

    def _model(self) -> None:
        speeds, sample, target = measure_model(self.work, self.speeds, self.job)
        self.work = workload(self.work.planned, self.work.table, target.token_count)
        self._sample = sample
        del target
        self.speeds = let_go(speeds)

    def _steps(self) -> None:
        if self._sample is not None:
            self.speeds = measure_steps(self.work, self.speeds, self._sample, self.device, self.job)

    def _retrieval(self) -> None:
        if self._sample is not None:
            self.speeds, _ = measure_retrieval(self.work, self.speeds, self._sample, self.device, self.job)

    def _embedding(self) -> None:
        self.speeds = measure_embedding(self.work, self.speeds, self.job)

    def _captions(self) -> None:
        self.speeds = measure_captions(self.work, self.speeds, self.job)

    def _scores(self) -> None:
        self.speeds = measure_scores(self.work, self.speeds, self.job)


def measured(work: Workload, speeds: Speeds, startup: Startup, device: torch.device, job: Job) -> Measurement:
    """The measurement, finished; its `work` counts tokens as the loaded model does."""
    found = Measurement(work, speeds, startup, device, job)
    found.run()
    return found
