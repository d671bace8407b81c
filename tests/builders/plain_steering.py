"""Steering as the requirements word it: dense codes, one sort, one hook.

Written apart from `backend.steer`, so that the engine can be held against it. One clip at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backend.sae.base import Sae, build
from backend.sae.batchtopk import BatchTopK
from backend.sae.config import SaeConfig
from backend.sae.jumprelu import JumpReLU
from backend.steer.intervention import Intervention

KINDS = ("topk", "threshold", "per_clip", "jumprelu")


def random_sae(kind: str, x: Tensor, *, features: int = 48, k: int = 6, seed: int = 0, **config: Any) -> Sae:
    """An untrained SAE whose selection has something to do on x [n, d].

    `kind` is one of KINDS: TopK, BatchTopK with its threshold or per clip (a threshold for decoding), JumpReLU.
    """
    architecture = "batchtopk" if kind in ("threshold", "per_clip") else kind
    inference = "per_clip" if kind == "per_clip" else "threshold"
    sae = build(SaeConfig(architecture, x.shape[1], features, k, seed=seed, inference=inference, **config)).eval()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        sae.b_enc.copy_(0.1 * torch.randn(features, generator=generator))
        if sae.config.bias_mode != "none":
            sae.b_dec.copy_(x.float().mean(0))
        a = sae.pre_acts(x)
        if isinstance(sae, BatchTopK):
            sae.calibrate([x])
        if isinstance(sae, JumpReLU):
            sae.log_threshold.copy_(a.quantile(0.85, dim=0).clamp(min=0.01).log())
    return sae.requires_grad_(False)


@dataclass
class PlainSae:
    """The formulas of an SAE on dense tensors."""

    sae: Sae
    step: bool

    def activations(self, x: Tensor) -> Tensor:
        """a [n, D] after ReLU."""
        sae = self.sae
        if sae.config.input_scaling == "per_vector":
            x = x / x.norm(dim=1, keepdim=True)
        if sae.config.bias_mode == "pre":
            x = x - sae.b_dec
        a = x @ sae.W_enc.T + sae.b_enc
        return a.clamp(min=0) if sae.config.relu and not isinstance(sae, JumpReLU) else a

    def select(self, scores: Tensor, spared: int = 0) -> Tensor:
        """`scores` [n, D] with everything that is not selected at 0; `spared` places a token are left empty."""
        sae, k = self.sae, max(0, self.sae.config.k - spared)
        if isinstance(sae, JumpReLU):
            return scores * (scores > sae.threshold)
        if isinstance(sae, BatchTopK) and (sae.inference == "threshold" or self.step):
            return scores * (scores > sae.threshold)
        flat = scores.reshape(1, -1) if isinstance(sae, BatchTopK) else scores
        # stable, because one override at many tokens makes equal values: the first of them count
        order = torch.sort(flat, dim=1, descending=True, stable=True).indices
        kept = order[:, : k * len(scores) if isinstance(sae, BatchTopK) else k]
        return torch.zeros_like(flat).scatter(1, kept, flat.gather(1, kept)).reshape(scores.shape)

    def decoded(self, z: Tensor, x: Tensor, bias: bool) -> Tensor:
        """z W_dec, with b_dec if `bias`, in the scale of x."""
        found = z @ self.sae.W_dec + (self.sae.b_dec if bias else 0)
        return found * x.norm(dim=1, keepdim=True) if self.sae.config.input_scaling == "per_vector" else found


def plain_change(sae: Sae, x: Tensor, wanted: Intervention, *, step: bool, override: bool) -> Tensor:
    """x′ [n, d] of x [n, d]: A-48 and A-49, word by word."""
    x = x.float()
    plain, mode = PlainSae(sae, step), wanted.mode
    pairs = list(zip(wanted.features, wanted.values, strict=True)) if override else []
    if mode in ("additive", "orthogonal", "cap"):
        for k, v in pairs:
            u = sae.W_dec[k] / sae.W_dec[k].norm()
            along = (x @ u)[:, None]
            x = {"additive": x + v * u, "orthogonal": x - along * u + v * u, "cap": x - (along - v).clamp(min=0) * u}[
                mode
            ]
        return x
    a = plain.activations(x)
    z = plain.select(a)
    if mode == "delta":
        change = torch.zeros_like(z)
        for k, v in pairs:
            change[:, k] = v - z[:, k]
        return x + plain.decoded(change, x, bias=False)
    new = z.clone()
    if pairs and mode == "pre_topk":
        scores = a.clone()
        for k, v in pairs:
            scores[:, k] = v
        new = plain.select(scores)
    elif pairs and mode == "post_topk_retop":
        for k, v in pairs:
            new[:, k] = v
        new = plain.select(new)
    elif pairs and mode == "keep":
        others = a.clone()
        for k, _ in pairs:
            others[:, k] = 0 if isinstance(sae, JumpReLU) else -1e9
        new = plain.select(others, spared=len(pairs))
    if mode in ("post_topk", "keep"):
        for k, v in pairs:
            new[:, k] = v
    return x + plain.decoded(new - z, x, bias=False) if wanted.add_error else plain.decoded(new, x, bias=True)


@contextmanager
def hooked(
    block: torch.nn.Module, sae: Sae, wanted: Intervention | None, audio: Tensor, *, prompt: int | None = None
) -> Iterator[None]:
    """While it lasts, `block` is steered: at `audio` or all positions of the prefill, and at decoding steps.

    With `prompt` the forwards are of so many positions of prefill and the whole answer behind them.
    """

    def steered(x: Tensor, step: bool) -> Tensor:
        if wanted is None or ((wanted.decode == "off") if step else (wanted.positions == "none")):
            return x
        at = torch.arange(len(x)) if step or wanted.positions == "prompt" else audio
        override = not step or wanted.decode == "steer"
        changed = x.clone()
        changed[at] = plain_change(sae, x[at], wanted, step=step, override=override).to(x.dtype)
        return changed

    def hook(module: Any, inputs: Any, output: Tensor) -> Tensor:
        x = output[0]
        if prompt is None:
            return steered(x, len(x) == 1)[None]
        steps = [steered(one[None], True) for one in x[prompt:]]
        return torch.cat([steered(x[:prompt], False), *steps])[None]

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
