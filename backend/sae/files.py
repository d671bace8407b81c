"""ARD's own SAE folder: `sae.safetensors` and, written after it, `config.json` (Rules 3 and 7)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from backend.errors import ArdError
from backend.sae.base import Sae, build
from backend.sae.config import SaeConfig
from backend.study.atomic import read_json, replacing, write_json

WEIGHTS = "sae.safetensors"
CONFIG = "config.json"


def weights_hash(sae: Sae) -> str:
    """SHA-256 over name, shape and bytes of every parameter and buffer: the identity notes are kept under."""
    digest = hashlib.sha256()
    for name, tensor in sorted(sae.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_sae(folder: Path, sae: Sae) -> str:
    """Write `sae` into `folder`, replacing what is there; returns its weights' hash.

    The input factor is written too, so that an SAE saved before folding works as well as one after it.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in sae.state_dict().items()}
    with replacing(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    identity = weights_hash(sae)
    config = {**sae.config.to_json(), "input_factor": sae.input_factor, "weights_hash": identity}
    write_json(folder / CONFIG, config)
    return identity


def load_sae(folder: Path, device: torch.device | str = "cpu") -> Sae:
    """The SAE in `folder`; ArdError naming the file that is missing, damaged or does not fit."""
    values = read_json(folder / CONFIG)
    if not isinstance(values, dict):
        raise ArdError("this is not an SAE's configuration", path=folder / CONFIG)
    factor = float(values.pop("input_factor", 1.0))
    values.pop("weights_hash", None)
    path = folder / WEIGHTS
    if not path.exists():
        raise ArdError("the SAE's weights are missing", path=path, todo="Train or import the SAE again.")
    sae = build(SaeConfig.from_json(values))
    try:
        tensors = load_file(path)
        sae.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        raise ArdError(f"the SAE's weights are damaged or do not fit its configuration: {error}", path=path) from error
    sae.input_factor = factor
    return sae.to(device).eval()
