"""`ard steerability`: where a model's answers can be steered at all; no stage of the pipeline and no SAE needed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.steer.classes import Classes, LabelledClip, classes_of, targets_of
from backend.store import steerability as store
from backend.store.clips import ClipTable
from backend.study.atomic import read_json, write_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current, read_manifest, write_manifest
from backend.study.settings import Settings, plain

if TYPE_CHECKING:
    from backend.steer.steerability.class_means import ClassMeans
    from backend.steer.steerability.measure import Task
    from backend.targets.base import Target, Wave

STAGE = "steerability"
MEASURE = 1
"""Raised when the same settings give another profile."""
STRENGTHS = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes
    ----------
    label : str
        Name of the clips' label whose values are the classes.
    classes : tuple of str
        Empty for all that have enough clips.
    layers : tuple of str
        As in study.toml, or the name of a stack for all of its layers; empty for the usual stack.
    prompt : str
        Empty for the usual question about the label.
    strengths : tuple of float
        In units of the norm of the difference of the class means.
    fit, clips : int
        Most clips whose means are taken, and most clips that are steered: other ones.
    max_new_tokens : int
    seed : int
        Of the target classes and of the control's random directions.
    """

    label: str = "category"
    classes: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    prompt: str = ""
    strengths: tuple[float, ...] = STRENGTHS
    fit: int = 80
    clips: int = 60
    max_new_tokens: int = 24
    seed: int = 0

    def check(self) -> None:
        """ArdError for strengths that make no sense."""
        if not self.strengths or not all(0 < one <= 1000 for one in self.strengths):
            raise ArdError("strengths are numbers above 0 and up to 1000", todo="Use for example 0.5, 1, 2 and 4.")


def run(study: Study, settings: Settings, asked: Asked, job: Job) -> Path:
    """Measure the profile, name it in `steerability/current.json` and return its file.

    Every layer is kept as soon as it is measured: a run that was stopped goes on with the next one and gives the same.

    Raises
    ------
    ArdError
        If the label, a class or a layer is not there, or the model gives no answers.
    Stopped
        If the user asked for it.
    """
    asked.check()
    work = _Profile(study, settings, asked)
    path = work.path
    if path.is_file() and is_current(path, work.fingerprint):
        store.name(study, path)
        job.current(STAGE)
        return path
    with job.running(STAGE):
        work.measure(job)
    store.name(study, path)
    return path


class _Profile:
    """One profile to be measured."""

    def __init__(self, study: Study, settings: Settings, asked: Asked) -> None:
        from backend.steer.readers import question_for, reader_for
        from backend.targets.identity import identify

        self.study, self.settings, self.asked = study, settings, asked
        self.identity = identify(settings.model)
        self.table = ClipTable(study.clips())
        self.classes: Classes = classes_of(self.table, asked.label, asked.classes, by_speaker=True)
        self.layers = _layers(asked.layers, self.identity.stacks)
        self.transcribes = self.identity.model_type == "whisper"
        if self.transcribes and asked.prompt:
            raise ArdError("Whisper transcribes and answers no question", todo="Leave --prompt out.")
        path, names = settings.model.path, self.classes.names
        self.prompt = "" if self.transcribes else asked.prompt or question_for(path, asked.label, names)
        self.reader = None if self.transcribes else reader_for(path, asked.label, names)
        self.values: dict[str, Any] = {
            "label": asked.label, "classes": list(names), "layers": self.layers, "prompt": self.prompt,
            "strengths": list(asked.strengths), "fit": asked.fit, "clips": asked.clips,
            "max_new_tokens": asked.max_new_tokens, "seed": asked.seed, "measure": MEASURE,
            "outcome": "changed" if self.transcribes else "target",
            "reader": self.reader.name if self.reader else "none",
            "crop": plain(settings.clips), "dtype": settings.model.dtype,
        }  # fmt: skip
        self.inputs = {
            "model": self.identity.fingerprint,
            "clips": read_manifest(study.index_manifest)["outputs"].get("clip_list", ""),
        }
        self.fingerprint = fingerprint({"settings": self.values, "inputs": self.inputs})
        self.path = store.folder(study) / f"{self.fingerprint}.json"

    def measure(self, job: Job) -> None:
        began = time.monotonic()
        missing = [layer for layer in self.layers if not self._part(layer).is_file()]
        device = self._measure_layers(missing, job) if missing else "cpu"
        self._finish(time.monotonic() - began, device)

    def _part(self, layer: str) -> Path:
        return self.path.with_suffix("") / f"{layer}.json"

    def _measure_layers(self, missing: Sequence[str], job: Job) -> str:
        from backend.steer.answers import Sampling
        from backend.steer.steerability.measure import measure_layer

        target = self._target
        fit = self.classes.first[: self.asked.fit]
        total = len(fit) + len(self.layers) * len(self.tasks)
        done = len(fit) + (len(self.layers) - len(missing)) * len(self.tasks)
        job.begin_progress("clips", done - len(fit))
        means = self._means(target, fit, missing, job, done - len(fit), total)
        sampling = Sampling(max_new_tokens=self.asked.max_new_tokens)
        for layer in missing:
            results = []
            for one in measure_layer(
                target, layer, means, self._waves(target), self.prompt,
                strengths=self.asked.strengths, reader=self.reader, sampling=sampling, seed=self.asked.seed,
            ):  # fmt: skip
                results.append(one.as_json())
                done += 1
                job.check_stop()
                job.progress(done, total)
            write_json(self._part(layer), {"layer": layer, "clips": results})
        return str(next(target.model.parameters()).device)

    @cached_property
    def _target(self) -> Target:
        from backend.stages.answering import answering_target

        return answering_target(self.settings, "it cannot be told whether they were steered")

    @cached_property
    def tasks(self) -> list[Task]:
        """The clips to be steered, each with its target class."""
        from backend.steer.steerability.measure import Task

        clips = self.classes.second[: self.asked.clips]
        targets = targets_of(clips, self.classes.names, self.asked.seed)
        return [Task(i, clip, wanted) for i, (clip, wanted) in enumerate(zip(clips, targets, strict=True))]

    def _means(
        self, target: Target, fit: Sequence[LabelledClip], layers: Sequence[str], job: Job, done: int, total: int
    ) -> ClassMeans:
        from backend.steer.steerability.class_means import ClassMeans, streams

        means = ClassMeans()
        for number, clip in enumerate(fit, 1):
            wave = self._wave(target, clip)
            if len(wave):
                means.add(clip.value, streams(target, wave, self.prompt, layers))
            job.check_stop()
            job.progress(done + number, total)
        absent = [name for name in self.classes.names if not means.counts.get(name)]
        if absent:
            raise ArdError(
                f"no clip of {', '.join(absent)} among the {self.asked.fit} whose means are taken",
                todo="Take more with --fit.",
            )
        return means

    def _waves(self, target: Target) -> Iterator[tuple[Task, Wave]]:
        """Those tasks whose clip gives at least one token."""
        for task in self.tasks:
            wave = self._wave(target, task.clip)
            if len(wave):
                yield task, wave

    def _wave(self, target: Target, clip: LabelledClip) -> Wave:
        """The clip's first window; empty if it is too short for one token."""
        from backend.audio.load import load_waves

        first = load_waves(self.table[clip.index], self.settings.clips, target.sample_rate, target.window_seconds)[0]
        tokens = target.token_count(len(first.samples), self.layers[0])
        return first.samples[:0] if tokens == 0 else first.samples

    def _finish(self, seconds: float, device: str) -> None:
        from backend.steer.steerability.cells import cells
        from backend.steer.steerability.measure import ClipResult
        from backend.steer.steerability.recommendation import recommend

        found: list[dict[str, Any]] = []
        originals: list[ClipResult] = []
        for layer in self.layers:
            results = [ClipResult.of(one) for one in read_json(self._part(layer))["clips"]]
            originals = originals or results
            found += cells(layer, results, self.values["outcome"])
        write_manifest(
            self.path,
            stage=STAGE,
            fingerprint=self.fingerprint,
            settings=self.values,
            inputs=self.inputs,
            outputs={
                "parts": self.path.stem, "model": self.settings.model.path, "cells": found,
                "recommendation": recommend(self.layers, found), "left_out": self.classes.left_out,
            },
            figures={
                "clips": len(originals),
                "right": sum(one.read == one.source for one in originals),
                "already_target": sum(one.read == one.target for one in originals),
            },
            seconds=seconds,
            device=device,
        )  # fmt: skip


def _layers(asked: Sequence[str], stacks: dict[str, int]) -> list[str]:
    """Full names in the order of the model; a stack's name stands for all of its layers."""
    from backend.targets.layers import resolve_all, split_layer

    asked = asked or [next(iter(stacks))]
    wanted = [
        name
        for one in asked
        for name in ([f"{one}.{i}" for i in range(stacks[one])] if one in stacks else [one])
    ]  # fmt: skip
    order = {stack: i for i, stack in enumerate(stacks)}
    return sorted(resolve_all(wanted, stacks), key=lambda one: (order[split_layer(one)[0]], split_layer(one)[1]))
