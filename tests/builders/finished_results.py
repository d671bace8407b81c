"""What a study's finished results hold, for comparing it with one that was disturbed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import load_file


def contents(study: Path) -> dict[str, str]:
    """A hash of every array of every finished result; manifests, times and logs aside."""
    found: dict[str, str] = {}
    for path in sorted(study.rglob("*")):
        name = str(path.relative_to(study))
        if path.suffix == ".h5":
            with h5py.File(path, "r", locking=False) as handle:
                handle.visititems(
                    lambda key, node, name=name: (
                        found.update({f"{name}:{key}": digest(node[...])}) if isinstance(node, h5py.Dataset) else None
                    )
                )
        elif path.name == "sae.safetensors":
            found.update({f"{name}:{key}": digest(value) for key, value in load_file(path).items()})
        elif path.suffix == ".npz":
            with np.load(path) as arrays:
                found.update({f"{name}:{key}": digest(arrays[key]) for key in arrays.files})
        elif path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = str([(line["step"], line["loss"], line["fvu"], line["l0"]) for line in lines])
    return found


def digest(array: np.ndarray) -> str:
    data = repr(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
    return hashlib.sha256(str(array.dtype).encode() + str(array.shape).encode() + data).hexdigest()
