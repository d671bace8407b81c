"""Build the stream a training run reads: activations on disk, or the model itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from backend.errors import ArdError
from backend.extract.estimate import expected_tokens
from backend.extract.forward import Forward
from backend.extract.plan import clip_seconds
from backend.extract.recipe import Recipe
from backend.extract.shards import decode_ahead_seconds, loader
from backend.jobs.job import Job
from backend.sae.parallel import World
from backend.sae.plan import DataStatistics
from backend.store.activations import ActivationStore
from backend.store.clips import ClipTable
from backend.streams.augmentation import Augmentation
from backend.streams.cached import CachedStream, TrainingTokens
from backend.streams.draws import Draws, EpochDraws, WeightedDraws, training_clips
from backend.streams.live import LiveStream
from backend.streams.source import DrawnBatches
from backend.study.folder import Study
from backend.study.manifest import is_current
from backend.study.settings import Settings
from backend.targets.load import load_target


@dataclass
class Feed:
    """A stream and what is known of its layers before training.

    Attributes
    ----------
    tokens : dict
        Training tokens of one epoch per layer; estimated from durations where the model runs in training.
    outliers : dict
        Training tokens left out so far, per layer.
    """

    stream: CachedStream | LiveStream
    tokens: dict[str, int]
    world: World
    device: torch.device

    def statistics(self, layer: str) -> DataStatistics:
        """Of a cached layer over all its tokens; of a live one over the first filling of its buffer."""
        if isinstance(self.stream, CachedStream):
            store = self.stream.tokens[layer].store
            return DataStatistics(torch.from_numpy(store.mean).float(), store.mean_square_norm, store.median_norm)
        buffer = self.stream.buffers[layer]
        numbers = torch.tensor([buffer.mean_square_norm, buffer.median], dtype=torch.float64)
        mine = torch.cat([buffer.mean.double(), numbers])[None]
        # every process must start from the same numbers: those of the first
        first = self.world.gather(mine.to(self.device))[0][0].cpu() if self.world.size > 1 else mine[0]
        return DataStatistics(first[:-2].float(), float(first[-2]), float(first[-1]))

    def outliers(self, layer: str) -> int:
        if isinstance(self.stream, CachedStream):
            return self.stream.tokens[layer].outliers
        return self.stream.buffers[layer].outliers


def cached_feed(
    study: Study, settings: Settings, layers: Sequence[Recipe], world: World, *, device: torch.device
) -> Feed:
    """Reads finished activations; ArdError naming the layer that has none."""
    table = ClipTable(study.clips())
    tokens: dict[str, TrainingTokens] = {}
    for recipe in layers:
        folder = recipe.folder(study)
        if not is_current(folder / "manifest.json", recipe.fingerprint):
            raise ArdError(
                f"layer {recipe.layer} has no finished activations", path=folder, todo="Run: ard extract"
            )  # fmt: skip
        tokens[recipe.layer] = TrainingTokens(ActivationStore(folder), table.train, settings.train.outlier_factor)
    stream = CachedStream(
        tokens,
        batch_tokens=settings.train.batch_tokens,
        seed=settings.study.seed,
        rank=world.rank,
        world=world.size,
        pin=device.type == "cuda",
    )
    return Feed(stream, {layer: len(one) for layer, one in tokens.items()}, world, device)


def live_feed(
    study: Study, settings: Settings, layers: Sequence[Recipe], world: World, job: Job, *, device: torch.device
) -> Feed:
    """Runs the model while training (A-09b, S-12)."""
    table = ClipTable(study.clips())
    target = load_target(settings.model)
    names = [recipe.layer for recipe in layers]
    extract, train, seed = settings.extract, settings.train, settings.study.seed
    buffer_tokens = extract.shuffle_batches * train.batch_tokens
    source = DrawnBatches(
        Forward(target, batch_waves=extract.batch_clips, job=job),
        names,
        table,
        draws(table, settings),
        loader(target, settings),
        batch_clips=extract.batch_clips,
        threads=extract.decode_threads,
        ahead_seconds=decode_ahead_seconds(settings),
        kept_tokens=buffer_tokens // world.size,
        stride=world.size,
        augmentation=Augmentation.of(extract, seed),
    )
    stream = LiveStream(
        source,
        names,
        batch_tokens=train.batch_tokens,
        buffer_tokens=buffer_tokens,
        seed=seed,
        outlier_factor=train.outlier_factor,
        rank=world.rank,
        world=world.size,
    )
    window = target.window_seconds if settings.clips.crop != "chunk" else None
    seconds = clip_seconds(table, window_seconds=window)[training_clips(table)]
    tokens = {name: expected_tokens(seconds, name, target.token_count, target.sample_rate) for name in names}
    return Feed(stream, tokens, world, device)


def draws(table: ClipTable, settings: Settings) -> Draws:
    """The order of clips that the settings ask for (S-06)."""
    if settings.extract.sample_clips == "epoch":
        return EpochDraws(table, settings.study.seed)
    weights: Mapping[int, float] = {number: audio.weight for number, audio in enumerate(settings.audio)}
    return WeightedDraws(table, weights, settings.study.seed)
