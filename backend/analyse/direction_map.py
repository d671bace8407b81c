"""A 2-D map of an SAE's directions: features that point the same way lie side by side (S-26)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.analyse.map_layout import EPOCHS, layout
from backend.analyse.neighbour_graph import fuzzy_graph
from backend.jobs.job import Job, quiet_job
from backend.retrieval.neighbours import decoder_neighbours
from backend.sae.base import SMALLEST_NORM

NEIGHBOURS = 15
EXTENT = 10.0
JITTER = 1e-2
SAMPLE = 1000
Places = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DirectionMap:
    """A finished map of D features.

    Attributes
    ----------
    places : float32 array [D, 2]
        x and y; only nearness has a meaning, neither the axes nor their unit.
    directed : bool array [D]
        False for a vector of length zero or with a value that is not finite: it has no direction and lies in a row
        below the map.
    kept : float
        Share of the nearest directions of a feature that are among the as many nearest places on the map, mean over
        1,000 random features; NaN where fewer than three have a direction.
    by_chance : float
        The same share if places were random.
    """

    places: Places
    directed: npt.NDArray[np.bool_]
    kept: float
    by_chance: float


@torch.no_grad()
def direction_map(
    vectors: Tensor,
    *,
    seed: int,
    neighbours: int = NEIGHBOURS,
    epochs: int = EPOCHS,
    memory: int = 1 << 28,
    job: Job | None = None,
) -> DirectionMap:
    """Lay out the directions so that those of large cosine come near each other.

    Cosine nearest neighbours, UMAP's fuzzy graph of them, principal components as a start, and a neighbour embedding
    with negative sampling (`map_layout`). The same seed gives the same map on the same machine with as many threads.
    Equal vectors come to lie together; dead features are laid out like any other.

    Parameters
    ----------
    vectors : tensor [D, d]
        One row per feature, of any norm.
    neighbours : int
        Nearest directions that pull at each feature.
    memory : int
        Bytes of similarities that may exist at once.

    Raises Stopped between steps if the job is asked to stop.
    """
    work = job or quiet_job()
    vectors = vectors.detach().float().cpu()
    norm = vectors.norm(dim=1)
    directed = torch.isfinite(norm) & (norm > SMALLEST_NORM)
    unit = vectors[directed] / norm[directed, None]
    if len(unit) < 3:
        few = torch.tensor([[0.0, 0.0]] if len(unit) == 1 else [[-0.5, 0.0], [0.5, 0.0]])[: len(unit)]
        return DirectionMap(_all_places(few, directed), directed.numpy(), float("nan"), float("nan"))
    work.begin_progress("directions compared")

    def compared(done: int) -> None:
        work.progress(done, len(unit))
        work.check_stop()

    near, cosine = decoder_neighbours(unit, neighbours, memory, compared)
    dice = torch.Generator().manual_seed(seed)
    places = layout(principal_places(unit, dice), fuzzy_graph(near, cosine), dice, epochs=epochs, job=work)
    places -= (places.amax(dim=0) + places.amin(dim=0)) / 2
    by_chance = near.shape[1] / (len(unit) - 1)
    return DirectionMap(_all_places(places, directed), directed.numpy(), kept_neighbours(places, near), by_chance)


def principal_places(unit: Tensor, dice: torch.Generator) -> Tensor:
    """The first two principal components [D, 2] by subspace iteration, with a little noise that parts equal rows.

    The largest coordinate is EXTENT, and the largest loading of a component positive: no flip between two runs.
    """
    mean = unit.mean(dim=0)
    basis = torch.randn(unit.shape[1], min(8, unit.shape[1]), generator=dice)
    for _ in range(12):
        seen = unit @ basis - mean @ basis
        basis, _ = torch.linalg.qr(unit.T @ seen - torch.outer(mean, seen.sum(dim=0)))
    seen = unit @ basis - mean @ basis
    _, _, axes = torch.linalg.svd(seen, full_matrices=False)
    loading = basis @ axes[:2].T
    largest = loading.abs().argmax(dim=0)
    loading = loading * loading[largest, torch.arange(loading.shape[1])].sign()
    start = torch.zeros(len(unit), 2)
    start[:, : loading.shape[1]] = unit @ loading - mean @ loading
    start *= EXTENT / start.abs().max().clamp(min=SMALLEST_NORM)
    return start + JITTER * torch.randn(start.shape, generator=dice)


def kept_neighbours(places: Tensor, near: npt.NDArray[np.int32]) -> float:
    """Mean share of `near` [D, K] that is among the K nearest on the map, over up to SAMPLE features."""
    rows = np.random.default_rng(0).permutation(len(places))[:SAMPLE]
    shares = []
    for part in np.array_split(rows, -(-len(rows) // 100)):
        apart = torch.cdist(places[part], places)
        apart[torch.arange(len(part)), torch.from_numpy(part)] = torch.inf
        beside = apart.topk(near.shape[1], dim=1, largest=False).indices.numpy()
        shares += [len(np.intersect1d(near[i], found)) / near.shape[1] for i, found in zip(part, beside, strict=True)]
    return float(np.mean(shares))


def _all_places(placed: Tensor, directed: Tensor) -> Places:
    """Places [D, 2] of all features: those without a direction in a row below the others, by number."""
    places = np.zeros((len(directed), 2), np.float32)
    with_direction, without = directed.numpy(), np.flatnonzero(~directed.numpy())
    places[with_direction] = placed.numpy()
    low, high = (placed.amin(dim=0), placed.amax(dim=0)) if len(placed) else (torch.zeros(2), torch.zeros(2))
    width = max(float((high - low).max()), 1.0)
    places[without, 0] = np.linspace(-width / 2, width / 2, len(without) + 2)[1:-1]
    places[without, 1] = float(low[1]) - 0.1 * width
    return places
