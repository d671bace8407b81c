"""Whisper's first decoder step without keys and values of all frames: one query needs neither.

q·(W_k e_t) = (W_kᵀ q)·e_t, and Σ_t a_t (W_v e_t + b) = W_v (Σ_t a_t e_t) + b, so that a step over T frames takes
2·heads·T·d multiplications a layer instead of 2·T·d². `no_speech_prob` of many conditions is wanted (S-43).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def first_logits(decoder: Any, head: torch.nn.Module, start: int, encoded: Tensor) -> Tensor:
    """Logits [n, vocabulary] after `start` alone, for the encoder outputs `encoded` [n, frames, d].

    Equal to those of the whole decoder up to rounding.
    """
    ids = torch.full((len(encoded), 1), start, device=encoded.device)
    position = decoder.embed_positions.weight[0]
    hidden = decoder.embed_tokens(ids)[:, 0] + position
    for layer in decoder.layers:
        normed = layer.self_attn_layer_norm(hidden)
        # a token that sees only itself attends to itself
        hidden = hidden + layer.self_attn.out_proj(layer.self_attn.v_proj(normed))
        hidden = hidden + _attend(layer.encoder_attn, layer.encoder_attn_layer_norm(hidden), encoded)
        normed = layer.final_layer_norm(hidden)
        hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(normed)))
    logits: Tensor = head(decoder.layer_norm(hidden))
    return logits


def _attend(attention: Any, query: Tensor, encoded: Tensor) -> Tensor:
    heads, size = attention.num_heads, attention.head_dim
    q = (attention.q_proj(query) * attention.scaling).view(-1, heads, size)
    # k_proj has no bias in Whisper; a bias would add the same to every frame's score anyway
    keys = attention.k_proj.weight.view(heads, size, -1)
    seen = torch.einsum("nhs,hsd->nhd", q, keys)
    weights = torch.softmax(torch.einsum("nhd,ntd->nht", seen, encoded), dim=-1)
    mixed = torch.einsum("nht,ntd->nhd", weights, encoded)
    values = torch.einsum("nhd,hsd->nhs", mixed, attention.v_proj.weight.view(heads, size, -1))
    found: Tensor = attention.out_proj(values.reshape(len(query), -1) + attention.v_proj.bias)
    return found
