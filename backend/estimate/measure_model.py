"""The model timed on three clips of the study and, where that is soon done, on whole batches."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from backend.errors import ArdError
from backend.estimate.speeds import Speeds
from backend.estimate.watch import Watch
from backend.estimate.workload import Workload
from backend.extract.decode import Decoded, decode
from backend.extract.forward import Forward
from backend.extract.plan import Plan, make_plan, used_clips
from backend.extract.shards import encode_shards, loader
from backend.jobs.job import Job
from backend.stages.extract import write_rows
from backend.store.activations import ActivationStore
from backend.targets.base import Target
from backend.targets.load import load_target

CLIPS = 3
BATCH_SECONDS = 8.0
"""Longest time that whole batches may take, judged by the three clips."""
TOKENS = 16384


@dataclass(frozen=True)
class Sample:
    """Activations of a few clips, by layer, and the tokens of each clip there."""

    x: dict[str, torch.Tensor]
    length: dict[str, list[int]]


def measure_model(work: Workload, speeds: Speeds, job: Job) -> tuple[Speeds, Sample, Target]:
    """Load the model and encode three clips; ArdError as `load_target`, and if none of the clips can be read.

    The target is given back, so that its tokens can be counted; let it go before SAEs are measured.
    """
    with Watch() as loading:
        target = load_target(work.settings.model)
    job.check_stop()
    layers = [one.name for one in work.layers]
    forward = Forward(target, batch_waves=work.settings.extract.batch_clips, job=job)
    clips = _three(work, target)
    times, decoded, parts = [], 0.0, []
    with Watch() as singles:
        for clip in [clips[0], *clips]:  # the first forward also sets the library up
            job.check_stop()
            with Watch() as read:
                one = decode(clip.clip, loader(target, work.settings))
            with Watch() as run:
                parts.append(forward([one], layers))
            windows = max(1, len(one.waves))
            longest = max(len(wave.samples) for wave in one.waves) / target.sample_rate
            times.append((longest, run.seconds / windows))
            decoded = max(decoded, read.seconds / max(0.1, longest * windows))
    window, second = _line(times[1:])
    found = speeds.with_("model", load=loading.seconds, window=window, second=second, decode=decoded)
    # of one window much is there only once; whole batches replace this below
    each, batch = max(1, singles.peak - loading.after), work.settings.extract.batch_clips
    memory = replace(
        found.memory, loaded=loading.after, forward=min(each * batch, max(each, speeds.memory.forward)),
        forward_device=max(0, singles.device - loading.device) * batch,
        model_device=loading.device,
    )  # fmt: skip
    found = replace(found, memory=memory)
    x = {layer: torch.cat([part[layer][0].x for part in parts[1:]]).float() for layer in layers}
    length = {layer: [len(part[layer][0].x) for part in parts[1:]] for layer in layers}
    return *_batches(work, found, forward, layers, Sample(x, length), job), target


def let_go(speeds: Speeds) -> Speeds:
    """Note what stays resident after the model has gone; call it when nothing refers to the target any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with Watch() as watch:
        pass
    return replace(speeds, memory=replace(speeds.memory, floor=watch.after))


def stored_sample(work: Workload) -> Sample:
    """Rows of the activations that are there."""
    x, length = {}, {}
    for one in work.layers:
        if not one.extracted:
            continue
        store = ActivationStore(one.recipe.folder(work.planned.study))
        tokens, clips = 0, []
        for count in store.clips()[1].tolist():
            if count and tokens + count <= TOKENS:
                tokens += count
                clips.append(count)
        x[one.name] = torch.from_numpy(store.gather(np.arange(tokens)))
        length[one.name] = clips
    return Sample(x, length)


def _three(work: Workload, target: Target) -> list[Decoded]:
    """A short, a middling and a long clip that can be read and give tokens."""
    order = [int(i) for i in np.argsort(work.clips.longest, kind="stable") if work.clips.windows[i]]
    found: list[Decoded] = []
    load = loader(target, work.settings)
    for share in np.linspace(0.1, 1.0, CLIPS):
        for row in order[min(len(order) - 1, int(share * (len(order) - 1))) :]:
            one = decode(work.table[row], load)
            tokens = sum(target.token_count(len(wave.samples), work.layers[0].name) or 1 for wave in one.waves)
            if not one.problem and one.waves and tokens:
                found.append(one)
                break
    if not found:
        raise ArdError(
            "none of the clips that were tried can be read", path=work.planned.study.root,
            todo="Run ard status to see which files cannot be used.",
        )  # fmt: skip
    return found


def _line(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Seconds per window and per second of sound through these; neither is negative."""
    lengths, seconds = (np.array(column) for column in zip(*times, strict=True))
    spread = float(((lengths - lengths.mean()) ** 2).sum())
    slope = float(((lengths - lengths.mean()) * (seconds - seconds.mean())).sum()) / spread if spread > 0.01 else 0.0
    slope = min(max(0.0, slope), float((seconds / np.maximum(lengths, 1e-3)).min()))
    return max(0.0, float((seconds - slope * lengths).mean())), slope


def _batches(
    work: Workload, speeds: Speeds, forward: Forward, layers: list[str], sample: Sample, job: Job
) -> tuple[Speeds, Sample]:
    """Three batches of the plan through the very code that extraction uses, if they are soon done.

    The first one, the longest, starts the decoders and grows the process: its memory counts and its time does not.
    """
    extract = work.settings.extract
    plan = make_plan(work.table, used_clips(work.table), batch_clips=extract.batch_clips, shard_tokens=10**12)
    chosen = [plan.batches[i] for i in sorted({0, len(plan.batches) // 3, 2 * len(plan.batches) // 3})]
    expected = [
        int(work.clips.windows[list(b)].sum())
        * (speeds.window + speeds.second * float(work.clips.longest[list(b)].max()))
        for b in chosen
    ]  # fmt: skip
    while chosen and sum(expected) > BATCH_SECONDS:
        chosen.pop()
        expected.pop()
    if not chosen:
        return speeds, sample
    part = Plan(tuple(chosen), ((0, len(chosen)),))
    ends: list[float] = []

    def after_batch(clips: object) -> None:
        job.check_stop()
        ends.append(time.perf_counter())

    with Watch() as running:
        began = time.perf_counter()
        ((_, rows),) = encode_shards(forward, work.table, part, {0: layers}, work.settings, after_batch=after_batch)
    first = 0 if len(ends) == 1 else 1
    spent = ends[-1] - (began, ends[0])[first]
    x = {name: torch.from_numpy(np.concatenate([p.float().numpy() for p in one.parts])) for name, one in rows.items()}
    length = {name: list(one.length) for name, one in rows.items()}
    held = sum(4 * one.numel() for one in x.values())
    size = sum(2 * one.numel() for one in x.values())
    folders: dict[str, Path] = {name: work.planned.scratch / f"shard-{name}" for name in layers}
    with Watch() as writing:
        write_rows(0, rows, folders, extract.dtype)
    memory = replace(
        speeds.memory,
        forward=max(0, running.peak - speeds.memory.loaded - held),
        forward_device=max(0, running.device - speeds.memory.model_device),
    )
    speeds = replace(
        speeds, batch=spent / sum(expected[first:]), write=writing.seconds / max(1, size), memory=memory
    )  # fmt: skip
    return speeds, Sample(x, length)
