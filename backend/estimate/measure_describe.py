"""Embedding, captioning, naming and scoring of a few clips and features, timed by the code that describes."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backend.describe.cache import TextCache
from backend.describe.captioners.base import CAPTIONERS
from backend.describe.captioners.dataset import phrase_from_labels
from backend.describe.embedders.base import EMBEDDERS, Vectors
from backend.describe.embedders.windows import embed_clips
from backend.describe.heard import Hearing, Wave
from backend.describe.judging import Judge
from backend.describe.namers.base import NAMERS
from backend.describe.naming import judge_naming
from backend.describe.scores.monosemanticity import monosemanticity
from backend.errors import ArdError
from backend.estimate.speeds import Speeds
from backend.estimate.tokens import Int
from backend.estimate.watch import Watch
from backend.estimate.workload import Workload
from backend.jobs.job import Job
from backend.stages.describe import prompt_texts
from backend.store.concepts import ClipCaption, Concept
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
    """Scores of a few ranked features: those of the timed retrieval, or of a ranking that is there; and their names."""
    timed = work.planned.scratch / "retrieval.h5"
    there = [one for one in work.ranked if one.config is not None and not one.retrieve]
    if not timed.is_file() and not there:
        return speeds
    path = timed if timed.is_file() else work.planned.study.retrieval(there[0].id)
    vectors = np.random.default_rng(0).standard_normal((len(work.table), 128)).astype(np.float32)
    with RetrievalFile(path) as file:
        if work.to_score:
            with Watch() as scoring:
                monosemanticity(file, vectors, work.settings.scores, check_stop=job.check_stop)
            speeds = speeds.with_("scores", score=scoring.seconds / file.features)
        return _names(work, speeds, file, vectors, job) if work.to_describe else speeds


def _names(work: Workload, speeds: Speeds, file: RetrievalFile, vectors: Vectors, job: Job) -> Speeds:
    """Name a few features, or one where a language model does, and test the names where an embedder does."""
    section = work.settings.names
    if section.namer == "endpoint":
        return speeds
    counted = 1 if section.namer == "causal-lm" else min(NAMED, file.features)
    lists = file.most_clips(int(file.settings["p"]))[:counted]
    captions = {k: _captions(work, row[row >= 0].tolist()) for k, row in enumerate(lists)}
    texts = {k: [one.text for one in some] for k, some in captions.items() if some}
    found: list[Concept] = []
    load = each = 0.0
    memory = speeds.memory
    if section.namer != "none" and texts:
        prompts = prompt_texts(work.planned.study, work.settings)
        with Watch() as whole:
            with Watch() as loading:
                namer = NAMERS.get(section.namer).load(work.settings, prompts["concept"], prompts["short_name"])
                namer.attach(job)
                namer.read(sorted({text for some in texts.values() for text in some}))
            with Watch() as naming:
                told = {k: namer.name(some) for k, some in texts.items()}
        del namer
        gc.collect()
        found = [Concept(k, *judge_naming(naming_), captions[k]) for k, naming_ in told.items()]
        load, each = loading.seconds, naming.seconds / len(told)
        memory = replace(memory, name=whole.peak - whole.before)
    named = sum(bool(one.name) for one in found)
    if section.detection == "embedder" and named:
        answers = TextCache(work.planned.scratch / "answers.jsonl")
        judge = Judge(work.settings, work.table, Hearing(work.settings), "", answers, job)
        with Watch() as judging:
            judge.judge(found, file, vectors)
        again = min(speeds.embed_load, 0.8 * judging.seconds)
        load += again
        each += (judging.seconds - again) / named
    return speeds.with_("naming", name=each, name_load=load, memory=memory)


def _captions(work: Workload, clips: Sequence[int]) -> tuple[ClipCaption, ...]:
    texts = [work.table[row].caption or phrase_from_labels(work.table[row].labels) for row in clips]
    return tuple(ClipCaption(row, text or "a sound") for row, text in zip(clips, texts, strict=True))


def _spread(rows: Int, count: int) -> list[int]:
    """`count` of the rows, evenly spaced."""
    if not len(rows):
        raise ArdError("there is no clip to measure with")
    return [int(rows[i]) for i in np.linspace(0, len(rows) - 1, count).astype(int)]
