"""AuxK: dead features learn to reconstruct what the living ones leave over (A-13)."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.sae.kernels import products_of
from backend.sae.selection import PreActivations, select_per_token
from backend.sae.selective import SelectiveSae
from backend.sae.step import Gradients, Means

DENSE_FROM = 1 / 16
"""Share of dead features decoded per token above which the dense arithmetic is faster."""


@torch.no_grad()
def add_auxk(step: Gradients, sae: SelectiveSae, x: Tensor, dead: Tensor, means: Means) -> Tensor:
    """Add AuxK's gradients to `step` and return this process's share of its loss.

    L_aux = α · min(n_dead/k_aux, 1) · Σ‖e − ê‖² / Σ‖e − ē‖², where e = x − x̂ is held fixed and ê is the
    decoding, *without* bias, of each token's k_aux largest dead pre-activations. The denominator, the
    residual's variance over the global batch, is held fixed too; b_dec receives nothing.

    Parameters
    ----------
    x : float tensor [n, d]
        Scaled input of the step.
    dead : int64 tensor [n_dead]
        Features that have been silent too long; not empty.
    """
    config, world = sae.config, means.world
    assert step.pre is not None
    a = step.pre.columns[:, step.pre.column(dead)].float()
    used = min(config.auxk_k, dead.numel())
    entries = select_per_token(PreActivations(a, 1), used, config.relu)
    density = used / dead.numel()
    products = products_of(entries, "dense" if density > DENSE_FROM else means.decode, means.precision)

    moments = torch.cat([step.residual.sum(0), step.residual.square().sum()[None], x.new_tensor([float(x.shape[0])])])
    moments = moments.double() if moments.device.type != "mps" else moments
    world.sum(moments)
    sums, squares, count = moments[:-2], moments[-2], moments[-1]
    variance = (squares - sums.square().sum() / count).clamp(min=1e-30)
    weight = config.auxk_alpha * min(used / config.auxk_k, 1.0) / variance.to(x.dtype)

    left_over = products.decode(sae.W_dec[dead]).add_(step.residual)
    aligned = products.products(left_over, sae.W_dec[dead]) * (2 * weight)
    by_value = aligned if not config.relu else aligned * (entries.value > 0)
    added = {
        "W_dec": products.sums(entries.value * (2 * weight), left_over),
        "W_enc": products.sums(by_value, sae.center(x)),
        "b_enc": entries.totals(by_value),
    }
    for name, gradient in added.items():
        step.parameters[name].index_add_(0, dead, gradient)
    if step.decoder_dots is not None:
        step.decoder_dots.index_add_(0, dead, entries.totals(entries.value * aligned))
    return weight * left_over.square().sum()
