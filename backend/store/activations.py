"""Dense activations on disk: `activations/<layer>/<fp>/shard-00000.h5` (design §3, A-09).

A shard is contiguous and uncompressed, so that readers map it into memory instead of copying it.
Tokens of one clip are consecutive; `clip` and `start` say which rows are whose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf
from backend.study.atomic import read_json

KIND, VERSION = "activations", 1
FP16_LIMIT = 65504.0
Array = npt.NDArray[np.float32]


def shard_name(number: int) -> str:
    return f"shard-{number:05d}.h5"


def to_store(x: Array, dtype: str) -> tuple[npt.NDArray[np.generic], str]:
    """`x` in the stored precision, and its name; float16 gives way to bfloat16 where it would overflow.

    bfloat16 is stored as its upper 16 bits (uint16), rounded to nearest even.
    """
    if dtype == "float16" and (x.size == 0 or float(np.abs(x).max()) <= FP16_LIMIT):
        return x.astype(np.float16), "float16"
    if dtype == "float32":
        return x.astype(np.float32), "float32"
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype(np.uint16), "bfloat16"


def from_store(stored: npt.NDArray[np.generic], dtype: str) -> Array:
    """The float32 values of what `to_store` wrote."""
    if dtype == "bfloat16":
        return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return stored.astype(np.float32)


def write_shard(
    path: Path,
    x: Array,
    clip: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    *,
    dtype: str,
) -> None:
    """Write one shard.

    Parameters
    ----------
    x : array [tokens, d], float32
        Rows of all its clips one after another.
    clip : array [n]
        Clip table row of each clip, in the order of the rows.
    length : array [n]
        Tokens T of each clip (0 allowed).
    """
    if int(length.sum()) != len(x) or len(clip) != len(length):
        raise ValueError("lengths do not add up to the rows")
    stored, name = to_store(x, dtype)
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.create_dataset("x", data=stored)
        handle.create_dataset("norm", data=np.linalg.norm(x, axis=1).astype(np.float32))
        handle.create_dataset("clip", data=clip.astype(np.int64))
        handle.create_dataset("length", data=length.astype(np.int64))
        handle.create_dataset("sum", data=x.sum(axis=0, dtype=np.float64))
        handle.create_dataset("sum_of_squares", data=np.square(x, dtype=np.float64).sum(axis=0))
        handle.attrs["dtype"] = name


@dataclass(frozen=True)
class Shard:
    """One opened shard: `x` is a memory map of the stored precision, `dtype` its name."""

    path: Path
    x: npt.NDArray[np.generic]
    dtype: str
    clip: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]

    @property
    def start(self) -> npt.NDArray[np.int64]:
        """First row of each clip."""
        return np.concatenate(([0], np.cumsum(self.length)[:-1])).astype(np.int64)

    def rows(self, where: slice | npt.NDArray[np.int64]) -> Array:
        """Float32 values of the asked rows."""
        return from_store(np.asarray(self.x[where]), self.dtype)


def open_shard(path: Path) -> Shard:
    """Open one shard; its rows are mapped, not read."""
    with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
        data = handle["x"]
        dtype = str(handle.attrs["dtype"])
        offset = data.id.get_offset()
        if data.size and offset is None:
            raise ArdError("an activation shard is not laid out contiguously", path=path, todo="Extract again.")
        rows: npt.NDArray[np.generic] = (
            np.memmap(path, mode="r", dtype=data.dtype, shape=data.shape, offset=offset)
            if data.size
            else np.empty(data.shape, data.dtype)
        )
        return Shard(path, rows, dtype, handle["clip"][...], handle["length"][...])


class ActivationStore:
    """All shards of one finished layer, read as one table of tokens.

    Attributes
    ----------
    shards : list of Shard
    tokens : int
    d : int
        Model width.
    mean : array [d], float64
        Mean over all tokens.
    mean_square_norm : float
        E‖x‖² over all tokens, fp64.
    median_norm : float
    """

    def __init__(self, folder: Path) -> None:
        manifest = read_json(folder / "manifest.json")
        names: Sequence[str] = manifest["outputs"]["shards"]
        self.folder = folder
        self.fingerprint = str(manifest["fingerprint"])
        self.layer = str(manifest["settings"]["layer"])
        self.shards = [open_shard(folder / name) for name in names]
        self.starts = np.concatenate(([0], np.cumsum([len(s.x) for s in self.shards]))).astype(np.int64)
        self.tokens = int(self.starts[-1])
        self.d = int(manifest["outputs"]["d"])
        self.seconds_per_token = float(manifest["outputs"]["seconds_per_token"])
        stats = np.load(folder / "statistics.npz", allow_pickle=False)
        self.mean: npt.NDArray[np.float64] = stats["mean"]
        self.mean_square_norm = float(stats["mean_square_norm"])
        self.median_norm = float(stats["median_norm"])

    def norms(self) -> Array:
        """‖x‖ of every token, in table order."""
        parts = []
        for shard in self.shards:
            with hdf.open_read(shard.path, kind=KIND, version=VERSION) as handle:
                parts.append(handle["norm"][...])
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def gather(self, tokens: npt.NDArray[np.int64]) -> Array:
        """Rows [n, d] of the asked token numbers, in the asked order."""
        out = np.empty((len(tokens), self.d), np.float32)
        shard = np.searchsorted(self.starts, tokens, side="right") - 1
        for number in np.unique(shard):
            mine = np.flatnonzero(shard == number)
            local = tokens[mine] - self.starts[number]
            order = np.argsort(local, kind="stable")
            out[mine[order]] = self.shards[number].rows(local[order])
        return out
