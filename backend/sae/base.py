"""What every SAE architecture has in common: parameters, input scaling, decoding (A-11, S-09).

`W_dec` holds one row per feature, i.e. the columns of the paper's W_dec.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from backend.registry import Registry
from backend.sae.codes import SparseCodes


class Sae(nn.Module, ABC):
    """A sparse autoencoder with D features on a residual stream of width d.

    Attributes
    ----------
    W_enc, W_dec : Parameter [D, d], float32
    b_enc : Parameter [D], float32
    b_dec : Parameter [d], float32
        Kept at zero where `bias_mode` is "none".
    input_factor : buffer scalar, float64
        √E‖x‖² of A-17 while training under "mean_sq_norm"; folded into the biases (and thresholds) by
        `fold_input_factor` when training ends, so that a saved SAE works on raw activations.
    """

    architecture: str
    W_enc: nn.Parameter
    W_dec: nn.Parameter
    b_enc: nn.Parameter
    b_dec: nn.Parameter

    @abstractmethod
    def pre_acts(self, x: Tensor) -> Tensor:
        """a [tokens, D] before ReLU and selection, for x [tokens, d]."""

    @abstractmethod
    def encode(self, x: Tensor, clip_lengths: Tensor | None = None) -> SparseCodes:
        """z at inference. `clip_lengths` [n] splits the tokens into clips for per-clip selection (S-11)."""

    @abstractmethod
    def decode(self, codes: SparseCodes) -> Tensor:
        """x̂ [tokens, d] of the codes."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Everything needed to build it again, JSON-ready."""


ARCHITECTURES: Registry[type[Sae]] = Registry(
    "architectures",
    {
        "topk": "backend.sae.topk",
        "batchtopk": "backend.sae.batchtopk",
        "jumprelu": "backend.sae.jumprelu",
    },
)
