"""Largest resident memory of each stage: what was measured or guessed of its pieces, and what grows with the study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.estimate.disk import clip_features, codes
from backend.estimate.speeds import Speeds, key
from backend.estimate.workload import Layer, Ranked, Training, Workload, active
from backend.extract.estimate import BYTES
from backend.extract.plan import make_plan, used_clips
from backend.extract.shards import decode_ahead_seconds
from backend.retrieval.merge import BYTES_PER_CODE, BYTES_PER_PAIR
from backend.retrieval.statistics import CodeCollector

INDEX_OWN, INDEX_A_CLIP = 75_000_000, 3_000
SCORES_BLOCK = 256 * 2**20


def index_memory(work: Workload) -> int:
    """Interpreter, readers and the clip list."""
    return INDEX_OWN + INDEX_A_CLIP * len(work.table)


def extract_memory(work: Workload, speeds: Speeds) -> int:
    """Model and a batch, the rows of the shard being filled and of the one being written, sound that is decoded."""
    memory = speeds.memory
    shards = shard_tokens(work, work.to_extract)
    waiting = 4 * 16_000 * min(decode_ahead_seconds(work.settings), work.seconds)
    layers = [one.d for one in work.to_extract]
    rows = [4 * tokens * sum(layers) for tokens in shards] or [0]
    copied = 4 * max(shards, default=0) * max(layers, default=0)
    filling = max(a + b for a, b in zip(rows, [0, *rows[:-1]], strict=True))
    return memory.loaded + round(waiting) + max(filling + memory.forward, max(rows) + copied)


def shard_tokens(work: Workload, layers: Sequence[Layer]) -> list[int]:
    """Tokens of each shard, of the layer that has most."""
    extract = work.settings.extract
    plan = make_plan(
        work.table, used_clips(work.table), batch_clips=extract.batch_clips, shard_tokens=extract.shard_tokens
    )
    if not layers:
        return []
    most = np.max([one.tokens for one in layers], axis=0)
    return [int(most[list(plan.shard_clips(number))].sum()) for number in range(len(plan.shards))]


def train_memory(work: Workload, speeds: Speeds) -> int:
    """All SAEs with their optimiser states, one of them at work, and the activations, whose mapped pages count."""
    trainings = work.trainings
    if not trainings:
        return 0
    layers = list({one.layer.name: one.layer for one in trainings}.values())
    kept = sum(12 * one.parameters for one in trainings)
    batches = 4 * 4 * work.settings.train.batch_tokens * sum(one.d for one in layers)
    return base(work, speeds) + kept + max(_step(work, speeds, one) for one in trainings) + batches + _fed(work, layers)


def base(work: Workload, speeds: Speeds) -> int:
    """Resident when a stage after extraction begins."""
    memory = speeds.memory
    if work.streams and work.trainings:
        return memory.loaded + memory.forward
    if not work.to_extract:
        return memory.begun
    # the allocator keeps the many small rows of the last shards
    return memory.floor + 4 * max(shard_tokens(work, work.to_extract)) * sum(one.d for one in work.to_extract)


def _step(work: Workload, speeds: Speeds, one: Training) -> int:
    """What one SAE adds while it makes a step or is saved: gradients, pre-activations; two copies of its state."""
    config, batch = one.config, work.settings.train.batch_tokens
    guess = 4 * (one.parameters + config.n_features * config.d) + 10 * batch * config.n_features + 20 * batch * config.d
    step = speeds.memory.steps.get(key(config), guess)
    saved = 24 * one.parameters if one.steps > work.settings.train.checkpoint_every else 8 * one.parameters
    return max(step, saved)


def _fed(work: Workload, layers: Sequence[Layer]) -> int:
    """Activations on the way to the trainer: mapped files, or the shuffle buffers of a stream."""
    if not work.streams:
        return sum(_mapped(work, one) + 16 * int(one.tokens.sum()) for one in layers)
    tokens = work.settings.extract.shuffle_batches * work.settings.train.batch_tokens
    buffers = [4 * tokens * one.d for one in layers]
    # the first filling is looked at in float64; later ones are joined and shuffled, which takes two copies
    return sum(buffers) + 3 * max(buffers)


def _mapped(work: Workload, layer: Layer) -> int:
    return int(layer.tokens.sum()) * layer.d * BYTES[work.settings.extract.dtype]


def retrieve_memory(work: Workload, speeds: Speeds) -> int:
    """The largest pass: its SAEs, a batch of codes, codes that wait, and the merge of what was spilled."""
    passes: dict[str, list[Ranked]] = {}
    for one in work.to_retrieve:
        passes.setdefault("" if work.streams else one.layer.name, []).append(one)
    own = [_pass_memory(work, together) for together in passes.values()]
    if not own:
        return 0
    start = speeds.memory.loaded + speeds.memory.forward if work.streams else base(work, speeds)
    return start + max(own)


def _pass_memory(work: Workload, together: Sequence[Ranked]) -> int:
    section = work.settings.retrieve
    limit = section.memory_mb * 2**20
    shards = shard_tokens(work, [one.layer for one in together])
    most = max(shards, default=0)
    batch = min(section.batch_tokens, most)
    mapped = 0 if work.streams else _mapped(work, together[0].layer)
    if work.streams:
        mapped = 8 * most * sum({one.layer.name: one.layer.d for one in together}.values())
    held = encoding = merging = 0
    for one in together:
        if one.config is None:
            encoding = max(encoding, 40 * batch * one.layer.d)
            merging = max(merging, min(limit // 2, 96 * len(work.probed) * one.layer.d))
            continue
        held += 8 * one.config.n_features * one.config.d
        encoding = max(encoding, 10 * batch * one.config.n_features)
        waiting = CodeCollector.BYTES_PER_CODE * min(most * active(one.config), codes(work, one))
        held += min(waiting, limit // (2 * len(together)))
        pairs = BYTES_PER_PAIR * float(clip_features(work, one).sum())
        merging = max(merging, min(limit // 2, round(pairs) + 2 * BYTES_PER_CODE * codes(work, one)))
    strongest = 2 * 12 * len(work.table) * section.clip_features
    return mapped + held + max(encoding, merging + strongest)


def describe_memory(work: Workload, speeds: Speeds) -> int:
    """Embedder or captioner at work, and scores with the pairs of a block of features."""
    if not work.to_score and not work.to_describe:
        return 0
    memory = speeds.memory
    pairs = max((float(clip_features(work, one).sum()) for one in work.to_score if one.config is not None), default=0.0)
    work_needs = [min(SCORES_BLOCK, round(BYTES_PER_PAIR * pairs))]
    if len(work.to_embed):
        work_needs.append(memory.embed)
    if work.captions and work.settings.captions.captioner == "audiollm":
        work_needs.append(memory.caption)
    if work.to_describe and work.settings.names.namer == "causal-lm":
        work_needs.append(memory.name)
    lists = 24 * sum(one.features for one in work.to_score[:1]) * work.settings.retrieve.list_length
    return base(work, speeds) + lists + max(work_needs)


def device_memory(work: Workload, speeds: Speeds, stage: str) -> int:
    """Bytes on a CUDA device."""
    memory = speeds.memory
    model = memory.model_device + memory.forward_device
    if stage == "extract":
        return model if work.to_extract else 0
    if stage == "train" and work.trainings:
        return sum(12 * one.parameters for one in work.trainings) + max(
            _step(work, speeds, one) for one in work.trainings
        ) + (model if work.streams else 0)  # fmt: skip
    if stage == "retrieve" and work.to_retrieve:
        return max(_pass_memory(work, [one]) for one in work.to_retrieve) + (model if work.streams else 0)
    if stage == "describe" and (work.to_score or work.to_describe):
        return model if work.captions and work.settings.captions.captioner == "audiollm" else memory.forward_device
    return 0
