"""A published SAE as plain tensors in ARD's orientation, between a foreign file and an `Sae`."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae, build
from backend.sae.batchtopk import BatchTopK
from backend.sae.config import SaeConfig
from backend.sae.jumprelu import JumpReLU
from backend.study.settings import default_k

BiasMode = Literal["none", "post", "pre"]


@dataclass(frozen=True)
class Published:
    """Weights and reading of one SAE.

    Attributes
    ----------
    config : SaeConfig
    W_enc, W_dec : float32 tensor [D, d]
    b_enc : float32 tensor [D]
    b_dec : float32 tensor [d]
    threshold : float tensor or None
        Scalar θ of BatchTopK (None where the file has none), [D] for JumpReLU, None for TopK. In units of z.
    layer : int or None
        0-based block the file says it belongs to.
    notes : tuple of str
        What was assumed or changed while reading, for the manifest.
    """

    config: SaeConfig
    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    threshold: Tensor | None = None
    layer: int | None = None
    notes: tuple[str, ...] = ()

    def reconfigured(self, **changes: Any) -> Published:
        """The same weights under a config with `changes`."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **changes))

    def scaled(self, factor: float) -> Published:
        """For raw x, what these weights are for x / factor: biases and thresholds times the factor (P-12)."""
        return dataclasses.replace(
            self,
            b_enc=self.b_enc * factor,
            b_dec=self.b_dec * factor,
            threshold=None if self.threshold is None else self.threshold * factor,
        )

    def threshold32(self) -> Tensor:
        """The largest float32 not above each θ: for float32 pre-activations a > θ keeps its meaning exactly."""
        if self.threshold is None:
            raise ArdError("this SAE has no threshold", todo="Train it past threshold_start, or estimate one.")
        rounded = self.threshold.float()
        below = torch.nextafter(rounded, torch.tensor(-torch.inf))
        return torch.where(rounded.double() > self.threshold, below, rounded)

    def in_bias_mode(self, mode: Literal["post", "pre"]) -> Published:
        """The same function of x written in another bias convention, by moving W_enc b_dec in or out of b_enc.

        Exact where b_dec is zero or the mode does not change; otherwise to float32 rounding of b_enc.
        """
        have = self.config.bias_mode
        if have == mode or have == "none":
            return self.reconfigured(bias_mode=mode)
        moved = self.W_enc.double() @ self.b_dec.double()
        b_enc = self.b_enc.double() + (moved if mode == "pre" else -moved)
        return dataclasses.replace(self.reconfigured(bias_mode=mode), b_enc=b_enc.float())

    @classmethod
    def of(cls, sae: Sae, layer: int | None = None) -> Published:
        """The weights of `sae` for raw x, its input factor folded in."""
        folded = copy.deepcopy(sae).cpu()
        folded.fold_input_factor()
        threshold = folded.threshold.detach() if isinstance(folded, (BatchTopK, JumpReLU)) else None
        if isinstance(folded, BatchTopK) and float(folded.threshold) < 0:
            threshold = None
        inference = folded.inference if isinstance(folded, BatchTopK) else folded.config.inference
        return cls(
            dataclasses.replace(folded.config, inference=inference),
            folded.W_enc.detach(),
            folded.b_enc.detach(),
            folded.W_dec.detach(),
            folded.b_dec.detach(),
            threshold=None if threshold is None else threshold.double(),
            layer=layer,
        )

    @torch.no_grad()
    def build(self) -> Sae:
        """An `Sae` with these weights, ready for inference."""
        sae = build(self.config)
        for parameter, value in zip(
            (sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec), (self.W_enc, self.b_enc, self.W_dec, self.b_dec), strict=True
        ):
            parameter.copy_(value)
        if isinstance(sae, BatchTopK) and self.threshold is not None:
            sae.threshold.copy_(self.threshold32())
        if isinstance(sae, JumpReLU):
            # θ ≤ 0 leaves ReLU alone, whose threshold is 0 = exp(−∞); the logarithm rounds θ by some 1e-7 of itself
            sae.log_threshold.copy_(self.threshold32().clamp(min=0).double().log())
        return sae.eval()


def published(
    architecture: str,
    *,
    W_enc: Tensor,
    b_enc: Tensor | None,
    W_dec: Tensor,
    b_dec: Tensor | None,
    k: int | None,
    bias_mode: BiasMode,
    threshold: Tensor | None = None,
    input_scaling: Literal["none", "per_vector"] = "none",
    layer: int | None = None,
    notes: tuple[str, ...] = (),
) -> Published:
    """Check shapes and finiteness, bring everything to float32 and resolve the config.

    Raises
    ------
    ArdError
        The shapes do not belong together, or a value is NaN or infinite.
    """
    features, d = W_enc.shape
    b_enc = torch.zeros(features) if b_enc is None else b_enc
    b_dec = torch.zeros(d) if b_dec is None else b_dec
    parts = {"encoder": W_enc, "encoder bias": b_enc, "decoder": W_dec, "decoder bias": b_dec}
    shapes = {"encoder": (features, d), "encoder bias": (features,), "decoder": (features, d), "decoder bias": (d,)}
    for name, tensor in parts.items():
        if tuple(tensor.shape) != shapes[name]:
            raise ArdError(f"the {name} has shape {tuple(tensor.shape)} where {shapes[name]} is needed")
        if not bool(torch.isfinite(tensor).all()):
            raise ArdError(f"the {name} holds NaN or infinite values", todo="Get the file again; it is damaged.")
    if architecture == "jumprelu" and threshold is None:
        raise ArdError("a JumpReLU SAE needs a threshold per feature, and the file has none")
    if threshold is not None:
        threshold = threshold.detach().double()
        if architecture == "jumprelu" and tuple(threshold.shape) != (features,):
            raise ArdError(f"the thresholds have shape {tuple(threshold.shape)} where ({features},) is needed")
    if k is None and architecture != "jumprelu":
        raise ArdError("the file does not say how many features are active per token (k)")
    norms = W_dec.float().norm(dim=1)
    config = SaeConfig(
        architecture=architecture,
        d=d,
        n_features=features,
        k=default_k(features) if k is None else int(k),
        bias_mode=bias_mode,
        decoder_norm="unit" if bool(((norms - 1).abs() < 1e-3).all()) else "free",
        input_scaling=input_scaling,
        inference="threshold" if architecture != "batchtopk" or threshold is not None else "per_clip",
    )
    return Published(
        config,
        _float32(W_enc),
        _float32(b_enc),
        _float32(W_dec),
        _float32(b_dec),
        threshold=threshold,
        layer=layer,
        notes=notes,
    )


def _float32(tensor: Tensor) -> Tensor:
    """A contiguous copy that shares nothing with the file's tensors."""
    return tensor.detach().to(torch.float32, memory_format=torch.contiguous_format, copy=True)
