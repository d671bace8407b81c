"""Embedding, captioning, naming and scoring of a few clips and features, timed by the code that describes."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backend.describe.cache import TextCache
from backend.describe.captioners.base import CAPTIONERS
from backend.describe.captioners.dataset import phrase_from_labels
from backend.describe.embedders.base import EMBEDDERS
from backend.describe.embedders.windows import embed_clips
from backend.describe.heard import Hearing, Wave
from backend.describe.judging import Judge
from backend.describe.naming_run import Prompts, name_features
from backend.describe.scores.monosemanticity import monosemanticity
from backend.errors import ArdError
from backend.estimate.speeds import Speeds
from backend.estimate.watch import Watch
from backend.estimate.workload import Workload
from backend.jobs.job import Job
from backend.stages.describe import prompt_texts
from backend.store.concepts import ClipCaption
from backend.store.retrieval import RetrievalFile

NAMED = 128
"""Features that a namer without a language model is timed on."""
BATCH_SECONDS = 5.0


def measure_embedding(work: Workload, speeds: Speeds, job: Job) -> Speeds:
    """Load the embedder, embed three clips, and a batch where that is soon done."""
    settings, hearing = work.settings, Hearing(work.settings)
    with Watch() as whole:
        with Watch() as loading:
            embedder = EMBEDDERS.get(settings.embed.embedder).load(
                settings.embed, settings.model.device, local_files_only=settings.model.local_files_only
            )
        with embedder:
            rows = _spread(work.to_embed, 3)
            waves = [hearing.wave(work.table[row], embedder.sample_rate) for row in rows]
            embed_clips(embedder, waves[:1], settings.embed, ["0"])
            job.check_stop()
            with Watch() as three:
                embed_clips(embedder, waves, settings.embed, [str(row) for row in rows])
            each = three.seconds / len(rows)
            size = min(settings.embed.batch_clips, len(work.to_embed))
            if each * size < BATCH_SECONDS:
                job.check_stop()
                rows = _spread(work.to_embed, size)
                with Watch() as batch:
                    waves = [hearing.wave(work.table[row], embedder.sample_rate) for row in rows]
                    embed_clips(embedder, waves, settings.embed, [str(row) for row in rows])
                each = batch.seconds / len(rows)
    memory = replace(speeds.memory, embed=whole.peak - whole.before)
    del embedder
    gc.collect()
    return speeds.with_("embedding", embed_load=loading.seconds, embed=each, memory=memory)


def measure_captions(work: Workload, speeds: Speeds, job: Job) -> Speeds:
    """Load the captioner and caption one clip, then a batch where that is soon done."""
    settings, hearing = work.settings, Hearing(work.settings)
    prompt = prompt_texts(work.planned.study, settings)["caption"]
    with Watch() as whole:
        with Watch() as loading:
            captioner = CAPTIONERS.get(settings.captions.captioner).load(settings, prompt)
        captioner.attach(job)

        def caption(count: int) -> float:
            job.check_stop()
            clips = [work.table[row] for row in _spread(work.probed, count)]
            waves: list[Wave] = []
            if captioner.sample_rate is not None:
                waves = [hearing.wave(clip, captioner.sample_rate) for clip in clips]
            with Watch() as watch:
                captioner.caption(clips, waves)
            return watch.seconds / len(clips)

        each = caption(1)
        size = 1 if captioner.one_by_one else min(settings.captions.batch_clips, len(work.probed))
        if size > 1 and each * size < 2 * BATCH_SECONDS:
            each = caption(size)
    gc.collect()
    memory = replace(speeds.memory, caption=whole.peak - whole.before)
    return speeds.with_("captions", caption_load=loading.seconds, caption=each, memory=memory)


def measure_scores(work: Workload, speeds: Speeds, job: Job) -> Speeds:
    """Scores of the few ranked features of the timed retrieval, and their names."""
    vectors = np.random.default_rng(0).standard_normal((len(work.table), 128)).astype(np.float32)
    with RetrievalFile(work.planned.scratch / "retrieval.h5") as file:
        with Watch() as scoring:
            monosemanticity(file, vectors, work.settings.scores, check_stop=job.check_stop)
        speeds = speeds.with_("scores", score=scoring.seconds / file.features)
        if not work.to_describe:
            return speeds
        return _names(work, speeds, file, vectors, job)


def _names(
    work: Workload, speeds: Speeds, file: RetrievalFile, vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    job: Job,
) -> Speeds:  # fmt: skip
    settings = work.settings
    prompts = prompt_texts(work.planned.study, settings)
    counted = 1 if settings.names.namer == "causal-lm" else min(NAMED, file.features)
    if settings.names.namer == "endpoint":
        return speeds
    lists = file.most_clips(int(file.settings["p"]))[:counted]
    captions = {k: _captions(work, row[row >= 0].tolist()) for k, row in enumerate(lists)}
    cache = TextCache(work.planned.scratch / "names.jsonl")
    seconds = []
    for number in range(2 if counted == 1 else 1):
        cache = TextCache(work.planned.scratch / f"names-{number}.jsonl")
        with Watch() as naming:
            found, problem = name_features(
                settings, captions, Prompts(prompts["concept"], prompts["short_name"]), cache, job
            )
        if problem is not None:
            raise problem
        seconds.append(naming.seconds)
    # a language model is loaded anew each time; what remains of the second time is the name itself
    load = 0.0
    each = seconds[-1] / counted
    if settings.names.detection == "embedder" and any(one.name for one in found):
        answers = TextCache(work.planned.scratch / "answers.jsonl")
        judge = Judge(settings, work.table, Hearing(settings), prompts["detection"], answers, job)
        with Watch() as judging:
            judge.judge(found, file, vectors)
        named = sum(bool(one.name) for one in found)
        loading = min(speeds.embed_load, 0.8 * judging.seconds)
        load += loading
        each += (judging.seconds - loading) / named
    return speeds.with_("naming", name=each, name_load=load)


def _captions(work: Workload, clips: Sequence[int]) -> tuple[ClipCaption, ...]:
    texts = [work.table[row].caption or phrase_from_labels(work.table[row].labels) for row in clips]
    return tuple(ClipCaption(row, text or "a sound") for row, text in zip(clips, texts, strict=True))


def _spread(rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]], count: int) -> list[int]:
    """`count` of the rows, evenly spaced."""
    if not len(rows):
        raise ArdError("there is no clip to measure with")
    return [int(rows[i]) for i in np.linspace(0, len(rows) - 1, count).astype(int)]
