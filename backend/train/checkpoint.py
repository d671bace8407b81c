"""Checkpoints: one safetensors file each, replaced whole, its few plain values in the header (Rules 3 and 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from backend.study.atomic import replacing


def save(path: Path, tensors: Mapping[str, Tensor], **values: Any) -> None:
    """Replace `path` by these tensors and JSON-ready values."""
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(whole, temporary, metadata={"values": json.dumps(values)})


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and values of a checkpoint; None if there is none or it is damaged."""
    values = header(path)
    if values is None:
        return None
    try:
        return load_file(path), values
    except (SafetensorError, OSError):
        return None


def header(path: Path) -> dict[str, Any] | None:
    """The plain values alone; None if there is no such checkpoint or it is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as handle:
            values = json.loads((handle.metadata() or {})["values"])
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError):
        return None
    return values if isinstance(values, dict) else None
