"""Seconds of each stage: what is to be done times how long its pieces take."""

from __future__ import annotations

import numpy as np

from backend.estimate.disk import answers, clip_features, codes
from backend.estimate.speeds import Speeds, key
from backend.estimate.tokens import Int
from backend.estimate.workload import Layer, Training, Workload
from backend.extract.plan import make_plan, used_clips

PROBE = 0.0005
"""Seconds to read the header of a sound file."""
PAIR = 3e-7
"""Seconds per (feature, clip) pair in lists and scores, beside what a feature costs."""
SAVED = 3e-9
"""Seconds per byte that is saved and synced."""


def index_seconds(work: Workload) -> float:
    return 0.05 + PROBE * work.planned.files


def extract_seconds(work: Workload, speeds: Speeds) -> float:
    """Libraries, model, every batch of the plan, and what writing takes."""
    if not work.to_extract:
        return 0.0
    size = sum(int(one.tokens.sum()) * one.d * 2 for one in work.to_extract)
    there = sum(one.bytes_there for one in work.to_extract) / max(1, size)
    forward = pass_seconds(work, speeds) * max(0.0, 1.0 - there)
    return speeds.startup + speeds.load + forward + speeds.write * size


def pass_seconds(work: Workload, speeds: Speeds, rows: Int | None = None) -> float:
    """One pass of the model over clips, in the batches of the plan; decoding goes on beside it."""
    extract = work.settings.extract
    rows = used_clips(work.table) if rows is None else rows
    plan = make_plan(work.table, rows, batch_clips=extract.batch_clips, shard_tokens=extract.shard_tokens)
    longest = work.clips.longest
    total = 0.0
    for batch in plan.batches:
        windows = int(work.clips.windows[list(batch)].sum())
        total += windows * (speeds.window + speeds.second * float(longest[list(batch)].max()))
    return max(speeds.batch * total, speeds.decode * work.seconds / extract.decode_threads)


def train_seconds(work: Workload, speeds: Speeds) -> float:
    """Every step of every SAE; under streaming also the model over the clips that are drawn."""
    if not work.trainings:
        return 0.0
    own = sum(_sae_seconds(work, speeds, one) for one in work.trainings)
    imports = 0.0 if work.to_extract else speeds.startup
    return imports + own + (_drawn_seconds(work, speeds) if work.streams else 0.0)


def _sae_seconds(work: Workload, speeds: Speeds, one: Training) -> float:
    name, every = key(one.config), work.settings.train.checkpoint_every
    checkpoints = (one.steps - 1) // every - one.done // every
    saved = 12 * one.parameters * max(0, checkpoints) + 4 * one.parameters
    return speeds.start[name] + (one.steps - one.done) * speeds.step[name] + 3 * SAVED * saved


def _drawn_seconds(work: Workload, speeds: Speeds) -> float:
    """Forwards of a streaming training: layers of one stack share them."""
    train, extract = work.settings.train, work.settings.extract
    layers = {one.layer.name: one for one in work.trainings}
    found = speeds.load
    clips = max(1, int((work.table.train & (work.clips.windows > 0)).sum()))
    whole = pass_seconds(work, speeds, np.flatnonzero(work.table.train).astype(np.int64))
    for stack in dict.fromkeys(name.rpartition(".")[0] for name in layers):
        group = [name for name in layers if name.rpartition(".")[0] == stack]
        steps = max(one.steps for one in work.trainings if one.layer.name in group)
        tokens = steps * train.batch_tokens + extract.shuffle_batches * train.batch_tokens / 2
        a_clip = min(_mean_tokens(work, layers[name].layer) for name in group)
        found += whole * tokens / max(1e-9, a_clip * clips)
    return found


def _mean_tokens(work: Workload, layer: Layer) -> float:
    used = layer.tokens[work.table.train]
    return float(used.mean()) if len(used) else 0.0


def retrieve_seconds(work: Workload, speeds: Speeds) -> float:
    """Encoding of every token by every SAE, sorting the codes, ranking the features."""
    if not work.to_retrieve:
        return 0.0
    started = work.to_extract or work.trainings
    found = 0.0 if started else speeds.startup
    if work.streams:
        found += speeds.load + pass_seconds(work, speeds, work.probed)
    for one in work.to_retrieve:
        tokens = int(one.layer.tokens[work.probed].sum())
        if one.config is None:
            found += speeds.unit * one.features * len(work.probed) + tokens * one.layer.d * 1e-8
            continue
        pairs = float(clip_features(work, one).sum())
        found += tokens * speeds.encode[key(one.config)] + speeds.code * codes(work, one)
        found += one.features * speeds.feature + PAIR * pairs
    return found


def describe_seconds(work: Workload, speeds: Speeds) -> float:
    """Vectors of clips, scores, captions, names and their tests."""
    if not work.to_score and not work.to_describe:
        return 0.0
    started = work.to_extract or work.trainings or work.to_retrieve
    found = 0.0 if started else speeds.startup
    if len(work.to_embed):
        found += speeds.embed_load + speeds.embed * len(work.to_embed)
    for one in work.to_score:
        pairs = 0.0 if one.config is None else float(clip_features(work, one).sum())
        found += one.features * speeds.score + PAIR * pairs
    if work.captions:
        found += speeds.caption_load + speeds.caption * work.captions
    named = [min(work.settings.scores.top, one.features) for one in work.to_describe]
    found += sum(speeds.name_load + speeds.name * count for count in named)
    return found + speeds.answer * answers(work)
