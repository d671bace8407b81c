"""A transformers CLAP written the way laion_clap saves one: the importer's mapping, the other way round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from builders.tiny_clap import clap_extractor

BACK = (
    (r"^text_model\.", "text_branch."),
    (r"^audio_model\.audio_encoder\.", "audio_branch."),
    (r"_projection\.linear1\.", "_projection.0."),
    (r"_projection\.linear2\.", "_projection.2."),
    (r"\.batch_norm\.", ".bn0."),
    (r"(blocks\.\d+)\.layernorm_before\.", r"\1.norm1."),
    (r"(blocks\.\d+)\.layernorm_after\.", r"\1.norm2."),
    (r"(blocks\.\d+)\.intermediate\.dense\.", r"\1.mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"(blocks\.\d+)\.attention\.output\.dense\.", r"\1.attn.proj."),
    (r"(blocks\.\d+)\.attention\.self\.relative_position", r"\1.attn.relative_position"),
)


def laion_state(model: Any) -> dict[str, Tensor]:
    """Tensors of a `ClapModel` under laion_clap's names, with some that only training needs."""
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if re.search(r"blocks\.\d+\.attention\.self\.(query|key|value)\.", name):
            fused = re.sub(r"\.attention\.self\.(query|key|value)\.", ".attn.qkv.", name)
            fused = fused.replace("audio_model.audio_encoder.", "audio_branch.")
            state[fused] = torch.cat([state[fused], tensor]) if fused in state else tensor
            continue
        for ours, theirs in BACK:
            name = re.sub(ours, theirs, name)
        state[name] = tensor
    state["audio_branch.logmel_extractor.melW"] = torch.from_numpy(clap_extractor().mel_filters_slaney).float()
    state["audio_branch.layers.0.blocks.0.attn_mask"] = torch.zeros(4, 64, 64)
    state["audio_branch.head.weight"] = torch.ones(527, 527)
    state["text_transform.sequential.0.weight"] = torch.ones(12, 12)
    return state


def save_checkpoint(path: Path, state: dict[str, Tensor]) -> Path:
    """As LAION's training saves it: "module." before each name, with the epoch and a NumPy scalar beside it."""
    torch.save(
        {"epoch": 45, "best": np.float64(0.5), "state_dict": {f"module.{name}": t for name, t in state.items()}}, path
    )
    return path
