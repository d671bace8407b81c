"""From committed shards to a finished retrieval file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.retrieval.collect import FeatureCollection, UnitCollection, quality
from backend.retrieval.lists import ListRules, Ranker, identities
from backend.retrieval.merge import Probing, Scoring, merge
from backend.retrieval.neighbours import decoder_neighbours
from backend.retrieval.raw import merge_units, units_of
from backend.retrieval.spill import Visit, places
from backend.retrieval.ties import TieOrder
from backend.store import hdf
from backend.store.clips import ClipTable
from backend.store.retrieval import KIND, VERSION, RetrievalWriter
from backend.study.settings import RetrieveSection, plain

Stop = Callable[[], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Result:
    """What is told about a finished file in its manifest."""

    features: int
    figures: dict[str, Any]


def probing(visits: Sequence[Visit], clips: int) -> Probing:
    """T of every clip of the table, over all shards."""
    tokens, seen = np.zeros(clips, np.int64), np.zeros(clips, np.int64)
    for visit in visits:
        np.add.at(tokens, visit.clip, visit.length)
        np.add.at(seen, visit.clip, 1)
    return Probing(tokens, bool((seen > 1).any()))


def token_times(visits: Sequence[Visit], tokens: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    """`times/start` and `times/seconds` where any token is off the regular grid, else nothing."""
    if all(visit.seconds is None for visit in visits):
        return {}
    start = np.concatenate(([0], np.cumsum(tokens)))
    seconds = np.empty((int(start[-1]), 2))
    for visit in visits:
        inside = np.arange(int(visit.length.sum())) - np.repeat(np.cumsum(visit.length) - visit.length, visit.length)
        grid = np.stack([inside, inside + 1], axis=1) * visit.seconds_per_token
        where = np.repeat(start[visit.clip], visit.length) + inside
        seconds[where] = grid if visit.seconds is None else visit.seconds
    return {"times/start": start, "times/seconds": seconds}


def sounds(visits: Sequence[Visit], clips: int) -> list[int | None]:
    """Hash of the samples of every clip of the table; None where no shard tells."""
    found: list[int | None] = [None] * clips
    for visit in visits:
        if visit.sound is not None:
            for clip, sound in zip(visit.clip.tolist(), visit.sound.tolist(), strict=True):
                found[clip] = sound
    return found


def make_ranker(
    table: ClipTable, tokens: npt.NDArray[np.int64], section: RetrieveSection, sound: Sequence[int | None]
) -> Ranker:
    """The ranker of a study's clips under its settings."""
    rules = ListRules(section.list_length, section.quantiles, section.quantile_clips, section.histogram_bins)
    order = TieOrder(table.tie_ids, section.tie_break, section.tie_seed)
    same = None
    if section.deduplicate:
        start, end = (table.numbers[name].astype(np.float64) for name in ("start", "end"))
        same = identities([f"{h}/{m}" if h else "" for h, m in _content(table)], start, end, sound)
    return Ranker(order, tokens >= max(1, section.min_tokens), rules, same)


def _content(table: ClipTable) -> zip[tuple[str, str]]:
    """Hash of each clip's file, and which member of it the clip is."""
    return zip(table.text["hash"], table.text["member"], strict=True)


def finish_features(
    path: Path, collection: FeatureCollection, shards: Sequence[str], table: ClipTable, section: RetrieveSection,
    check_stop: Stop, progress: Progress,
) -> Result:  # fmt: skip
    """Write the retrieval file of one SAE."""
    visits = collection.visits(shards)
    found = probing(visits, len(table))
    runs = [place for shard in shards for place in places(collection.path(shard))]
    sae, memory = collection.sae, section.memory_mb * 2**20 // 2
    near, cosine = decoder_neighbours(sae.W_dec, section.neighbours, memory // 4)
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        writer = _writer(handle, sae.config.n_features, visits, found, section, raw=False)
        totals = merge(
            writer, runs, found, make_ranker(table, found.tokens, section, sounds(visits, len(table))),
            Scoring(section.score, section.max_tokens_window, section.p),
            memory=memory, clip_features=section.clip_features, check_stop=check_stop, progress=progress,
        )  # fmt: skip
        writer.finish(
            {"neighbours/feature": near, "neighbours/cosine": cosine, **token_times(visits, found.tokens)}
        )  # fmt: skip
    features, clips = sae.config.n_features, int((found.tokens > 0).sum())
    return Result(
        features,
        {
            **quality(visits, sae.config.d),
            "dead_share": totals["dead"] / features,
            **totals,
            "clips": clips,
            "features_per_clip": totals["pairs"] / max(1, clips),
        },
    )


def finish_units(
    path: Path, collection: UnitCollection, shards: Sequence[str], d: int, table: ClipTable,
    section: RetrieveSection, check_stop: Stop,
) -> Result:  # fmt: skip
    """Write the retrieval file of one layer's raw units (A-37a); they have no traces and no neighbours."""
    visits = collection.visits(shards)
    found = probing(visits, len(table))
    units = units_of(d, section.raw_reading)
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        writer = _writer(handle, units, visits, found, section, raw=True)
        totals = merge_units(
            handle, writer, [collection.path(shard) for shard in shards], found,
            make_ranker(table, found.tokens, section, sounds(visits, len(table))),
            d=d, reading=section.raw_reading, score=section.score, p=section.p,
            memory=section.memory_mb * 2**20 // 2, clip_features=section.clip_features, check_stop=check_stop,
        )  # fmt: skip
        none = np.empty((units, 0), np.int32)
        writer.finish(
            {
                "neighbours/feature": none,
                "neighbours/cosine": none.astype(np.float32),
                **token_times(visits, found.tokens),
            }
        )
    return Result(units, {**totals, "clips": int((found.tokens > 0).sum()), "tokens": int(found.tokens.sum())})


def _writer(
    handle: Any, features: int, visits: Sequence[Visit], found: Probing, section: RetrieveSection, *, raw: bool
) -> RetrievalWriter:
    times = max((visit.seconds_per_token for visit in visits), default=0.0)
    return RetrievalWriter(
        handle, features=features, clips=len(found.tokens), settings=plain(section),
        seconds_per_token=times or float("nan"), largest_token=int(found.tokens.max(initial=0)), raw=raw,
    )  # fmt: skip
