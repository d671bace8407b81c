"""Raw residual units ranked like features (A-37a): a dense, signed table from which four readings follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.retrieval.lists import Ranker
from backend.retrieval.merge import BlockRows, Probing
from backend.retrieval.score import ScoreName, clip_score
from backend.retrieval.spill import Visit, write_visit
from backend.retrieval.statistics import Int64
from backend.retrieval.strongest import StrongestFeatures
from backend.store import hdf
from backend.store.retrieval import RAW_PAIRS, STATUS, RetrievalWriter

Reading = Literal["literal", "relu", "split", "abs"]
KIND, VERSION = "raw unit spill", 1
Columns = dict[str, npt.NDArray[Any]]


def unit_statistics(x: Tensor, length: Int64) -> Columns:
    """positive_sum, negative_sum (of −x where x < 0), positive_count, negative_count, each [clips, d].

    Sums run in float64; they are additive over pieces of a clip.
    """
    x = x.cpu() if x.device.type == "mps" else x
    lengths = torch.from_numpy(length).to(x.device)
    parts = {
        "positive_sum": x.clamp(min=0).double(),
        "negative_sum": (-x).clamp(min=0).double(),
        "positive_count": (x > 0).double(),
        "negative_count": (x < 0).double(),
    }
    out = {
        name: torch.segment_reduce(part, "sum", lengths=lengths, initial=0.0, unsafe=True).cpu().numpy()
        for name, part in parts.items()
    }
    return {name: out[name].astype(RAW_PAIRS[name]) for name in RAW_PAIRS}


def read_units(table: Columns, reading: Reading) -> Columns:
    """sum and count of each unit under one reading, from the four columns (A-37a).

    literal: Σx and tokens with x > 0; relu: those of x⁺; split: x⁺ for the first d units and (−x)⁺
    for d more; abs: those of |x|. The units are the first axis.
    """
    plus, minus = table["positive_sum"], table["negative_sum"]
    up, down = table["positive_count"], table["negative_count"]
    if reading == "relu":
        return {"sum": plus, "count": up}
    if reading == "split":
        return {"sum": np.concatenate([plus, minus]), "count": np.concatenate([up, down])}
    if reading == "abs":
        return {"sum": plus + minus, "count": up + down}
    return {"sum": plus - minus, "count": up}


def read_tokens(x: npt.NDArray[np.float32], units: Int64, reading: Reading) -> npt.NDArray[np.float32]:
    """Value of each of the asked units at each token under one reading, [n, T], for x [T, d].

    literal: x; relu: x⁺; split: x⁺ of unit k < d, (−x)⁺ of unit d + k; abs: |x|.
    """
    d = x.shape[1]
    values = x[:, units % d].T
    if reading == "relu":
        return np.maximum(values, 0)
    if reading == "split":
        return np.maximum(np.where(units[:, None] < d, values, -values), 0)
    return np.abs(values) if reading == "abs" else values


def units_of(d: int, reading: Reading) -> int:
    """Number of ranked units: 2d under "split", else d."""
    return 2 * d if reading == "split" else d


def write_units(path: Path, parts: Sequence[Columns], visit: Visit) -> None:
    """One shard's table, unit-major, so that a block of units is one contiguous read."""
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        write_visit(handle, visit)
        for name in RAW_PAIRS:
            table = np.concatenate([part[name] for part in parts]) if parts else np.empty((0, 0), RAW_PAIRS[name])
            handle.create_dataset(name, data=np.ascontiguousarray(table.T))


def read_block(paths: Sequence[Path], clips: Int64, low: int, high: int) -> Columns:
    """The four columns [high-low, n] of units low … high-1 for the ascending clip rows `clips`."""
    out: Columns = {name: np.zeros((high - low, len(clips)), dtype) for name, dtype in RAW_PAIRS.items()}
    for path in paths:
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            rows = handle["clip"][...]
            if not len(rows):
                continue
            where = np.searchsorted(clips, rows)
            for name, table in out.items():
                np.add.at(table.T, where, handle[name][low:high].T)
    return out


def merge_units(
    handle: h5py.File,
    writer: RetrievalWriter,
    paths: Sequence[Path],
    probing: Probing,
    ranker: Ranker,
    *,
    d: int,
    reading: Reading,
    score: ScoreName,
    p: int,
    memory: int,
    clip_features: int,
    check_stop: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Rank all units and write the file's lists, the dense table and the strongest units of all clips.

    Returns the number of units by status.
    """
    clips = np.flatnonzero(probing.tokens).astype(np.int64)
    if writer.pair_table:
        handle.create_dataset("pairs/clip", data=clips.astype(np.int32))
        for name, dtype in RAW_PAIRS.items():
            handle.create_dataset(f"pairs/{name}", shape=(d, len(clips)), dtype=dtype)
    strongest = StrongestFeatures(len(probing.tokens), clip_features)
    totals = dict.fromkeys(STATUS, 0)
    step = max(1, memory // (96 * max(1, len(clips))))
    signs: tuple[Reading, ...] = ("relu", "split") if reading == "split" else (reading,)
    for number, sign in enumerate(signs):
        for low in range(0, d, step):
            check_stop()
            high = min(d, low + step)
            table = read_block(paths, clips, low, high)
            if writer.pair_table and not number:
                for name in RAW_PAIRS:
                    handle[f"pairs/{name}"][low:high] = table[name]
            units = read_units(table, sign)
            chosen = slice(high - low, None) if sign == "split" else slice(None)
            rows = BlockRows(high - low, ranker.rules)
            for row, (total, count) in enumerate(zip(units["sum"][chosen], units["count"][chosen], strict=True)):
                unit = number * d + low + row
                scores = clip_score(total, count, probing.tokens[clips], score)
                ranking = ranker.rank(unit, clips, scores)
                pairs = {"sum": total, "count": count, "max": np.full(1, np.nan)}
                rows.put(row, pairs, ranking, int(probing.tokens.sum()), p)
                strongest.add(unit, clips, scores)
            writer.fixed(number * d + low, rows.values)
            none = np.zeros(high - low, np.int64)
            writer.traces(none, none, {})
            for status, found in zip(*np.unique(rows.values["table/status"], return_counts=True), strict=True):
                totals[STATUS[status]] += int(found)
    features, scores = strongest.finish()
    writer.finish({"clips/tokens": probing.tokens, "clips/feature": features, "clips/score": scores})
    return totals
