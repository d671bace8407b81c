"""Small retrieval files to score, made by the real retrieval code from codes written out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from retrieval.retrieval_builders import O19, Options, build

from backend.store.retrieval import RetrievalFile

O19_CLIPS = [np.array(z, float) for z in O19]
O19_VECTORS = np.array([(1, 0), (0.8, 0.6), (0, 1), (-1, 0), (-0.6, 0.8), (0.6, -0.8), (0.28, 0.96), (-0.8, -0.6)])


def scored_file(
    folder: Path,
    clips: Sequence[np.ndarray],
    *,
    p: int,
    n_clips: int | None = None,
    shards: Sequence[Sequence[int]] | None = None,
    **changes: Any,
) -> RetrievalFile:
    """The retrieval file of clips' dense codes [T, D]; `changes` are those of the builder's `Options`.

    `shards` cuts the clips by number; every clip is of one shard unless told otherwise.
    """
    folder.mkdir(exist_ok=True)
    options = Options(p=p, **{"list_length": 64, **changes})
    options.extra = {
        "p": p, "score": options.score, "tie_break": options.tie_break, "tie_seed": options.tie_seed,
        "min_tokens": options.min_tokens, "max_tokens_window": options.window,
    }  # fmt: skip
    parts = [[(row, clips[row]) for row in shard] for shard in (shards or [range(len(clips))])]
    return build(folder, parts, options, n_clips=n_clips or len(clips), features=clips[0].shape[1])


def random_clips(seed: int, count: int, features: int, active: float) -> list[np.ndarray]:
    """Codes of `count` clips of one to four tokens, each entry active with probability `active`."""
    draw = np.random.default_rng(seed)
    clips = []
    for tokens in draw.integers(1, 5, count):
        z = draw.random((tokens, features)) + 0.1
        z[draw.random(z.shape) > active] = 0
        clips.append(z.astype(np.float32))
    return clips


def random_vectors(seed: int, count: int, dimension: int = 5) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(size=(count, dimension))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
