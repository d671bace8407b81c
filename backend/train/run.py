"""One training run: one stream, many SAEs, checkpoints that agree with one another."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from backend.jobs.job import Job
from backend.sae.parallel import World, join
from backend.sae.plan import TrainPlan
from backend.streams.live import LiveStream
from backend.study.atomic import remove_leftovers
from backend.study.folder import Study
from backend.study.settings import Settings
from backend.targets.load import choose_device
from backend.train.feed import Feed, cached_feed, live_feed
from backend.train.jobs import SaeJob
from backend.train.one import CHECKPOINT, OneSae
from backend.train.position import StreamPositions

STOP_EVERY = 10


class TrainingRun:
    """Trains `jobs` to their last step.

    Each SAE's checkpoint carries its own step. The run begins at the earliest of them; an SAE whose checkpoint is
    later lets the batches pass that it has seen. So a kill between two checkpoints, or an SAE added to the grid of a
    half-finished run, changes no result.
    """

    def __init__(self, study: Study, settings: Settings, job: Job, jobs: Sequence[SaeJob]) -> None:
        self.study, self.settings, self.job, self.jobs = study, settings, job, list(jobs)
        self.device = choose_device(settings.model.device)
        self.world: World = join(self.device)

    def run(self) -> None:
        if self.settings.train.threads:
            torch.set_num_threads(self.settings.train.threads)
        if self.world.rank == 0:
            for job in self.jobs:
                remove_leftovers(job.folder)
                remove_leftovers((job.folder / CHECKPOINT).parent)
        feed = self._feed()
        positions = StreamPositions(self.study, self.settings, self.jobs, feed, self.world, self.job)
        positions.restore()
        with feed.stream:
            self._train(feed, positions)

    def _feed(self) -> Feed:
        recipes = list({job.layer: job.recipe for job in self.jobs}.values())
        if self.settings.extract.storage == "stream":
            return live_feed(self.study, self.settings, recipes, self.world, self.job, device=self.device)
        return cached_feed(self.study, self.settings, recipes, self.world, device=self.device)

    def _train(self, feed: Feed, positions: StreamPositions) -> None:
        if isinstance(feed.stream, LiveStream):
            feed.stream.prime()
        saes = [self._one(job, feed) for job in self.jobs]
        # no process may finish an SAE, and with it remove a checkpoint, that another has not read yet
        self.world.total(0, self.device)
        last = max(one.plan.steps for one in saes)
        feed.stream.steps |= {
            layer: max(one.plan.steps for one in saes if one.job.layer == layer) for layer in feed.tokens
        }
        self._finish_complete(saes, feed)
        self.job.begin_progress("steps", already_done=feed.stream.step)
        while feed.stream.step < last:
            step = feed.stream.step
            batch = {layer: x.to(self.device, non_blocking=True) for layer, x in next(feed.stream).items()}
            for one in saes:
                if one.step == step and step < one.plan.steps:
                    one.feed(batch[one.job.layer])
            self._finish_complete(saes, feed)
            self.job.progress(step + 1, last)
            stop = self._stop_asked(step + 1)
            if stop or (step + 1) % self.settings.train.checkpoint_every == 0:
                self._checkpoint(saes, positions, step + 1)
            if stop:
                self.job.check_stop()
        positions.remove_all()

    def _one(self, job: SaeJob, feed: Feed) -> OneSae:
        train = self.settings.train
        plan = TrainPlan.resolve(train, job.config, stored_tokens=feed.tokens[job.layer], device=self.device)
        return OneSae(
            job, plan, feed.statistics(job.layer), device=self.device, world=self.world, train=train, report=self.job
        )

    def _finish_complete(self, saes: list[OneSae], feed: Feed) -> None:
        for one in saes:
            if not one.finished and one.step >= one.plan.steps:
                layer = one.job.layer
                one.finish(outliers=feed.outliers(layer), tokens_per_epoch=feed.tokens[layer])

    def _checkpoint(self, saes: list[OneSae], positions: StreamPositions, step: int) -> None:
        """First the stream's position, then each SAE, then older positions go: one always fits the earliest SAE."""
        active = [one for one in saes if not one.finished]
        if not active:
            return
        positions.save(step)
        for one in active:
            if one.step == step:
                one.save_checkpoint()
        positions.forget_before(min(step, *(one.step for one in active)))

    def _stop_asked(self, step: int) -> bool:
        """Whether to stop after this step; every process of a group gives the same answer."""
        if self.world.size == 1:
            return self.job.stop_requested()
        return step % STOP_EVERY == 0 and self.world.total(int(self.job.stop_requested()), self.device) > 0
