"""Shard after shard of a plan through the model: the one pass that extraction and streaming retrieval share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from backend.audio.load import load_waves
from backend.extract.decode import Load, decoded
from backend.extract.forward import Forward, Rows
from backend.extract.plan import Plan
from backend.store.clips import ClipTable
from backend.study.settings import Settings
from backend.targets.base import Target


def loader(target: Target, settings: Settings) -> Load:
    """How a clip becomes the waves that `target` takes, under the crop and short-clip settings (A-03, A-04)."""
    return lambda clip: load_waves(clip, settings.clips, target.sample_rate, target.window_seconds)


def decode_ahead_seconds(settings: Settings) -> float:
    """Audio that may wait decoded: two batches of half a minute a clip."""
    return 2 * 30.0 * settings.extract.batch_clips


def encode_shards(
    forward: Forward,
    table: ClipTable,
    plan: Plan,
    wanted: Mapping[int, Sequence[str]],
    settings: Settings,
    *,
    after_batch: Callable[[Sequence[int]], None] = lambda clips: None,
) -> Iterator[tuple[int, dict[str, Rows]]]:
    """Rows of the wanted layers of the wanted shards, one shard at a time.

    Parameters
    ----------
    wanted : mapping
        Shard number to the layers to encode.
    after_batch : function
        Called with the clips of each finished batch; it may raise to stop.
    """
    clips = (table[clip] for shard in wanted for clip in plan.shard_clips(shard))
    stream = decoded(
        clips,
        loader(forward.target, settings),
        threads=settings.extract.decode_threads,
        ahead_seconds=decode_ahead_seconds(settings),
    )
    try:
        for shard, layers in wanted.items():
            rows = {layer: Rows(forward.target.width(layer)) for layer in layers}
            for batch in plan.shard_batches(shard):
                found = forward([next(stream) for _ in batch], layers)
                for layer in layers:
                    rows[layer].add(found[layer])
                after_batch(batch)
            yield shard, rows
    finally:
        stream.close()
