"""The retrieval file: what one SAE's features answer to, feature by feature (design §3, docs/store-format.md).

Version 1. D features, N clips of the clip table, P = `list_length`, Q quantiles of C clips, B histogram bins,
M neighbours, F strongest features per clip. Missing entries of fixed-size lists are clip −1 with score NaN.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "retrieval", 1
STATUS = ("ok", "insufficient", "dead")
COLUMNS = {
    "support": "i4",
    "frequency": "f8",
    "mean": "f8",
    "mean_active": "f8",
    "max": "f4",
    "max_score": "f8",
    "status": "u1",
}
PAIRS = {"clip": "i4", "sum": "f8", "count": "i4", "max": "f4"}
RAW_PAIRS = {"positive_sum": "f8", "negative_sum": "f8", "positive_count": "i4", "negative_count": "i4"}
CHUNK = {"traces": 4096, "pairs": 16384}
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Where in a clip a feature is active.

    Attributes
    ----------
    token : int array [n]
        Ascending token indices in the clip.
    value : float32 array [n]
        z there.
    """

    token: Int
    value: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FeatureView:
    """Everything a feature's page shows, without padding.

    Attributes
    ----------
    most_clips, least_clips : int array
        Clip table rows, in list order.
    most_scores, least_scores : float array
    quantile_clips, quantile_scores : list of array
        One per part, the weakest first.
    histogram : int array [B]
        Active clips in equal bins of [0, upper].
    neighbours, neighbour_cosines : array
        Nearest decoder directions, the nearest first.
    traces : dict of clip row to Trace
        Of every listed clip in which the feature is active.
    """

    feature: int
    most_clips: Int
    most_scores: Float
    least_clips: Int
    least_scores: Float
    quantile_clips: list[Int]
    quantile_scores: list[Float]
    histogram: Int
    upper: float
    neighbours: Int
    neighbour_cosines: npt.NDArray[np.float32]
    traces: dict[int, Trace]


@dataclass(frozen=True)
class PairBlock:
    """Pairs of features low … high-1, feature after feature.

    Attributes
    ----------
    low, high : int
    bounds : int array [high-low+1]
        Where each feature's pairs begin in the columns.
    columns : dict of array
        The asked columns of `PAIRS`; within a feature by ascending clip.
    """

    low: int
    high: int
    bounds: Int
    columns: dict[str, npt.NDArray[Any]]


class RetrievalFile:
    """A finished retrieval file, open for reading; close it or use it in a `with` block.

    Attributes
    ----------
    features, clips : int
        D and N.
    seconds_per_token : float
        NaN where tokens have times of their own (text positions).
    settings : dict
        The `[retrieve]` settings it was made with.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = hdf.open_read(path, kind=KIND, version=VERSION)
        try:
            attributes = self._handle.attrs
            self.features, self.clips = int(attributes["features"]), int(attributes["clips"])
            self.seconds_per_token = float(attributes["seconds_per_token"])
            self.settings: dict[str, Any] = json.loads(str(attributes["settings"]))
            self.raw = bool(attributes["raw"])
            self._own_times = "times/start" in self._handle
            self._tokens: Int = self._handle["clips/tokens"][...]
            self._upper: Float = self._handle["histogram/upper"][...]
        except (KeyError, OSError, ValueError) as error:
            self._handle.close()
            raise self._damaged(error) from error

    def __enter__(self) -> RetrievalFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._handle.close()

    def table(self) -> dict[str, npt.NDArray[Any]]:
        """One array [D] per column: support, frequency, mean, mean_active, max, max_score, status.

        support: clips with an active token; frequency: share of all tokens with z > 0; mean: z over all
        tokens; mean_active: z over active tokens; status: position in `STATUS`.
        """
        return {name: self._read(f"table/{name}") for name in COLUMNS}

    def feature(self, k: int) -> FeatureView:
        """The page of feature `k`: a few contiguous reads, whatever the size of the study."""
        self._check(k, self.features, "feature")
        try:
            return self._view(k)
        except (IndexError, TypeError, ValueError) as error:
            raise self._damaged(error) from error

    def _view(self, k: int) -> FeatureView:
        most, most_scores = self._list("most", k)
        least, least_scores = self._list("least", k)
        clips, scores = self._read("quantiles/clip", k), self._read("quantiles/score", k)
        near = self._read("neighbours/feature", k).astype(np.int64)
        return FeatureView(
            feature=k,
            most_clips=most,
            most_scores=most_scores,
            least_clips=least,
            least_scores=least_scores,
            quantile_clips=[row[row >= 0].astype(np.int64) for row in clips],
            quantile_scores=[s[row >= 0] for row, s in zip(clips, scores, strict=True)],
            histogram=self._read("histogram/count", k).astype(np.int64),
            upper=float(self._upper[k]),
            neighbours=near[near >= 0],
            neighbour_cosines=self._read("neighbours/cosine", k)[near >= 0],
            traces=self._traces(k),
        )

    def most_list(self, k: int) -> tuple[Int, Float]:
        """Clips and scores of the most list of feature `k` alone, without padding."""
        self._check(k, self.features, "feature")
        return self._list("most", k)

    def most_clips(self, count: int) -> Int:
        """The first `count` clips of every feature's most list in one read, [D, count], −1 where a list is shorter."""
        return self._read("most/clip", (slice(None), slice(0, count))).astype(np.int64)

    def least_lists(self) -> tuple[Int, Float]:
        """Clips and scores of every feature's least list, [D, P] each, −1 and NaN where a list is shorter."""
        return self._read("least/clip").astype(np.int64), self._read("least/score")

    def clip_features(self, i: int) -> tuple[Int, Float]:
        """Strongest features of clip `i` and its scores for them, the strongest first."""
        self._check(i, self.clips, "clip")
        found = self._read("clips/feature", i)
        return found[found >= 0].astype(np.int64), self._read("clips/score", i)[found >= 0]

    def tokens(self, i: int) -> int:
        """T of clip `i`; 0 if it was not probed."""
        self._check(i, self.clips, "clip")
        return int(self._tokens[i])

    def clip_tokens(self) -> Int:
        """T of every clip, [N]; 0 where it was not probed."""
        return self._tokens.copy()

    def token_seconds(self, i: int) -> Float:
        """Start and end of each token of clip `i` in seconds of the clip, [T, 2]."""
        count = self.tokens(i)
        if self._own_times:
            first, last = self._read("times/start", slice(i, i + 2))
            return np.asarray(self._read("times/seconds", slice(first, last)), dtype=np.float64)
        edges = np.arange(count + 1) * self.seconds_per_token
        return np.stack([edges[:-1], edges[1:]], axis=1)

    def trace_seconds(self, i: int, token: Int) -> Float:
        """Start and end of some tokens of clip `i` in seconds of the clip, [n, 2]."""
        if self._own_times:
            return self.token_seconds(i)[token]
        return np.stack([token, token + 1], axis=1) * self.seconds_per_token

    def pairs(self, k: int) -> dict[str, npt.NDArray[Any]] | None:
        """Every stored pair of feature `k`; None if the pair table was not kept.

        clip, sum, count, max by ascending clip; of raw units clip, positive_sum, negative_sum,
        positive_count and negative_count (A-37a).
        """
        self._check(k, self.features, "feature")
        if "pairs" not in self._handle:
            return None
        if self.raw:
            unit = k % self._handle["pairs/positive_sum"].shape[0]
            return {
                "clip": self._read("pairs/clip"),
                **{name: self._read(f"pairs/{name}", unit) for name in RAW_PAIRS},
            }
        first, last = self._read("pairs/start", slice(k, k + 2))
        return {name: self._read(f"pairs/{name}", slice(first, last)) for name in PAIRS}

    @property
    def has_pairs(self) -> bool:
        """Whether the pair table of features was kept; raw units have another one (A-37a)."""
        return not self.raw and "pairs/start" in self._handle

    def pair_blocks(self, limit: int, names: Sequence[str] = tuple(PAIRS)) -> Iterator[PairBlock]:
        """The whole pair table in contiguous reads of at most `limit` pairs, but of one whole feature at least.

        Parameters
        ----------
        limit : int
            Bounds the memory: a pair of all columns is 20 bytes.
        names : sequence of str
            Columns to read.

        Raises ArdError if the table was not kept, or is that of raw units.
        """
        if self.raw:
            raise ArdError("raw units have no pair table of features", path=self.path, todo="Choose an SAE.")
        if not self.has_pairs:
            raise ArdError(
                "the pair table was not kept", path=self.path,
                todo="Set retrieve.pair_table = true and run: ard retrieve",
            )  # fmt: skip
        start = self._read("pairs/start")
        low = 0
        while low < self.features:
            high = max(low + 1, int(np.searchsorted(start, start[low] + limit, side="right")) - 1)
            where = slice(int(start[low]), int(start[high]))
            columns = {name: self._read(f"pairs/{name}", where) for name in names}
            yield PairBlock(low, high, start[low : high + 1] - start[low], columns)
            low = high

    def _traces(self, k: int) -> dict[int, Trace]:
        first, last = self._read("traces/start", slice(k, k + 2))
        clips, entries = self._read("traces/clip", slice(first, last)), self._read("traces/entries", slice(first, last))
        begin, end = self._read("traces/code_start", slice(k, k + 2))
        token = self._read("traces/token", slice(begin, end)).astype(np.int64)
        value = self._read("traces/value", slice(begin, end))
        cuts = np.cumsum(entries)[:-1]
        parts = zip(clips.tolist(), np.split(token, cuts), np.split(value, cuts), strict=True) if len(clips) else ()
        return {clip: Trace(t, v) for clip, t, v in parts}

    def _list(self, name: str, k: int) -> tuple[Int, Float]:
        clips = self._read(f"{name}/clip", k).astype(np.int64)
        if int(clips.max(initial=-1)) >= self.clips:
            raise self._damaged(IndexError(f"clip {clips.max()} of {self.clips}"))
        return clips[clips >= 0], self._read(f"{name}/score", k)[clips >= 0]

    def _read(self, name: str, where: Any = ...) -> npt.NDArray[Any]:
        try:
            found: npt.NDArray[Any] = self._handle[name][where]
        except (KeyError, OSError, ValueError) as error:
            raise self._damaged(error) from error
        return found

    def _check(self, index: int, count: int, what: str) -> None:
        if not 0 <= index < count:
            raise ArdError(f"there is no {what} {index}", path=self.path, todo=f"Use a number from 0 to {count - 1}.")

    def _damaged(self, error: Exception) -> ArdError:
        return ArdError(
            f"the retrieval file is damaged ({error})", path=self.path, todo="Remove it and run: ard retrieve"
        )


class RetrievalWriter:
    """Fills a new retrieval file block by block of features, in ascending order.

    Used inside `hdf.create`; `finish` writes what concerns all features.
    """

    def __init__(
        self, handle: h5py.File, *, features: int, clips: int, settings: dict[str, Any], seconds_per_token: float,
        largest_token: int, raw: bool = False,
    ) -> None:  # fmt: skip
        self._handle = handle
        self.features, self.pair_table = features, bool(settings["pair_table"])
        handle.attrs.update(
            features=features, clips=clips, seconds_per_token=seconds_per_token, settings=json.dumps(settings), raw=raw
        )
        length, bins = settings["list_length"], settings["histogram_bins"]
        self._fixed("table", {name: ((), dtype) for name, dtype in COLUMNS.items()})
        for name in ("most", "least"):
            self._fixed(name, {"clip": ((length,), "i4"), "score": ((length,), "f8")})
        shape = (settings["quantiles"], settings["quantile_clips"])
        self._fixed("quantiles", {"clip": (shape, "i4"), "score": (shape, "f8")})
        self._fixed("histogram", {"count": ((bins,), "i4"), "upper": ((), "f8")})
        self._growing("traces", {"clip": "i4", "entries": "i4"})
        self._growing("traces", {"token": "u2" if largest_token < 2**16 else "u4", "value": "f4"})
        if self.pair_table and not raw:
            self._growing("pairs", PAIRS)
        self._starts: dict[str, list[Int]] = {"traces/start": [], "traces/code_start": [], "pairs/start": []}

    def fixed(self, low: int, values: dict[str, npt.NDArray[Any]]) -> None:
        """Rows of features low … of data sets with one row per feature, by name."""
        for name, rows in values.items():
            self._handle[name][low : low + len(rows)] = rows

    def traces(self, per_feature: Int, codes_per_feature: Int, columns: dict[str, npt.NDArray[Any]]) -> None:
        """Append traces of the next features: how many each has, their codes, and the columns."""
        self._starts["traces/start"].append(per_feature)
        self._starts["traces/code_start"].append(codes_per_feature)
        self._append("traces", columns)

    def pairs(self, per_feature: Int, columns: dict[str, npt.NDArray[Any]]) -> None:
        """Append pairs of the next features."""
        if self.pair_table:
            self._starts["pairs/start"].append(per_feature)
            self._append("pairs", columns)

    def finish(self, values: dict[str, npt.NDArray[Any]]) -> None:
        """Write remaining data sets and, the first time, where each feature's variable-length data begins."""
        for name, counts in self._starts.items():
            if name.split("/")[0] in self._handle and counts:
                data = np.concatenate(([0], np.cumsum(np.concatenate(counts), dtype=np.int64)))
                self._handle.create_dataset(name, data=data)
        self._starts = {}
        for name, value in values.items():
            self._handle.create_dataset(name, data=value)

    def _fixed(self, group: str, columns: dict[str, tuple[tuple[int, ...], str]]) -> None:
        for name, (shape, dtype) in columns.items():
            self._handle.create_dataset(f"{group}/{name}", shape=(self.features, *shape), dtype=dtype)

    def _growing(self, group: str, columns: dict[str, str]) -> None:
        for name, dtype in columns.items():
            self._handle.create_dataset(
                f"{group}/{name}", shape=(0,), maxshape=(None,), chunks=(CHUNK[group],), dtype=dtype
            )

    def _append(self, group: str, columns: dict[str, npt.NDArray[Any]]) -> None:
        for name, rows in columns.items():
            data = self._handle[f"{group}/{name}"]
            before = data.shape[0]
            data.resize(before + len(rows), axis=0)
            data[before:] = rows
