"""Small retrieval files to score, made by the real retrieval code from codes written out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from retrieval.retrieval_builders import O19, Options, build

from backend.retrieval.lists import ListRules, Ranker
from backend.retrieval.merge import Probing
from backend.retrieval.raw import merge_units, unit_statistics, write_units
from backend.retrieval.spill import Visit
from backend.retrieval.ties import TieOrder
from backend.store import hdf
from backend.store.retrieval import KIND, VERSION, RetrievalFile, RetrievalWriter

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


def raw_file(folder: Path, x: np.ndarray, *, p: int) -> RetrievalFile:
    """The retrieval file of raw units under the literal reading; x [clips, units], clips of one token."""
    tokens = np.ones(len(x), np.int64)
    parts = [unit_statistics(torch.from_numpy(x).float(), tokens)]
    write_units(folder / "units.h5", parts, Visit(np.arange(len(x)), tokens))
    rules = ListRules(8, 1, 1, 2)
    settings = {**vars(rules), "pair_table": True, "p": p}
    with hdf.create(folder / "raw.h5", kind=KIND, version=VERSION) as handle:
        writer = RetrievalWriter(
            handle, features=x.shape[1], clips=len(x), settings=settings, seconds_per_token=0.02, largest_token=1,
            raw=True,
        )  # fmt: skip
        ranker = Ranker(TieOrder(np.arange(len(x), dtype=np.uint64)), tokens > 0, rules)
        merge_units(
            handle, writer, [folder / "units.h5"], Probing(tokens, False), ranker, d=x.shape[1], reading="literal",
            score="r", p=p, memory=1 << 20, clip_features=2,
        )  # fmt: skip
    return RetrievalFile(folder / "raw.h5")


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
