"""JumpReLU: a feature is active where its pre-activation exceeds a learned threshold (S-09, Q11)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from backend.sae.base import ARCHITECTURES, Sae
from backend.sae.codes import SparseCodes
from backend.sae.config import SaeConfig
from backend.sae.kernels import matmul
from backend.sae.losses import decoder_bias_gradient, row_squares
from backend.sae.step import Gradients, Means


@ARCHITECTURES.register("jumprelu")
class JumpReLU(Sae):
    """z = a·1[a > θ], θ = exp(log_threshold) > 0 per feature.

    Attributes
    ----------
    log_threshold : Parameter [D], float32
        Starts at the logarithm of the bandwidth ε.
    """

    architecture = "jumprelu"

    def __init__(self, config: SaeConfig) -> None:
        super().__init__(config)
        self.log_threshold = nn.Parameter(torch.full((config.n_features,), math.log(config.bandwidth)))

    @property
    def threshold(self) -> Tensor:
        """θ [D], in scaled units."""
        return self.log_threshold.exp()

    @torch.no_grad()
    def encode(self, x: Tensor, clip_lengths: Tensor | None = None) -> SparseCodes:
        """Every entry for itself; `clip_lengths` has no effect."""
        a = self.pre_acts(x)
        token, feature = (a > self.threshold * self.input_factor).nonzero(as_tuple=True)
        return SparseCodes(token, feature, a[token, feature], a.shape[0], a.shape[1])

    def gradients(self, x: Tensor, total: int, step: int, means: Means) -> Gradients:
        return jumprelu_gradients(self, x, total, l0_coefficient(self.config, step), means)

    @torch.no_grad()
    def _fold_thresholds(self, factor: float) -> None:
        self.log_threshold.add_(math.log(factor))


def l0_coefficient(config: SaeConfig, step: int) -> float:
    """Weight of the L0 penalty: linear from 0 over `l0_warmup_steps` (S-09, Q11)."""
    if config.l0_warmup_steps == 0:
        return config.l0_coefficient
    return config.l0_coefficient * min(1.0, step / config.l0_warmup_steps)


@torch.no_grad()
def jumprelu_gradients(sae: JumpReLU, x: Tensor, total: int, coefficient: float, means: Means) -> Gradients:
    """Loss and gradients of a JumpReLU SAE on scaled x [n, d], with `total` tokens in the global batch.

    L = (1/total)·Σ_t (‖x − x̂‖² + λ‖z‖₀). The step at θ has the straight-through derivatives
    ∂z/∂θ = −(θ/ε)·K, ∂1[a > θ]/∂θ = −(1/ε)·K with the rectangle K = 1[|a − θ| < ε/2]; by log θ, × θ.
    """
    precision, epsilon = means.precision, sae.config.bandwidth
    theta = sae.threshold
    centred = sae.center(x)
    a = matmul(centred, sae.W_enc.T, precision) + sae.b_enc
    active = a > theta
    z = a * active
    residual = matmul(z, sae.W_dec, precision).add_(sae.b_dec).sub_(x)
    scale = 2.0 / total
    by_code = matmul(residual, sae.W_dec.T, precision) * scale
    inside = ((a - theta).abs() < epsilon / 2).to(x.dtype)
    l0 = active.sum(1)
    by_theta = -((by_code * inside).sum(0) * theta + inside.sum(0) * (coefficient / total)) / epsilon
    by_a = by_code * active
    gradients = {
        "W_dec": matmul(z.T, residual, precision) * scale,
        "W_enc": matmul(by_a.T, centred, precision),
        "b_enc": by_a.sum(0),
        "log_threshold": by_theta * theta,
    }
    if sae.config.bias_mode != "none":
        gradients["b_dec"] = decoder_bias_gradient(sae, residual.sum(0) * scale, gradients["b_enc"])
    positive = torch.where(active, a, torch.inf)
    squared_error = row_squares(residual)
    return Gradients(
        parameters=gradients,
        loss=(squared_error.sum() + coefficient * l0.sum()) / total,
        residual=residual,
        squared_error=squared_error,
        l0=l0,
        fired=active.sum(0).to(x.dtype),
        smallest=positive.min(),
    )
