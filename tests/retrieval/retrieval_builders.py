"""Small retrieval files from codes written out, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.retrieval.lists import ListRules, Ranker
from backend.retrieval.merge import Probing, Scoring, merge
from backend.retrieval.spill import SpillWriter, Visit, places
from backend.retrieval.statistics import CodeCollector
from backend.retrieval.ties import TieOrder
from backend.sae.codes import SparseCodes
from backend.store import hdf
from backend.store.retrieval import KIND, VERSION, RetrievalFile, RetrievalWriter

Clip = tuple[int, np.ndarray]
"""Clip table row and its dense codes [T, D]."""

# Oracle O-19.
O19 = [
    [[2, 0, 0], [4, 0, 0]],
    [[1, 0, 0], [1, 1, 0]],
    [[0, 3, 0], [0, 3, 0], [0, 0, 0], [0, 1, 0]],
    [[0, 0, 0]] * 4,
    [[0, 0, 2]],
    [[1, 0, 0], [0, 0, 0]],
    [[0, 2, 0], [0, 2, 0]],
    [[0, 0, 0]] * 3,
]


@dataclass
class Options:
    """The `[retrieve]` settings that the tests vary."""

    list_length: int = 3
    p: int = 3
    score: Any = "r"
    tie_break: Any = "hash"
    tie_seed: int = 0
    min_tokens: int = 0
    window: int = 0
    quantiles: int = 2
    quantile_clips: int = 2
    bins: int = 4
    memory: int = 1 << 30
    pair_table: bool = True
    clip_features: int = 2
    identity: np.ndarray | None = None
    ids: np.ndarray | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def codes_of(clips: Sequence[np.ndarray]) -> SparseCodes:
    return SparseCodes.from_dense(torch.from_numpy(np.concatenate(clips).astype(np.float32)))


def build(
    folder: Path,
    shards: Sequence[Sequence[Clip]],
    options: Options,
    *,
    n_clips: int,
    features: int,
    batch_clips: int = 1000,
    run_codes: int = 10**9,
    first: dict[tuple[int, int], int] | None = None,
) -> RetrievalFile:
    """Codes → statistics → spill → merge → file. `first` gives the token offset of (shard, position) pieces."""
    tokens = np.zeros(n_clips, np.int64)
    seen = np.zeros(n_clips, np.int64)
    runs = []
    for number, shard in enumerate(shards):
        collector = CodeCollector(features, options.window, options.score)
        spill = SpillWriter(folder / f"spill-{number}.h5", options.window > 0)
        for begin in range(0, len(shard), batch_clips):
            batch = shard[begin : begin + batch_clips]
            rows = np.array([row for row, _ in batch], np.int64)
            lengths = np.array([len(z) for _, z in batch], np.int64)
            offsets = [(first or {}).get((number, begin + i), 0) for i in range(len(batch))]
            collector.add(codes_of([z for _, z in batch]), rows, lengths, np.array(offsets, np.int64))
            np.add.at(tokens, rows, lengths)
            np.add.at(seen, rows, 1)
            if collector.codes >= run_codes:
                spill.add(collector.finish())
        spill.add(collector.finish())
        clip = np.array([row for row, _ in shard], np.int64)
        spill.finish(Visit(clip, np.array([len(z) for _, z in shard], np.int64)))
        runs.extend(places(folder / f"spill-{number}.h5"))
    ids = np.arange(n_clips, dtype=np.uint64) if options.ids is None else options.ids
    listed = tokens >= max(1, options.min_tokens)
    rules = ListRules(options.list_length, options.quantiles, options.quantile_clips, options.bins)
    ranker = Ranker(TieOrder(ids, options.tie_break, options.tie_seed), listed, rules, options.identity)
    settings = {
        "list_length": options.list_length,
        "quantiles": options.quantiles,
        "quantile_clips": options.quantile_clips,
        "histogram_bins": options.bins,
        "pair_table": options.pair_table,
        **options.extra,
    }
    path = folder / "retrieval.h5"
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        writer = RetrievalWriter(
            handle,
            features=features,
            clips=n_clips,
            settings=settings,
            seconds_per_token=0.04,
            largest_token=int(tokens.max(initial=0)),
        )
        scoring = Scoring(options.score, options.window, options.p)
        merge(
            writer,
            runs,
            Probing(tokens, bool((seen > 1).any())),
            ranker,
            scoring,
            memory=options.memory,
            clip_features=options.clip_features,
        )
        none = np.empty((features, 0), np.int32)
        handle.create_dataset("neighbours/feature", data=none)
        handle.create_dataset("neighbours/cosine", data=none.astype(np.float32))
    return RetrievalFile(path)
