"""Dense activations on disk: `activations/<layer>/<fp>/shard-00000.h5` (design §3, A-09).

A shard is contiguous and uncompressed, so that readers map it into memory instead of copying it.
Tokens of one clip are consecutive; `clip` and `start` say which rows are whose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
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
    extras: Extras | None = None,
) -> None:
    """Write one shard; its statistics are of `x` before rounding to the stored precision.

    Parameters
    ----------
    x : array [tokens, d], float32
        Rows of all its clips one after another.
    clip : array [n]
        Clip table row of each clip, in the order of the rows.
    length : array [n]
        Tokens T of each clip (0 allowed).
    extras : Extras, optional
        Times off the regular grid, transcripts, hashes of the samples, and the clips of this shard's plan that have
        no rows.
    """
    if int(length.sum()) != len(x) or len(clip) != len(length):
        raise ValueError("lengths do not add up to the rows")
    if dtype == "float16" and any(float(np.abs(part).max()) > FP16_LIMIT for part in _slabs(x)):
        dtype = "bfloat16"
    extras = extras or Extras()
    total, squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        stored_as = {"float16": np.float16, "float32": np.float32, "bfloat16": np.uint16}[dtype]
        data = handle.create_dataset("x", shape=x.shape, dtype=stored_as)
        norm = np.empty(len(x), np.float32)
        first = 0
        for part in _slabs(x):
            data[first : first + len(part)] = to_store(part, dtype)[0]
            exact = part.astype(np.float64)
            total += exact.sum(axis=0)
            np.square(exact, out=exact)
            squares += exact.sum(axis=0)
            norm[first : first + len(part)] = np.sqrt(exact.sum(axis=1))
            first += len(part)
        handle.create_dataset("norm", data=norm)
        handle.create_dataset("clip", data=clip.astype(np.int64))
        handle.create_dataset("length", data=length.astype(np.int64))
        handle.create_dataset("sum", data=total)
        handle.create_dataset("sum_of_squares", data=squares)
        handle.attrs["dtype"] = dtype
        _write_extras(handle, extras)


SLAB_ROWS = 2048


def _slabs(x: Array) -> Iterator[Array]:
    """Consecutive parts of `x`, so that temporaries stay small beside a shard of a gigabyte."""
    return (x[first : first + SLAB_ROWS] for first in range(0, len(x), SLAB_ROWS))


@dataclass(frozen=True)
class Extras:
    """What a shard holds beside its rows.

    Attributes
    ----------
    seconds : array [tokens, 2], float64, or None
        Start and end of each row in its clip, where they are not multiples of the layer's `seconds_per_token`.
    approximate : bool
        True where `seconds` comes from cross-attention.
    text : tuple of str
        Transcript per clip, in the order of `clip`; empty where nothing was transcribed.
    skipped : tuple of (int, str)
        Clip table row and reason of each planned clip without rows.
    seconds_per_token : float
        Step of the regular grid; 0 where there is none, or no row to tell.
    sound : array [n], uint64, or None
        Hash of the samples the model was given of each clip, in the order of `clip`.
    """

    seconds: npt.NDArray[np.float64] | None = None
    approximate: bool = False
    text: tuple[str, ...] = ()
    skipped: tuple[tuple[int, str], ...] = ()
    seconds_per_token: float = 0.0
    sound: npt.NDArray[np.uint64] | None = None


def _write_extras(handle: h5py.File, extras: Extras) -> None:
    text = h5py.string_dtype()
    if extras.seconds is not None:
        times = handle.create_dataset("seconds", data=extras.seconds.astype(np.float64))
        times.attrs["approximate"] = extras.approximate
    handle.attrs["seconds_per_token"] = extras.seconds_per_token
    if extras.sound is not None:
        handle.create_dataset("sound", data=extras.sound)
    if any(extras.text):
        handle.create_dataset("transcripts", data=list(extras.text), dtype=text)
    handle.create_dataset("skipped_clip", data=np.array([c for c, _ in extras.skipped], dtype=np.int64))
    handle.create_dataset("skipped_reason", data=[r for _, r in extras.skipped], dtype=text)


def read_extras(path: Path) -> Extras:
    """What `write_shard` stored beside the rows of the shard at `path`."""
    with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
        seconds = handle["seconds"][...] if "seconds" in handle else None
        return Extras(
            seconds=seconds,
            approximate=bool(handle["seconds"].attrs["approximate"]) if seconds is not None else False,
            text=tuple(hdf.read_strings(handle["transcripts"])) if "transcripts" in handle else (),
            skipped=tuple(
                zip(
                    (int(c) for c in handle["skipped_clip"][...]),
                    hdf.read_strings(handle["skipped_reason"]),
                    strict=True,
                )
            ),
            seconds_per_token=float(handle.attrs["seconds_per_token"]),
            sound=handle["sound"][...] if "sound" in handle else None,
        )


@dataclass(frozen=True)
class Sums:
    """Additive statistics of one shard, fp64: Σx [d], Σx² [d], and ‖x‖ of each row [tokens]."""

    total: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    norm: Array


def read_sums(path: Path) -> Sums:
    """The additive statistics of the shard at `path`."""
    with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
        return Sums(handle["sum"][...], handle["sum_of_squares"][...], handle["norm"][...])


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
        order = np.argsort(tokens, kind="stable")
        ends = np.searchsorted(tokens[order], self.starts[1:], side="left")
        first = 0
        for number in np.flatnonzero(np.diff(ends, prepend=0)):
            mine = order[first : ends[number]]
            out[mine] = self.shards[number].rows(tokens[mine] - self.starts[number])
            first = int(ends[number])
        return out

    def clips(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Clip table row and token count of every clip, in table order."""
        none = np.empty(0, np.int64)
        return (
            np.concatenate([none, *(shard.clip for shard in self.shards)]),
            np.concatenate([none, *(shard.length for shard in self.shards)]),
        )
