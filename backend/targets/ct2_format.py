"""Read the weight file of a CTranslate2 model (`model.bin`).

Layout, little-endian: version (u32), name of the specification, its revision (u32), number of
variables (u32), each as name, rank (u8), dimensions (u32 each), data type (u8), bytes (u32), data;
then the number of aliases (u32) and pairs of names. A string is its length with the closing zero
(u16), then its bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError

OLDEST, NEWEST = 5, 6
BFLOAT16 = 5
DTYPES: dict[int, type[np.generic]] = {
    0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, BFLOAT16: np.uint16,
}  # fmt: skip
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Variables:
    """The variables of one file under their own names and their aliases.

    Attributes
    ----------
    spec : str
        E.g. "WhisperSpec".
    stored : dict
        Name to (data type code, array as stored).
    """

    path: Path
    spec: str
    stored: dict[str, tuple[int, npt.NDArray[np.generic]]]

    def __contains__(self, name: str) -> bool:
        return name in self.stored

    def __getitem__(self, name: str) -> Array:
        """One variable as float32, integers divided by their scale; ArdError if it is not there."""
        if name not in self.stored:
            raise ArdError(f"the model file lacks the variable '{name}'", path=self.path, todo="Get the model again.")
        code, raw = self.stored[name]
        if code == BFLOAT16:
            return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
        value = raw.astype(np.float32)
        if f"{name}_scale" not in self.stored:
            return value
        scale = self[f"{name}_scale"]
        return value / scale.reshape(-1, *[1] * (value.ndim - 1)) if scale.ndim else value / scale

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one variable without converting it."""
        if name not in self.stored:
            raise ArdError(f"the model file lacks the variable '{name}'", path=self.path, todo="Get the model again.")
        return self.stored[name][1].shape


class _Cursor:
    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self.data, self.at = data, 0

    def number(self, code: str) -> int:
        size = struct.calcsize(code)
        (value,) = struct.unpack(f"<{code}", self.bytes(size).tobytes())
        return int(value)

    def bytes(self, size: int) -> npt.NDArray[np.uint8]:
        if self.at + size > len(self.data):
            raise ValueError(f"it ends at byte {len(self.data)} where {self.at + size} are needed")
        self.at += size
        return self.data[self.at - size : self.at]

    def string(self) -> str:
        return self.bytes(self.number("H")).tobytes().removesuffix(b"\0").decode("utf-8")


def read_variables(path: Path) -> Variables:
    """Map `path` into memory and list its variables; ArdError if it is not such a file or cut short."""
    try:
        cursor = _Cursor(np.memmap(path, dtype=np.uint8, mode="r"))
        version = cursor.number("I")
        if not OLDEST <= version <= NEWEST:
            raise ValueError(f"its format version is {version}, versions {OLDEST} to {NEWEST} are known")
        spec, _ = cursor.string(), cursor.number("I")
        stored = dict(_variable(cursor) for _ in range(cursor.number("I")))
        for _ in range(cursor.number("I")):
            alias, name = cursor.string(), cursor.string()
            stored[alias] = stored[name]
    except (ValueError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise ArdError(
            f"this is not a whole CTranslate2 model file: {error}", path=path, todo="Get the model again."
        ) from error
    return Variables(path, spec, stored)


def _variable(cursor: _Cursor) -> tuple[str, tuple[int, npt.NDArray[np.generic]]]:
    name = cursor.string()
    shape = [cursor.number("I") for _ in range(cursor.number("B"))]
    code = cursor.number("B")
    data = cursor.bytes(cursor.number("I"))
    if code not in DTYPES:
        raise ValueError(f"'{name}' has the unknown data type {code}")
    return name, (code, data.view(DTYPES[code]).reshape(shape))
