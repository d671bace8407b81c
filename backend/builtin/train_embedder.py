"""Train the built-in embedder on tower rows and captions, and score it by retrieval."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from backend.builtin.embedder import Embedder, EmbedderConfig, contrastive_loss
from backend.jobs.job import Job

Rows = Mapping[str, npt.NDArray[Any]]
Caption = Callable[[str, int], str]
"""Caption of the example with this key in this epoch; several wordings of the same facts."""


@dataclass(frozen=True)
class EmbedderTraining:
    """Settings of the training; the rate falls along a cosine after the warm-up."""

    epochs: int = 12
    batch: int = 192
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 100
    largest_scale: float = 50.0
    longest_rows: int = 128
    row_dropout: float = 0.3
    seed: int = 0


def train_embedder(
    config: EmbedderConfig,
    keys: Sequence[str],
    rows: Rows,
    caption: Caption,
    tokenize: Callable[[str], Sequence[int]],
    settings: EmbedderTraining,
    job: Job,
) -> Embedder:
    """An embedder of the examples `keys`.

    Parameters
    ----------
    rows : mapping
        Key to tower rows [T, audio_width]; examples without rows are left out.
    caption : function
        Clips of equal captions in a batch count as right for each other's texts.
    """
    torch.manual_seed(settings.seed)
    draw = random.Random(settings.seed)
    embedder = Embedder(config).train()
    usable = [key for key in keys if len(rows[key])]
    steps_per_epoch = max(1, len(usable) // settings.batch)
    total = settings.epochs * steps_per_epoch
    optimizer = torch.optim.AdamW(embedder.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / settings.warmup_steps) * 0.5 * (1 + np.cos(np.pi * step / total))
    )
    job.begin_progress("steps")
    done = 0
    for epoch in range(settings.epochs):
        draw.shuffle(usable)
        for first in range(0, steps_per_epoch * settings.batch, settings.batch):
            members = usable[first : first + settings.batch]
            texts = [caption(key, epoch) for key in members]
            clips = [_some_rows(rows[key], settings, draw) for key in members]
            audio, text = embedder.embed_rows(clips), embedder.embed_ids([tokenize(t) for t in texts])
            same = torch.tensor([[a == b for b in texts] for a in texts])
            scale = embedder.log_scale.exp().clamp(max=settings.largest_scale)
            loss = contrastive_loss(audio, text, scale, same)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(embedder.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            done += 1
            job.progress(done, total)
            job.check_stop()
        job.metric(step=done, values={"loss": float(loss.detach()), "scale": float(scale.detach())})
    return embedder.eval()


def _some_rows(rows: npt.NDArray[Any], settings: EmbedderTraining, draw: random.Random) -> torch.Tensor:
    """A random stretch of at most `longest_rows` rows with some of them dropped, never none."""
    first = draw.randrange(max(1, len(rows) - settings.longest_rows + 1))
    part = torch.from_numpy(np.array(rows[first : first + settings.longest_rows], dtype=np.float32))
    kept = torch.rand(len(part)) >= settings.row_dropout
    return part[kept] if bool(kept.any()) else part


@torch.no_grad()
def recall_at(
    embedder: Embedder, clips: Sequence[npt.NDArray[Any]], captions: Sequence[str],
    tokenize: Callable[[str], Sequence[int]], k: int = 10,
) -> dict[str, float]:  # fmt: skip
    """Text → audio retrieval: share of distinct captions with a clip of that very caption among the first k.

    Returns recall, the same for a random order of the clips (expected value), and the number of queries and clips.
    """
    gallery = torch.cat(
        [embedder.embed_rows([torch.from_numpy(np.array(c, dtype=np.float32)) for c in clips[i : i + 64]])
         for i in range(0, len(clips), 64)]
    )  # fmt: skip
    queries = sorted(set(captions))
    texts = torch.cat(
        [embedder.embed_ids([tokenize(q) for q in queries[i : i + 64]]) for i in range(0, len(queries), 64)]
    )
    order = (texts @ gallery.T).topk(min(k, len(clips)), dim=1).indices.tolist()
    found = [any(captions[i] == query for i in row) for query, row in zip(queries, order, strict=True)]
    chance = [_chance(len(clips), captions.count(query), k) for query in queries]
    return {
        f"recall_at_{k}": sum(found) / len(queries),
        "chance": sum(chance) / len(queries),
        "queries": float(len(queries)),
        "clips": float(len(clips)),
    }


def _chance(clips: int, right: int, k: int) -> float:
    """Probability that k clips drawn without replacement hold one of the `right` ones."""
    missed = 1.0
    for i in range(min(k, clips)):
        missed *= max(0, clips - right - i) / (clips - i)
    return 1.0 - missed
