"""What every SAE architecture has in common: parameters, input scaling, decoding (A-11, S-09).

`W_dec` holds one row per feature, i.e. the columns of the paper's W_dec.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.registry import Registry
from backend.sae.codes import SparseCodes
from backend.sae.config import SaeConfig
from backend.sae.step import Gradients, Means

SMALLEST_NORM = 1e-12


class Sae(nn.Module, ABC):
    """A sparse autoencoder with D features on a residual stream of width d.

    Attributes
    ----------
    config : SaeConfig
    W_enc, W_dec : Parameter [D, d], float32
        At the start W_dec has random unit rows and W_enc equals it (A-15).
    b_enc : Parameter [D], float32
    b_dec : Parameter [d], float32
        Fixed at zero where `bias_mode` is "none".
    input_factor : float
        √E‖x‖² of A-17 while training under "mean_sq_norm": parameters belong to x / input_factor. Folded
        into the biases (and thresholds) by `fold_input_factor` when training ends, once, so that a saved SAE
        works on raw activations. Whatever its value, the methods below take and give raw activations.
    """

    architecture: str

    def __init__(self, config: SaeConfig) -> None:
        super().__init__()
        self.config = config
        self.input_factor = 1.0
        generator = torch.Generator().manual_seed(config.seed)
        rows = torch.randn(config.n_features, config.d, generator=generator)
        rows /= rows.norm(dim=1, keepdim=True)
        self.W_dec = nn.Parameter(rows)
        self.W_enc = nn.Parameter(rows.clone())
        self.b_enc = nn.Parameter(torch.zeros(config.n_features))
        self.b_dec = nn.Parameter(torch.zeros(config.d), requires_grad=config.bias_mode != "none")

    @abstractmethod
    def encode(self, x: Tensor, clip_lengths: Tensor | None = None) -> SparseCodes:
        """z [tokens, D] at inference, for x [tokens, d].

        `clip_lengths` [n] splits the tokens into clips where the selection is made per clip (S-11);
        None means one clip.
        """

    @abstractmethod
    def gradients(self, x: Tensor, total: int, step: int, means: Means) -> Gradients:
        """Loss and gradients of one training step, written to no parameter.

        Parameters
        ----------
        x : float tensor [n, d]
            This process's slice of the batch, already scaled.
        total : int
            Tokens of the global batch.
        step : int
            Updates made so far.
        """

    @torch.no_grad()
    def pre_acts(self, x: Tensor) -> Tensor:
        """a [tokens, D] before ReLU and selection, for x [tokens, d], in the units of the codes."""
        scaled = self.center(self.scale(x)[0])
        return functional.linear(scaled, self.W_enc, self.b_enc) * self.input_factor

    @torch.no_grad()
    def decode(self, codes: SparseCodes, norms: Tensor | None = None) -> Tensor:
        """x̂ [tokens, d] of the codes.

        Parameters
        ----------
        norms : float tensor [tokens, 1], optional
            ‖x‖ under "per_vector" scaling, whose codes belong to x/‖x‖ (S-08); without it x̂ has that scale.
        """
        x_hat = self.directions(codes) + self.b_dec * self.input_factor
        return x_hat if norms is None else x_hat * norms

    @torch.no_grad()
    def directions(self, codes: SparseCodes) -> Tensor:
        """Σ_k z_k·d_k [tokens, d]: what the codes add up to without the bias."""
        if codes.feature.numel() == 0:
            return self.W_dec.new_zeros(codes.n_tokens, self.config.d)
        ends = torch.bincount(codes.token, minlength=codes.n_tokens).cumsum(0)
        return functional.embedding_bag(
            codes.feature, self.W_dec, functional.pad(ends, (1, 0)), mode="sum",
            per_sample_weights=codes.value.to(self.W_dec.dtype), include_last_offset=True,
        )  # fmt: skip

    def reconstruct(self, x: Tensor, clip_lengths: Tensor | None = None) -> Tensor:
        """x̂ [tokens, d] in the scale of x, under any input scaling."""
        norms = self.scale(x)[1]
        return self.decode(self.encode(x, clip_lengths), norms)

    def scale(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """x in the units of the parameters, float32, and under "per_vector" its norms [tokens, 1] (O-12)."""
        x = x.float()
        if self.config.input_scaling == "per_vector":
            norms = x.norm(dim=1, keepdim=True).clamp(min=SMALLEST_NORM)
            return x / norms, norms
        return (x if self.input_factor == 1.0 else x / self.input_factor), None

    def center(self, scaled: Tensor) -> Tensor:
        """What the encoder is applied to: x − b_dec with a pre-bias, x otherwise (A-11)."""
        return scaled - self.b_dec if self.config.bias_mode == "pre" else scaled

    @torch.no_grad()
    def fold_input_factor(self) -> None:
        """Make the parameters belong to raw x: biases × factor, factor := 1 (P-12). Twice changes nothing more."""
        self.b_enc.mul_(self.input_factor)
        self.b_dec.mul_(self.input_factor)
        self._fold_thresholds(self.input_factor)
        self.input_factor = 1.0

    def _fold_thresholds(self, factor: float) -> None:
        """Multiply whatever else is in the units of the codes."""


ARCHITECTURES: Registry[type[Sae]] = Registry(
    "architectures",
    {
        "topk": "backend.sae.topk",
        "batchtopk": "backend.sae.batchtopk",
        "jumprelu": "backend.sae.jumprelu",
    },
)


def build(config: SaeConfig) -> Sae:
    """A freshly initialised SAE of the config's architecture, deterministic per seed (A-15)."""
    return ARCHITECTURES.get(config.architecture)(config)
