"""Where the decoder bias starts (A-11)."""

from __future__ import annotations

import torch
from torch import Tensor


def geometric_median(x: Tensor, tolerance: float = 1e-6, iterations: int = 200) -> Tensor:
    """argmin_m Σ_t ‖x_t − m‖ [d] for x [n, d], by Weiszfeld's iteration from the mean.

    Stops when a step is shorter than `tolerance` times the mean distance.
    """
    median = x.mean(0)
    for _ in range(iterations):
        distance = torch.linalg.vector_norm(x - median, dim=1)
        smallest = distance.mean() * 1e-8 + 1e-20
        weight = 1.0 / distance.clamp(min=smallest)
        moved = (weight @ x) / weight.sum()
        step, median = torch.linalg.vector_norm(moved - median), moved
        if bool(step <= tolerance * distance.mean()):
            break
    return median


def initial_bias(x: Tensor, how: str) -> Tensor:
    """b_dec [d] from the first global batch of scaled x [n, d]: "geometric_median", "mean" or "zeros"."""
    if how == "geometric_median":
        return geometric_median(x)
    return x.mean(0) if how == "mean" else torch.zeros_like(x[0])
