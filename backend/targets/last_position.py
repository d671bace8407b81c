"""The last block of a decoder for the last position alone.

Only the last position's output is read for the next token. Of the others the block has to give its keys and values,
which is a small part of its work: in a prefix steered at three quarters of the depth of a shallow model this is a third
of all.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from backend.targets.tap import block_output


def knows(block: Any) -> bool:
    """Whether `of_last_position` knows how this block makes its keys and values."""
    from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer

    return type(block) is Qwen2DecoderLayer and block.self_attn.sliding_window is None


@torch.no_grad()
def of_last_position(block: Any, hidden: Tensor, positions: Tensor, embeddings: Any, cache: Any) -> Tensor:
    """Output [B, 1, d] of `block` at the last of the positions in `hidden` [B, T, d]; the cache takes all T of them.

    Parameters
    ----------
    positions : int64 tensor [1, T]
    embeddings : (cos, sin), tensors [1, T, head]
        Rotary, of all positions.
    """
    from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

    attention, (cos, sin) = block.self_attn, embeddings
    before = block.input_layernorm(hidden[:, :-1])
    shape = (*before.shape[:-1], -1, attention.head_dim)
    keys = attention.k_proj(before).view(shape).transpose(1, 2)
    values = attention.v_proj(before).view(shape).transpose(1, 2)
    # the queries are not needed: keys stand in for them
    keys = apply_rotary_pos_emb(keys, keys, cos[:, :-1], sin[:, :-1])[1]
    cache.update(keys, values, attention.layer_idx)
    return block_output(
        block(
            hidden[:, -1:], attention_mask=None, position_embeddings=(cos[:, -1:], sin[:, -1:]),
            position_ids=positions[:, -1:], past_key_values=cache, use_cache=True,
        )
    )  # fmt: skip
