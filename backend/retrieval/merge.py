"""From spilled runs to the retrieval file: an external merge over blocks of features in bounded memory (X-4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.retrieval.lists import Ranker, Ranking
from backend.retrieval.score import ScoreName, clip_score
from backend.retrieval.spill import PAIRS, WINDOW, RunPlace
from backend.retrieval.strongest import StrongestFeatures
from backend.store.retrieval import STATUS, RetrievalWriter

Int64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]

BYTES_PER_PAIR = 128
BYTES_PER_CODE = 32
OK, INSUFFICIENT, DEAD = (STATUS.index(name) for name in ("ok", "insufficient", "dead"))


@dataclass(frozen=True)
class Probing:
    """What was probed: T per clip table row (0 for the rest), and whether clips came in pieces."""

    tokens: Int64
    in_pieces: bool


@dataclass(frozen=True)
class Scoring:
    """How pairs become scores: `[retrieve]` score, max_tokens_window and p."""

    score: ScoreName = "r"
    window: int = 0
    p: int = 4

    def __call__(self, pairs: Columns, tokens: Int64) -> npt.NDArray[np.float64]:
        if not self.window:
            return clip_score(pairs["sum"], pairs["count"], tokens, self.score)
        length = np.minimum(tokens, self.window)
        return clip_score(pairs["window_sum"], pairs["window_count"], length, self.score)


@dataclass(frozen=True)
class Block:
    """The pairs of features low … high-1 from all runs, by feature.

    Attributes
    ----------
    bounds : int64 array [high-low+1]
        Where each feature's pairs begin.
    columns : dict
        The pair columns, and `run` and `code`: where the codes of each pair are, counted from the
        first code of the block in that run.
    """

    low: int
    high: int
    bounds: Int64
    columns: Columns


def feature_blocks(runs: Sequence[RunPlace], features: int, listed: int, memory: int) -> Iterator[tuple[int, int]]:
    """Ranges of features whose merge fits into `memory` bytes; at least one feature each.

    `listed` is the largest number of clips whose traces are kept per feature.
    """
    pairs, codes = np.zeros(features, np.int64), np.zeros(features, np.int64)
    for run in runs:
        pairs += np.diff(run.start)
        codes += np.diff(run.code_start())
    kept = codes * np.minimum(1.0, listed / np.maximum(pairs, 1)) + codes / max(1, len(runs))
    weight = np.cumsum(pairs * BYTES_PER_PAIR + kept * BYTES_PER_CODE)
    low = 0
    while low < features:
        before = weight[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(weight, before + memory, side="right")))
        yield low, high
        low = high


def assemble(runs: Sequence[RunPlace], low: int, high: int, window: bool) -> Block:
    """Place the pairs of every run by feature, runs in their order."""
    counts = [np.diff(run.start[low : high + 1]).astype(np.int64) for run in runs]
    total = np.sum(counts, axis=0, dtype=np.int64) if counts else np.zeros(high - low, np.int64)
    bounds = np.concatenate(([0], np.cumsum(total)))
    fill = bounds[:-1].copy()
    names = [name for name in PAIRS if window or name not in WINDOW]
    columns: Columns = {}
    for number, (run, count) in enumerate(zip(runs, counts, strict=True)):
        part = run.pairs(low, high, names)
        n = int(count.sum())
        where = np.repeat(fill - (np.cumsum(count) - count), count) + np.arange(n)
        part["code"] = np.cumsum(part["entries"], dtype=np.int64) - part["entries"]
        part["run"] = np.full(n, number, np.int32)
        for name, values in part.items():
            column = columns.setdefault(name, np.empty(int(bounds[-1]), values.dtype))
            column[where] = values
        fill += count
    return Block(low, high, bounds, columns)


def feature_pairs(block: Block, k: int, in_pieces: bool, scoring: Scoring) -> tuple[Columns, Int64, Int64]:
    """Pairs of feature `k` by ascending clip, each clip once.

    Returns
    -------
    pairs : dict of arrays
    order : int64 array
        Positions in the block, by clip, pieces of one clip in the order of the runs.
    first : int64 array
        Where in `order` each pair's pieces begin.
    """
    begin, end = block.bounds[k - block.low], block.bounds[k - block.low + 1]
    order = begin + np.argsort(block.columns["clip"][begin:end], kind="stable")
    names = [name for name in PAIRS if name in block.columns]
    pairs = {name: block.columns[name][order] for name in names}
    first = np.arange(len(order), dtype=np.int64)
    if in_pieces and len(order):
        first = np.flatnonzero(np.diff(pairs["clip"], prepend=-1)).astype(np.int64)
        pairs = _joined(pairs, first, scoring)
    return pairs, order, first


def _joined(pairs: Columns, first: Int64, scoring: Scoring) -> Columns:
    """One pair per clip: sums and counts add up; the window is the best of the pieces' windows."""
    out = {"clip": pairs["clip"][first], "max": np.maximum.reduceat(pairs["max"], first)}
    for name in ("sum", "count", "entries"):
        out[name] = np.add.reduceat(pairs[name], first)
    if "window_sum" in pairs:
        total, count = pairs["window_sum"], pairs["window_count"]
        merit = {"r": total * count, "mean": total, "coverage": count}[scoring.score]
        best = np.lexsort((-merit, pairs["clip"]))[first]
        out["window_sum"], out["window_count"] = total[best], count[best]
    return out


def merge(
    writer: RetrievalWriter,
    runs: Sequence[RunPlace],
    probing: Probing,
    ranker: Ranker,
    scoring: Scoring,
    *,
    memory: int,
    clip_features: int,
    check_stop: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Write lists, traces, histograms and pairs of all features, and the strongest features of all clips.

    Parameters
    ----------
    memory : int
        Bytes the blocks may use.

    Returns
    -------
    dict
        pairs, codes of the listed clips (`trace_codes`), and features by status.
    """
    rules = ranker.rules
    listed = 2 * rules.list_length + rules.quantiles * rules.quantile_clips
    strongest = StrongestFeatures(len(probing.tokens), clip_features)
    totals = {"pairs": 0, "trace_codes": 0, "ok": 0, "insufficient": 0, "dead": 0}
    for low, high in feature_blocks(runs, writer.features, listed, memory):
        check_stop()
        block = assemble(runs, low, high, scoring.window > 0)
        rows = BlockRows(high - low, rules)
        traces = _Traces()
        kept: list[Columns] = []
        for k in range(low, high):
            pairs, order, first = feature_pairs(block, k, probing.in_pieces, scoring)
            clips = pairs["clip"].astype(np.int64)
            scores = scoring(pairs, probing.tokens[clips])
            ranking = ranker.rank(k, clips, scores)
            rows.put(k - low, pairs, ranking, int(probing.tokens.sum()), scoring.p)
            strongest.add(k, clips, scores)
            traces.put(clips, order, first, ranking)
            kept.append(pairs)
        writer.fixed(low, rows.values)
        per_feature, codes, columns = traces.read(block, runs, probing.in_pieces)
        writer.traces(per_feature, codes, columns)
        lengths = np.array([len(pairs["clip"]) for pairs in kept], dtype=np.int64)
        if writer.pair_table:
            writer.pairs(lengths, {n: np.concatenate([p[n] for p in kept]) for n in ("clip", "sum", "count", "max")})
        totals["pairs"] += int(lengths.sum())
        totals["trace_codes"] += int(codes.sum())
        for status, number in zip(*np.unique(rows.values["table/status"], return_counts=True), strict=True):
            totals[STATUS[status]] += int(number)
        progress(high, writer.features)
    features, scores = strongest.finish()
    writer.finish({"clips/tokens": probing.tokens, "clips/feature": features, "clips/score": scores})
    return totals


class BlockRows:
    """The fixed-size rows of a block of features, by the names of the file's data sets."""

    def __init__(self, n: int, rules: Any) -> None:
        lists, quantiles = (n, rules.list_length), (n, rules.quantiles, rules.quantile_clips)
        self.values: Columns = {
            "table/support": np.zeros(n, np.int32),
            **{f"table/{name}": np.zeros(n) for name in ("frequency", "mean", "mean_active", "max", "max_score")},
            "table/status": np.zeros(n, np.uint8),
            "histogram/count": np.zeros((n, rules.histogram_bins), np.int32),
            "histogram/upper": np.zeros(n),
        }
        for name, shape in (("most", lists), ("least", lists), ("quantiles", quantiles)):
            self.values[f"{name}/clip"] = np.full(shape, -1, np.int32)
            self.values[f"{name}/score"] = np.full(shape, np.nan)

    def put(self, row: int, pairs: Columns, ranking: Ranking, tokens: int, p: int) -> None:
        """Fill one feature's row; `tokens` is the number of probed tokens."""
        v = self.values
        total, count = float(pairs["sum"].sum()), int(pairs["count"].sum(dtype=np.int64))
        v["table/support"][row] = int((pairs["count"] > 0).sum())
        v["table/frequency"][row] = count / max(1, tokens)
        v["table/mean"][row] = total / max(1, tokens)
        v["table/mean_active"][row] = total / max(1, count)
        v["table/max"][row] = pairs["max"].max(initial=0)
        v["table/max_score"][row] = ranking.upper
        v["table/status"][row] = DEAD if not count else INSUFFICIENT if len(ranking.most) < p else OK
        v["histogram/count"][row] = ranking.histogram
        v["histogram/upper"][row] = ranking.upper
        self._list("most", row, ranking.most, ranking.most_scores)
        self._list("least", row, ranking.least, ranking.least_scores)
        for part, (clips, scores) in enumerate(zip(ranking.quantiles, ranking.quantile_scores, strict=True)):
            v["quantiles/clip"][row, part, : len(clips)] = clips
            v["quantiles/score"][row, part, : len(clips)] = scores

    def _list(self, name: str, row: int, clips: Int64, scores: npt.NDArray[np.float64]) -> None:
        self.values[f"{name}/clip"][row, : len(clips)] = clips
        self.values[f"{name}/score"][row, : len(clips)] = scores


class _Traces:
    """Which codes the listed clips of a block need, and their retrieval from the runs."""

    def __init__(self) -> None:
        self._pieces: list[Int64] = []
        self._clips: list[Int64] = []
        self._pieces_per_clip: list[Int64] = []

    def put(self, clips: Int64, order: Int64, first: Int64, ranking: Ranking) -> None:
        """Note the listed clips of one feature that have codes; arguments as of `feature_pairs`."""
        listed = np.unique(np.concatenate([ranking.most, ranking.least, *ranking.quantiles]))
        at = np.flatnonzero(np.isin(clips, listed, assume_unique=True))
        ends = np.append(first[1:], len(order))
        sizes = ends[at] - first[at]
        inside = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self._pieces.append(order[np.repeat(first[at], sizes) + inside])
        self._clips.append(clips[at])
        self._pieces_per_clip.append(sizes)

    def read(self, block: Block, runs: Sequence[RunPlace], in_pieces: bool) -> tuple[Int64, Int64, Columns]:
        """Traces per feature, codes per feature, and the columns clip, entries, token, value."""
        per_feature = np.array([len(c) for c in self._clips], dtype=np.int64)
        pieces, clip = np.concatenate(self._pieces), np.concatenate(self._clips).astype(np.int32)
        sizes = np.concatenate(self._pieces_per_clip)
        if not len(pieces):
            none = np.empty(0, np.int32)
            columns: Columns = {"clip": none, "entries": none, "token": none, "value": np.empty(0, np.float32)}
            return per_feature, np.zeros(len(per_feature), np.int64), columns
        lengths = block.columns["entries"][pieces].astype(np.int64)
        source, run = block.columns["code"][pieces], block.columns["run"][pieces]
        target = np.cumsum(lengths) - lengths
        token, value = np.empty(int(lengths.sum()), np.int32), np.empty(int(lengths.sum()), np.float32)
        for number in np.unique(run):
            tokens, values = runs[number].codes(block.low, block.high)
            mine = run == number
            n = lengths[mine]
            inside = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
            take, put = np.repeat(source[mine], n) + inside, np.repeat(target[mine], n) + inside
            token[put], value[put] = tokens[take], values[take]
        begin = np.cumsum(sizes) - sizes
        entries = np.add.reduceat(lengths, begin)
        if in_pieces:
            order = np.lexsort((token, np.repeat(np.arange(len(entries)), entries)))
            token, value = token[order], value[order]
        ends = np.concatenate(([0], np.cumsum(entries)))[np.concatenate(([0], np.cumsum(per_feature)))]
        return (
            per_feature,
            np.diff(ends),
            {"clip": clip, "entries": entries.astype(np.int32), "token": token, "value": value},
        )
