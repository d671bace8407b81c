"""What the audio tower made of every example, on disk: shards of memory-mapped float16 rows, found by key.

A shard is `<name>.npy`, the rows [tokens, d] of its examples one after another, and `<name>.json`, which names them;
it counts once its JSON file is there (Rule 3). `<name>` follows from the keys in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.study.atomic import read_json, remove_leftovers, replacing, write_json
from backend.study.fingerprint import fingerprint

Rows = npt.NDArray[np.float16]


@dataclass(frozen=True)
class _Place:
    """Where the rows of one example are."""

    shard: str
    start: int
    tokens: int


class EncodedExamples:
    """The shards of one folder, made if needed. One process writes at a time; leftovers of a killed one are removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, _Place] = {}
        self._open: dict[str, Rows] = {}
        remove_leftovers(folder)
        for header in sorted(folder.glob("*.json")):
            self._read(header)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, key: str) -> Rows:
        """Rows [T, d] of an example, mapped and not copied; KeyError if it is not encoded."""
        place = self._places[key]
        if place.shard not in self._open:
            self._open[place.shard] = np.load(self.folder / f"{place.shard}.npy", mmap_mode="r")
        return self._open[place.shard][place.start : place.start + place.tokens]

    def tokens(self, key: str) -> int:
        """T of an example, without opening its shard."""
        return self._places[key].tokens

    def add(self, keys: Sequence[str], rows: Sequence[Rows]) -> None:
        """Commit one shard: the rows [T, d] of each key."""
        name = fingerprint(list(keys))
        with replacing(self.folder / f"{name}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, np.concatenate(rows))
        header = self.folder / f"{name}.json"
        write_json(header, {"keys": list(keys), "tokens": [len(one) for one in rows]})
        self._read(header)

    def keep_only(self, wanted: Collection[str]) -> None:
        """Remove shards of which no example is wanted any more."""
        used = {self._places[key].shard for key in wanted if key in self._places}
        for name in {place.shard for place in self._places.values()} - used:
            self._open.pop(name, None)
            (self.folder / f"{name}.json").unlink()
            (self.folder / f"{name}.npy").unlink()
        self._places = {key: place for key, place in self._places.items() if place.shard in used}

    def _read(self, header: Path) -> None:
        try:
            content = read_json(header)
            keys, tokens = content["keys"], content["tokens"]
            starts = np.cumsum([0, *tokens]).tolist()
        except (KeyError, TypeError) as error:
            raise ArdError(
                "a shard of encoded examples is damaged", path=header, todo="Remove this file and run the recipe again."
            ) from error
        for key, start, count in zip(keys, starts, tokens, strict=False):
            self._places[key] = _Place(header.stem, start, count)
