"""What the files of weights of a model folder hold, from their headers: no tensor is read, torch is not imported."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from backend.errors import ArdError
from backend.targets.identity import read_object, weight_files

LONGEST_HEADER = 100_000_000
"""The format's own limit, in bytes."""


@dataclass(frozen=True)
class Weights:
    """The weights of one folder.

    Attributes
    ----------
    parameters : int or None
        None where not all files are safetensors, whose headers say it, or a file is missing.
    bytes : int or None
        Of all files; where one is missing what the index says, or None.
    missing : tuple of str
    damaged : tuple of (str, str)
        Files that end too early or have no header that can be read, with the reason.
    """

    parameters: int | None
    bytes: int | None
    missing: tuple[str, ...]
    damaged: tuple[tuple[str, str], ...]


def weights_of(folder: Path) -> Weights:
    """Count what is there; ArdError for an index that is not JSON."""
    names, missing = weight_files(folder)
    index = next((name for name in names if name.endswith(".index.json")), "")
    files = [folder / name for name in names if name != index]
    if missing:
        total = read_object(folder / index).get("metadata", {}).get("total_size") if index else None
        return Weights(None, int(total) if isinstance(total, (int, float)) else None, tuple(missing), ())
    counts: list[int | None] = []
    damaged = []
    for path in files:
        try:
            counts.append(parameters(path) if path.suffix == ".safetensors" else None)
        except ArdError as error:
            counts.append(None)
            damaged.append((path.name, error.what))
    known = [count for count in counts if count is not None]
    return Weights(
        sum(known) if len(known) == len(counts) else None,
        sum(path.stat().st_size for path in files),
        (),
        tuple(damaged),
    )


def parameters(path: Path) -> int:
    """Numbers that a safetensors file holds; ArdError if its header cannot be read or it ends too early."""
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(LONGEST_HEADER, size - 8):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        tensors = [one for name, one in header.items() if name != "__metadata__"]
        end = max((int(one["data_offsets"][1]) for one in tensors), default=0)
        count = sum(math.prod(int(side) for side in one["shape"]) for one in tensors)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ArdError(
            "this file of weights is damaged", path=path, todo="Copy it once more, or download it again."
        ) from error
    if size < 8 + length + end:
        raise ArdError(
            f"this file of weights ends too early: {size} of {8 + length + end} bytes are there",
            path=path, todo="Copy it once more, or download it again.",
        )  # fmt: skip
    return count
