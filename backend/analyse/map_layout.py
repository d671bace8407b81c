"""Places in the plane for the nodes of a neighbour graph: neighbours pull, everything else pushes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from backend.analyse.neighbour_graph import NeighbourGraph
from backend.jobs.job import Job

EPOCHS = 500
NEGATIVES = 32
FIRST_PUSH, LAST_PUSH = 5.0, 50.0
GROWTH = 0.5
FIRST_STEP = 0.5
REFERENCE = 2000
MOMENTUM, SCALE_MEMORY = 0.5, 0.9
SMALLEST_SCALE = 1e-7


def layout(start: Tensor, graph: NeighbourGraph, dice: torch.Generator, *, epochs: int, job: Job) -> Tensor:
    """Minimise Σ_ij w_ij log(1 + ‖y_i − y_j‖²) + γ Σ_i s_i mean_j 1/(1 + ‖y_i − y_j‖²), with s_i = Σ_j w_ij.

    This is the generalised Kullback-Leibler divergence of w and 1/(1 + ‖·‖²). The first sum is taken whole, the mean
    over j from `NEGATIVES` nodes drawn anew every epoch. γ = 5 is UMAP's rate of negatives; it grows during the
    first half to 50·√(D/2000), which is about t-SNE's balance of pull and push and keeps more neighbours
    (docs/map.md). Steps are Adam's, of length 0.5·√(D/2000) falling linearly to 0: the map's width grows alike.

    Parameters
    ----------
    start : float32 tensor [D, 2]
    dice : torch.Generator
        Draws the negatives.
    """
    first, tail, weight = (torch.from_numpy(part) for part in (graph.start, graph.tail, graph.weight))
    degree, size = first.diff(), math.sqrt(len(start) / REFERENCE)
    one = start.new_ones(len(start), 1)
    share = functional.embedding_bag(
        tail, one, first, mode="sum", per_sample_weights=weight, include_last_offset=True
    ) / NEGATIVES  # fmt: skip
    place = start
    speed, scale = torch.zeros_like(place), torch.zeros_like(place)
    job.begin_progress("epochs")
    for epoch in range(epochs):
        job.check_stop()
        gradient = _pull(place, one, first, tail, weight, degree)
        gradient -= _push(place, dice) * (share * _gamma(epoch / epochs, LAST_PUSH * size))
        speed.lerp_(gradient, 1 - MOMENTUM)
        scale.lerp_(gradient * gradient, 1 - SCALE_MEMORY)
        ahead = speed / (1 - MOMENTUM ** (epoch + 1))
        usual = (scale / (1 - SCALE_MEMORY ** (epoch + 1))).sqrt() + SMALLEST_SCALE
        place = place - FIRST_STEP * size * (1 - epoch / epochs) * ahead / usual
        job.progress(epoch + 1, epochs)
    return place


def _gamma(done: float, last: float) -> float:
    """γ after the share `done` of all epochs, growing by the same factor in each."""
    return float(FIRST_PUSH * (last / FIRST_PUSH) ** min(1.0, done / GROWTH))


def _pull(place: Tensor, one: Tensor, first: Tensor, tail: Tensor, weight: Tensor, degree: Tensor) -> Tensor:
    """Gradient [D, 2] of the first sum; summed within a node in the order of its edges, so that it repeats exactly."""
    apart = place.repeat_interleave(degree, dim=0) - place.index_select(0, tail)
    strength = 4.0 * weight / (1.0 + apart.square().sum(dim=1))
    sums = functional.embedding_bag(
        tail, torch.cat([place, one], dim=1), first, mode="sum", per_sample_weights=strength, include_last_offset=True
    )  # fmt: skip
    return place * sums[:, 2:] - sums[:, :2]


def _push(place: Tensor, dice: torch.Generator) -> Tensor:
    """Minus the gradient [D, 2] of Σ_j 1/(1 + ‖y_i − y_j‖²) over NEGATIVES random j, up to the factor share · γ."""
    x, y = place[:, 0].contiguous(), place[:, 1].contiguous()
    other = torch.randint(len(x), (NEGATIVES * len(x),), generator=dice)
    dx = x - x.index_select(0, other).view(NEGATIVES, -1)
    dy = y - y.index_select(0, other).view(NEGATIVES, -1)
    near = 1.0 / (1.0 + dx * dx + dy * dy)
    strength = 2.0 * near * near
    return torch.stack([(strength * dx).sum(dim=0), (strength * dy).sum(dim=0)], dim=1)
