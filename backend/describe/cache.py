"""What has been worked out once about a clip: vectors and texts, kept as they come, safe from a kill (Rule 3)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "embeddings", 1
Vectors = npt.NDArray[np.float32]


class VectorCache:
    """Vectors by clip key in a folder of HDF5 files, of which each is written once and whole.

    Parameters
    ----------
    folder : Path
        `describe/embeddings-<fp>`, fp the fingerprint of the embedder and of what part of a clip it hears.

    Raises ArdError if a part is damaged, or its vectors have another length than the others'.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: dict[str, int] = {}
        self._vectors: list[Vectors] = []
        for path in sorted(folder.glob("part-*.h5")):
            self._read(path)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def add(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep `vectors` [n, d] under `keys`: on disk when this returns."""
        if not len(keys):
            return
        path = self.folder / f"part-{len(self._vectors):05d}.h5"
        with hdf.create(path, kind=KIND, version=VERSION) as handle:
            handle.create_dataset("key", data=np.array([key.encode() for key in keys], dtype="S16"))
            handle.create_dataset("vector", data=np.asarray(vectors, dtype=np.float32))
        self._keep(path, list(keys), np.asarray(vectors, dtype=np.float32))

    def take(self, keys: Sequence[str]) -> Vectors:
        """Vectors [n, d] of `keys` in order, NaN for unknown ones; d = 0 if nothing is known at all."""
        width = self._vectors[0].shape[1] if self._vectors else 0
        known = np.concatenate(self._vectors) if self._vectors else np.empty((0, width), np.float32)
        found = np.full((len(keys), width), np.nan, dtype=np.float32)
        rows = np.array([self._rows.get(key, -1) for key in keys], dtype=np.int64)
        found[rows >= 0] = known[rows[rows >= 0]]
        return found

    def _read(self, path: Path) -> None:
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            try:
                keys, vectors = [key.decode() for key in handle["key"][...]], handle["vector"][...]
            except (KeyError, OSError, ValueError) as error:
                raise ArdError(
                    f"stored embeddings are damaged ({error})", path=path, todo="Remove the file and run: ard describe"
                ) from error
        self._keep(path, keys, vectors)

    def _keep(self, path: Path, keys: list[str], vectors: Vectors) -> None:
        if self._vectors and vectors.shape[1] != self._vectors[0].shape[1]:
            raise ArdError(
                f"embeddings of {vectors.shape[1]} dimensions stand beside others of {self._vectors[0].shape[1]}",
                path=path, todo="Remove the folder and run: ard describe",
            )  # fmt: skip
        start = sum(map(len, self._vectors))
        self._vectors.append(vectors)
        self._rows |= {key: start + row for row, key in enumerate(keys)}


class TextCache(Mapping[str, str]):
    """Texts by key in a file of JSON lines; each line is on disk before the next text is asked for.

    A line that a kill cut short is dropped when the file is next opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._texts: dict[str, str] = {}
        if path.exists():
            self._texts = dict(_lines(path))

    def __getitem__(self, key: str) -> str:
        return self._texts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, texts: Mapping[str, str]) -> None:
        """Keep `texts`: on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps({"key": k, "text": t}, ensure_ascii=False) + "\n" for k, t in texts.items())
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(lines)
            handle.flush()
            os.fsync(handle.fileno())
        self._texts |= texts


def _lines(path: Path) -> list[tuple[str, str]]:
    """The whole lines of the file; what stands behind the last line end is cut off."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with open(path, "r+b") as handle:
            handle.truncate(len(whole))
    try:
        found = [json.loads(line) for line in whole.split(b"\n") if line]
        return [(str(one["key"]), str(one["text"])) for one in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ArdError(
            f"stored texts are damaged: {error}", path=path, todo="Remove the file and run: ard describe"
        ) from error
