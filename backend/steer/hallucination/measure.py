"""One pass over clips: x once per clip, then every asked push of it (S-43, S-47…S-49)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.audio.load import load_waves
from backend.errors import ArdError
from backend.jobs.job import Job
from backend.sae.base import Sae
from backend.steer.hallucination.clips import Item
from backend.steer.hallucination.listener import Heard, Listener
from backend.steer.hallucination.plan import Plan
from backend.steer.hallucination.push import Coded, Push, apply
from backend.steer.hallucination.results import Answer, Pooled, Results
from backend.study.settings import ClipsSection
from backend.targets.base import Wave

CROP = ClipsSection(crop="first", short="plain")
"""The first window, as it is (S-43), whatever the study's own clips were cut to."""


@dataclass(frozen=True)
class Asked:
    """One push; `text` asks for the transcript too."""

    push: Push
    text: bool = False


class Measurement:
    """Measures clips under pushes and keeps the answers.

    Attributes
    ----------
    failed : dict
        Clip record to the reason why its audio could not be read; its answers are missing everywhere.
    """

    def __init__(self, listener: Listener, sae: Sae, plan: Plan, results: Results) -> None:
        self.listener, self.sae, self.plan, self.results = listener, sae, plan, results
        self.failed: dict[str, str] = {}

    def run(self, items: Sequence[Item], asked: Sequence[Asked], job: Job, *, pooled: bool = False) -> list[Item]:
        """Every push of every clip, those that are known already apart; returns the clips that have answers.

        Each answer is on disk before the next clip begins. Raises Stopped between clips.
        """
        waiting = {
            number for number, item in enumerate(items) if self._missing(item, asked) or self._unpooled(item, pooled)
        }
        failed = {number for number, item in enumerate(items) if item.clip.record in self.failed}
        job.begin_progress("clips", len(items) - len(waiting))
        done = len(items) - len(waiting)
        for number in sorted(waiting - failed):
            job.check_stop()
            if not self._one(items[number], asked, pooled, job):
                failed.add(number)
            done += 1
            job.progress(done, len(items))
        return [item for number, item in enumerate(items) if number not in failed]

    def _missing(self, item: Item, asked: Sequence[Asked]) -> list[Asked]:
        return [one for one in asked if not self.results.has(item.key, one.push.identity(), text=one.text)]

    def _unpooled(self, item: Item, pooled: bool) -> bool:
        return pooled and not self.results.has_pooled(item.key)

    def _one(self, item: Item, asked: Sequence[Asked], pooled: bool, job: Job) -> bool:
        missing = self._missing(item, asked)
        try:
            heard = self.listener.hear(self._wave(item))
        except ArdError as error:
            self.failed[item.clip.record] = str(error)
            job.message(f"{item.clip.record} is left out: {error}", level="warning")
            return False
        # outside of the clip nothing is encoded unless it is changed, because some SAEs select over all they are given
        coded = Coded.of(self.sae, heard.x[: self._changed(heard)])
        if self._unpooled(item, pooled):
            self.results.add_pooled(item.key, self._pool(heard, coded))
        for start in range(0, len(missing), self.plan.batch):
            self.results.add(item.key, self._batch(heard, coded, missing[start : start + self.plan.batch]))
        return True

    def _changed(self, heard: Heard) -> int:
        """Frames at which x is changed."""
        return len(heard.x) if self.plan.readings.frames == "all" else heard.valid

    def _wave(self, item: Item) -> Wave:
        target = self.listener.target
        return load_waves(item.clip, CROP, target.sample_rate, target.window_seconds)[0].samples

    @torch.no_grad()
    def _batch(self, heard: Heard, coded: Coded, asked: Sequence[Asked]) -> list[tuple[str, Answer]]:
        readings = self.plan.readings
        count = self._changed(heard)
        stack = heard.x.expand(len(asked), -1, -1).clone()
        for row, one in enumerate(asked):
            if one.push.kind != "original":
                changed = apply(self.sae, coded, one.push, clamp0=readings.clamp0, add_error=readings.add_error)
                stack[row, :count] = changed.to(stack)
        encoded = self.listener.encoded(stack)
        p = self.listener.no_speech(encoded)
        told = [row for row, one in enumerate(asked) if one.text]
        texts: dict[int, str] = {}
        if told:
            texts = dict(
                zip(told, self.listener.transcripts(encoded[told], self.plan.max_new_tokens), strict=True)
            )  # fmt: skip
        return [(one.push.identity(), Answer(float(p[row]), texts.get(row))) for row, one in enumerate(asked)]

    def _pool(self, heard: Heard, coded: Coded) -> Pooled:
        frames = len(heard.x) if self.plan.readings.pooled_frames == "all" else heard.valid
        codes = coded.codes
        mine = codes.token < frames
        largest = torch.full((codes.n_features,), -torch.inf, device=codes.value.device)
        largest.scatter_reduce_(0, codes.feature[mine], codes.value[mine].float(), "amax")
        feature = torch.isfinite(largest).nonzero()[:, 0]
        x = coded.x[: heard.valid].double()
        return Pooled(
            feature.cpu().numpy(), largest[feature].cpu().numpy(), x.sum(0).cpu().numpy(), heard.valid,
            float(x.square().sum()),
        )  # fmt: skip
