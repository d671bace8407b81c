"""Which features are active: exact top-k selections that never sort the whole batch (A-12, S-10).

Both selections use the same observation. Cut the D features into m blocks of G neighbours. If a
feature is among the k first of a row, ordered by (value descending, index ascending), then its block
is among the k first blocks, ordered by (largest value descending, block ascending): were k blocks ahead
of it, their largest entries would be k entries ahead of it. So only k·G values of a row are looked at
one by one. The pre-activations are computed with the features of a block m columns apart
(`PreActivations`), which turns the block maximum into an elementwise maximum of G slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from backend.sae.parallel import ALONE, World

SAMPLE = 32768
"""Values looked at to guess BatchTopK's threshold."""

PACKABLE = 1 << 16


@dataclass(frozen=True)
class PreActivations:
    """a [n, D] with feature f = j·G + g in column g·m + j, where m = D/G.

    Attributes
    ----------
    columns : float tensor [n, D]
    block : int
        G; 1 means the usual order.
    """

    columns: Tensor
    block: int

    @property
    def n_features(self) -> int:
        return self.columns.shape[1]

    def column(self, feature: Tensor) -> Tensor:
        """Column of each feature index."""
        if self.block == 1:
            return feature
        return feature % self.block * (self.n_features // self.block) + feature // self.block

    def in_order(self) -> Tensor:
        """a [n, D] with feature f in column f."""
        n, features = self.columns.shape
        return self.columns.view(n, self.block, features // self.block).transpose(1, 2).reshape(n, features)

    @cached_property
    def block_maximum(self) -> Tensor:
        """[n, m]."""
        n, features = self.columns.shape
        return self.columns.view(n, self.block, features // self.block).amax(1)

    def of_blocks(self, row: Tensor, block: Tensor) -> tuple[Tensor, Tensor]:
        """Features [..., G] of blocks in rows, and their values; `row` and `block` have one shape."""
        inside = torch.arange(self.block, device=block.device)
        m = self.n_features // self.block
        place = (row * self.n_features + block)[..., None] + inside * m
        return (block * self.block)[..., None] + inside, self.columns.view(-1)[place]


def block_size(n_features: int, k: int) -> int:
    """G that looks at the fewest values, D/G + k·G, among the powers of two up to 32 that divide D."""
    fitting = [g for g in (1, 2, 4, 8, 16, 32) if n_features % g == 0 and n_features // g >= k]
    return min(fitting, key=lambda g: n_features / g + (k * g if g > 1 else 0), default=1)


@dataclass(frozen=True)
class Selected:
    """Selected entries of n tokens, grouped by token.

    Attributes
    ----------
    feature : int64 tensor [nnz]
    value : float32 tensor [nnz]
        z; entries that ReLU turned to zero may be present with value 0.
    offset : int64 tensor [n + 1]
        Entries of token t are offset[t] … offset[t + 1] − 1.
    n_features : int
    """

    feature: Tensor
    value: Tensor
    offset: Tensor
    n_features: int

    @property
    def n_tokens(self) -> int:
        return self.offset.shape[0] - 1

    @cached_property
    def token(self) -> Tensor:
        """int64 tensor [nnz]."""
        tokens = torch.arange(self.n_tokens, device=self.offset.device)
        return torch.repeat_interleave(tokens, self.offset.diff(), output_size=self.feature.shape[0])

    @cached_property
    def l0(self) -> Tensor:
        """Active features per token [n], int64."""
        counts = torch.zeros(self.n_tokens, dtype=torch.int64, device=self.offset.device)
        return counts.index_add_(0, self.token, (self.value != 0).long())

    def totals(self, weight: Tensor) -> Tensor:
        """Σ over a feature's entries of weight [nnz], [D]."""
        return weight.new_zeros(self.n_features).index_add_(0, self.feature, weight)


def first_of_row(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Positions and values [n, k] of the k largest of each row; among equal ones the lowest position.

    Exact for bfloat16 rows of at most 65,536 non-negative values on every device; for float32 exact on
    the CPU and, where equal values straddle the k-th place, arbitrary among them elsewhere (A-12).
    """
    n, width = values.shape
    if k >= width:
        return torch.arange(width, device=values.device).expand(n, width), values
    if values.dtype == torch.bfloat16 and width <= PACKABLE:
        # value in the upper 16 bits, inverted position in the lower: all keys differ, and their order
        # as float32 (non-negative) is (value descending, position ascending)
        falling = torch.arange(PACKABLE - 1, PACKABLE - 1 - width, -1, dtype=torch.int32, device=values.device)
        keys = (values.float().view(torch.int32) | falling).view(torch.float32)
        position = torch.topk(keys, k, dim=1, sorted=False).indices
        return position, values.gather(1, position)
    top = torch.topk(values, k + 1, dim=1)
    position, value = top.indices[:, :k], top.values[:, :k]
    if values.device.type == "cpu":
        tied = (top.values[:, k - 1] == top.values[:, k]).nonzero()[:, 0]
        if tied.numel():
            again = torch.sort(values[tied], dim=1, descending=True, stable=True)
            position, value = position.clone(), value.clone()
            position[tied], value[tied] = again.indices[:, :k], again.values[:, :k]
    return position, value


def select_per_token(a: PreActivations, k: int, relu: bool) -> Selected:
    """The k largest pre-activations of every token, after ReLU if `relu` (A-12)."""
    n, features = a.columns.shape
    if a.block == 1 or not relu:
        dense = a.in_order()
        feature, value = first_of_row(dense.clamp(min=0) if relu else dense.float(), k)
    else:
        block = first_of_row(a.block_maximum.clamp(min=0), k)[0].sort(dim=1).values
        row = torch.arange(n, device=block.device)[:, None].expand_as(block)
        candidates, values = a.of_blocks(row, block)
        position, value = first_of_row(values.flatten(1).clamp(min=0), k)
        feature = candidates.flatten(1).gather(1, position)
    per_token = feature.shape[1]
    offset = torch.arange(0, n * per_token + 1, per_token, device=feature.device)
    return Selected(feature.reshape(-1), value.reshape(-1).float(), offset, features)


def select_over_batch(a: PreActivations, count: int, relu: bool, world: World = ALONE) -> Selected:
    """The `count` largest pre-activations of the whole batch, over all processes; ties by lowest flat index (S-10).

    A threshold guessed from a sample leaves a few more survivors than needed; the exact selection is
    made among them. Where the guess was too high it is lowered, so the result never depends on it.
    """
    guess = _guessed_threshold(a, count, relu, world)
    row, feature, value = _above(a, guess, relu)
    survivors = world.total(value.shape[0], value.device)
    if survivors < count and guess is not None:
        row, feature, value = _above(a, None, relu)
    value = value.float()
    keep = _first_of_all(value, count, world)
    row, feature, value = row[keep], feature[keep], value[keep]
    offset = torch.zeros(a.columns.shape[0] + 1, dtype=torch.int64, device=row.device)
    torch.cumsum(torch.bincount(row, minlength=a.columns.shape[0]), 0, out=offset[1:])
    return Selected(feature, value, offset, a.n_features)


def _guessed_threshold(a: PreActivations, count: int, relu: bool, world: World) -> float | None:
    """A value that a little more than `count` entries exceed, judged by evenly spaced entries; None for no guess."""
    flat = a.columns.reshape(-1)
    stride = max(1, flat.shape[0] // SAMPLE) | 1
    while stride > 1 and a.n_features % stride == 0:
        stride += 2
    sample = torch.cat(world.gather(flat[::stride].float()))
    expected = count / world.total(flat.shape[0], flat.device) * sample.shape[0]
    # four standard deviations of a binomial count above the expectation
    rank = int(expected + 4 * expected**0.5 + 4)
    if rank >= sample.shape[0]:
        return None
    guess = float(torch.topk(sample, rank, sorted=True).values[-1])
    return guess if guess > 0 or not relu else None


def _above(a: PreActivations, threshold: float | None, relu: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Row, feature and value of every entry ≥ threshold (> 0 with ReLU), in ascending flat index."""
    if threshold is None and not relu:
        dense = a.in_order()
        row = torch.arange(dense.shape[0], device=dense.device).repeat_interleave(a.n_features)
        feature = torch.arange(a.n_features, device=dense.device).repeat(dense.shape[0])
        return row, feature, dense.reshape(-1)
    hit = a.block_maximum > 0 if threshold is None else a.block_maximum >= threshold
    row, block = hit.nonzero(as_tuple=True)
    candidates, values = a.of_blocks(row, block)
    inside = (values > 0 if threshold is None else values >= threshold).view(-1).nonzero()[:, 0]
    return row[inside // a.block], candidates.view(-1)[inside], values.view(-1)[inside]


def _first_of_all(value: Tensor, count: int, world: World) -> Tensor:
    """Positions, ascending, of the `count` largest values over all processes; among equal ones the first."""
    everywhere = world.gather(value)
    total = sum(part.shape[0] for part in everywhere)
    if total <= count:
        return torch.arange(value.shape[0], device=value.device)
    smallest = torch.topk(torch.cat(everywhere), count, sorted=False).values.min()
    larger = value > smallest
    tied = value == smallest
    room = count - sum((part > smallest).sum() for part in everywhere)
    earlier = sum((part == smallest).sum() for part in everywhere[: world.rank])
    return (larger | (tied & (tied.cumsum(0) + earlier <= room))).nonzero()[:, 0]
