"""The training loss and its gradient, written out (A-13, A-14, S-09).

L = (1/n)·Σ_t ‖x_t − x̂_t‖² (+ AuxK, + the L0 penalty of JumpReLU), n the tokens of the global batch.
The gradients are those autograd gives for the dense expressions; they are written out because only
the selected entries take part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from backend.sae.kernels import products_of
from backend.sae.selection import Selected
from backend.sae.step import Gradients, Means

if TYPE_CHECKING:
    from backend.sae.base import Sae
    from backend.sae.selective import SelectiveSae


@torch.no_grad()
def selective_gradients(sae: SelectiveSae, x: Tensor, total: int, means: Means) -> Gradients:
    """Loss and gradients of a TopK-type SAE on scaled x [n, d], with `total` tokens in the global batch.

    With s = 2/total, r = x̂ − x and entries e = (t, f, z): ∂L/∂z_e = s·r_t·W_dec[f];
    ∂L/∂W_dec[f] = s·Σ z_e r_t; ∂L/∂W_enc[f] = Σ ∂z_e x_t; ∂L/∂b_dec = s·Σ_t r_t, with a pre-bias less
    W_encᵀ ∂b_enc.
    """
    centred = sae.center(x)
    pre = sae.activations(centred, means.precision)
    entries = sae.select(pre, means.world)
    products = products_of(entries, means.decode, means.precision)
    residual = products.decode(sae.W_dec).add_(sae.b_dec).sub_(x)
    scale = 2.0 / total
    aligned = products.products(residual, sae.W_dec) * scale
    by_value = aligned if not sae.config.relu else aligned * (entries.value > 0)
    gradients = {
        "W_dec": products.sums(entries.value * scale, residual),
        "W_enc": products.sums(by_value, centred),
        "b_enc": entries.totals(by_value),
    }
    if sae.config.bias_mode != "none":
        gradients["b_dec"] = decoder_bias_gradient(sae, residual.sum(0) * scale, gradients["b_enc"])
    squared_error = row_squares(residual)
    return Gradients(
        parameters=gradients,
        loss=squared_error.sum() / total,
        residual=residual,
        squared_error=squared_error,
        l0=entries.l0,
        fired=entries.totals((entries.value != 0).to(x.dtype)),
        smallest=smallest_positive(entries),
        decoder_dots=entries.totals(entries.value * aligned),
        pre=pre,
    )


def decoder_bias_gradient(sae: Sae, of_output: Tensor, of_b_enc: Tensor) -> Tensor:
    """∂L/∂b_dec [d] from ∂L/∂x̂ summed over tokens, and through the encoder where it subtracts b_dec."""
    if sae.config.bias_mode == "pre":
        return of_output - of_b_enc @ sae.W_enc
    return of_output


def smallest_positive(entries: Selected) -> Tensor:
    """Smallest positive value, infinity if there is none."""
    positive = torch.where(entries.value > 0, entries.value, torch.inf)
    return positive.min() if positive.numel() else positive.new_tensor(torch.inf)


def row_squares(rows: Tensor) -> Tensor:
    """‖row‖² [n], without a temporary of the rows' size."""
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms.square_()
