"""Training steps of each kind of SAE at its real size, and a retrieval of a few clips, timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from backend.estimate.measure_model import Sample
from backend.estimate.speeds import Key, Speeds, key
from backend.estimate.tokens import Int
from backend.estimate.watch import Watch
from backend.estimate.workload import Ranked, Workload
from backend.jobs.job import Job
from backend.retrieval.collect import FeatureCollection
from backend.retrieval.encoding import ClipEncoder
from backend.retrieval.result import finish_features
from backend.retrieval.source import Run
from backend.sae.base import Sae, build
from backend.sae.batchtopk import BatchTopK
from backend.sae.config import SaeConfig
from backend.sae.files import load_sae
from backend.sae.metrics import Quality
from backend.sae.plan import DataStatistics, TrainPlan
from backend.sae.trainer import SaeTrainer

KINDS = 6
"""Most kinds of SAE that are timed, the largest first; the others are taken from the nearest of these."""
STEPS, STEP_SECONDS = 12, 1.5
FEATURES = 2048
"""Most features in the retrieval that is timed whole; what a feature costs does not depend on their number."""
PASS_TOKENS = 8192


def measure_steps(work: Workload, speeds: Speeds, sample: Sample, device: torch.device, job: Job) -> Speeds:
    """Seconds and memory of a step of each kind of SAE that is to be trained, on rows of the sample."""
    kinds = _kinds(work)
    start, step, added = dict(speeds.start), dict(speeds.step), dict(speeds.memory.steps)
    for one in kinds:
        job.check_stop()
        layer = next(t.layer for t in work.trainings if key(t.config) == key(one))
        found = _steps(work, one, sample.x[layer.name], layer.tokens, device, job)
        start[key(one)], step[key(one)], added[key(one)] = found
    for training in work.trainings:
        name = key(training.config)
        if name not in added and kinds:
            near = min(kinds, key=lambda one: _distance(key(one), name))
            scale = training.parameters / max(1, 2 * near.d * near.n_features)
            start[name], step[name] = start[key(near)] * scale, step[key(near)] * scale
            added[name] = round(added[key(near)] * scale)
    return speeds.with_("steps", start=start, step=step, memory=replace(speeds.memory, steps=added))


def _kinds(work: Workload) -> list[SaeConfig]:
    found = {key(one.config): one.config for one in work.trainings}
    return sorted(found.values(), key=lambda one: -one.n_features * one.d)[:KINDS]


def _distance(a: Key, b: Key) -> tuple[int, int]:
    return int(a[0] != b[0]), abs(a[1] * a[2] - b[1] * b[2])


def _steps(
    work: Workload, config: SaeConfig, x: torch.Tensor, tokens: Int,
    device: torch.device, job: Job,
) -> tuple[float, float, int]:  # fmt: skip
    """Seconds of making the SAE with its first step, of each further step, and bytes beside its own."""
    train = work.settings.train
    plan = TrainPlan.resolve(train, config, stored_tokens=int(tokens.sum()), device=device)
    generator = torch.Generator().manual_seed(0)

    def batch() -> torch.Tensor:
        return x[torch.randint(len(x), (train.batch_tokens,), generator=generator)].to(device)

    norms = x.norm(dim=1)
    statistics = DataStatistics(x.mean(0), float(norms.square().mean()), float(norms.median()))
    first = batch()
    with Watch() as whole:
        with Watch() as starting:
            trainer = SaeTrainer(config, plan, device=device, statistics=statistics)
            trainer.step(first)
        times: list[float] = []
        began = time.perf_counter()
        while len(times) < 3 or (len(times) < STEPS and time.perf_counter() - began < STEP_SECONDS):
            job.check_stop()
            rows = batch()
            with Watch() as one:
                trainer.step(rows)
            times.append(one.seconds)
    own = 12 * sum(p.numel() for p in trainer.sae.parameters())
    peak = whole.device if device.type == "cuda" else whole.peak - whole.before
    return starting.seconds, float(np.mean(times)), max(0, peak - own)


def measure_retrieval(
    work: Workload, speeds: Speeds, sample: Sample, device: torch.device, job: Job
) -> tuple[Speeds, Ranked | None]:
    """Seconds per token, code and feature, and the ranking whose file `scratch/retrieval.h5` now stands for it."""
    encode = dict(speeds.encode)
    asked = {key(one.config): one for one in work.to_retrieve if one.config is not None}
    for name, one in asked.items():
        job.check_stop()
        assert one.config is not None
        x, length = tiled(sample, one.layer.name, min(PASS_TOKENS, work.settings.retrieve.batch_tokens))
        sae = _sae(work, one, one.config, x, device)
        encoder, quality = ClipEncoder(sae, work.settings.retrieve.batch_tokens), Quality(one.config.d, device)
        encoder(x[: length[0]], length[:1], quality)
        with Watch() as watch:
            encoder(x, length, quality)
        encode[name] = watch.seconds / len(x)
    largest = max(asked.values(), key=lambda one: one.features, default=None)
    speeds = speeds.with_("retrieval", encode=encode)
    return (speeds, None) if largest is None else (_whole(work, speeds, sample, largest, device, job), largest)


def tiled(sample: Sample, layer: str, tokens: int) -> tuple[torch.Tensor, Int]:
    """At least one clip and up to `tokens` rows of a layer, the sample's clips over and over, in another order."""
    x, known = sample.x[layer], [n for n in sample.length[layer] if n]
    length: list[int] = []
    while not length or sum(length) + known[len(length) % len(known)] <= tokens:
        length.append(known[len(length) % len(known)])
    rows = torch.arange(sum(length)) % len(x)
    return x[rows], np.array(length, dtype=np.int64)


def _sae(work: Workload, one: Ranked, config: SaeConfig, x: torch.Tensor, device: torch.device) -> Sae:
    """The study's own SAE if it is there, else an untrained one of that size."""
    folder = work.planned.study.sae(one.id)
    if (folder / "sae.safetensors").is_file() and not any(t.job.id == one.id for t in work.trainings):
        return load_sae(folder, device)
    sae = build(config).to(device).eval()
    if isinstance(sae, BatchTopK):
        sae.calibrate([x[:1024].to(device).float()])
    return sae


def _whole(work: Workload, speeds: Speeds, sample: Sample, one: Ranked, device: torch.device, job: Job) -> Speeds:
    """Statistics, spill file and merge of a few clips, by the code that retrieval runs."""
    assert one.config is not None
    section = work.settings.retrieve
    config = replace(one.config, n_features=min(FEATURES, one.features), k=min(one.config.k, FEATURES))
    x, length = tiled(sample, one.layer.name, PASS_TOKENS)
    clips = work.probed[: len(length)]
    length = length[: len(clips)]
    x = x[: int(length.sum())]
    sae = build(config).to(device).eval()
    if isinstance(sae, BatchTopK):
        sae.calibrate([x[:1024].to(device).float()])
    folder = work.planned.scratch / "spill"
    collection = FeatureCollection(
        folder, sae, score=section.score, window=section.max_tokens_window, batch_tokens=section.batch_tokens,
        memory=section.memory_mb * 2**19, job=job,
    )  # fmt: skip
    with Watch() as bare:
        ClipEncoder(sae, section.batch_tokens)(x, length, Quality(config.d, device))
    with Watch() as collecting:
        for run in _runs(one.layer.name, x, clips, length):
            collection.take(run)
    with Watch() as merging:
        result = finish_features(
            work.planned.scratch / "retrieval.h5", collection, ["s"], work.table, section, job.check_stop,
            lambda done, total: None,
        )  # fmt: skip
    found = result.figures["l0_mean"] * len(x)
    code = max(1e-8, (collecting.seconds - bare.seconds) / max(1.0, found))
    feature = merging.seconds / result.features
    return replace(speeds, code=code, feature=feature, unit=feature / 200)


def _runs(
    layer: str, x: torch.Tensor, clips: Int,
    length: Int,
) -> Iterator[Run]:  # fmt: skip
    yield Run(layer, "s", x, clips, length, None, 0.04, last=True)
