"""The products of a training step: one dense product to encode, everything else through the active entries.

At k active features of D a dense step multiplies D/k times more than it must. Decoding is a weighted
sum of decoder rows per token; its gradients are dot products at the active entries and weighted
sums of residuals (or inputs) per feature. None of them holds an (entries × d) array.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from backend.sae.selection import PreActivations, Selected

Precision = Literal["float32", "bfloat16"]
Decode = Literal["gather", "dense"]
DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

with warnings.catch_warnings():
    # PyTorch says once per process that its sparse tensors are in beta state; it says so here
    warnings.simplefilter("ignore", UserWarning)
    torch.sparse_csr_tensor([0, 0], torch.zeros(0, dtype=torch.int64), torch.zeros(0), (1, 1), check_invariants=False)


def matmul(a: Tensor, b: Tensor, precision: Precision) -> Tensor:
    """a @ b in float32, the operands rounded to `precision` first."""
    if precision == "float32":
        return a @ b
    return (a.to(DTYPES[precision]) @ b.to(DTYPES[precision])).float()


def pre_activations(x: Tensor, W_enc: Tensor, b_enc: Tensor, precision: Precision, block: int) -> PreActivations:
    """x W_encᵀ + b_enc with the columns arranged for blocks of `block` features.

    Under bfloat16 the result is bfloat16 too: it decides which entries are kept and is their value
    with a relative error of 2⁻⁹.
    """
    dtype = DTYPES[precision]
    features, d = W_enc.shape
    if block == 1:
        return PreActivations(torch.addmm(b_enc.to(dtype), x.to(dtype), W_enc.to(dtype).T), 1)
    operand = torch.empty(block, features // block, d, dtype=dtype, device=W_enc.device)
    operand.copy_(W_enc.view(-1, block, d).transpose(0, 1))
    bias = b_enc.view(-1, block).T.reshape(-1).to(dtype)
    return PreActivations(torch.addmm(bias, x.to(dtype), operand.view(features, d).T), block)


@dataclass(frozen=True)
class ByFeature:
    """The entries of a `Selected`, grouped by feature instead of by token.

    Attributes
    ----------
    order : int64 tensor [nnz]
        Place in the `Selected` of each entry here.
    token : int64 tensor [nnz]
        Ascending within a feature.
    offset : int64 tensor [D + 1]
    """

    order: Tensor
    token: Tensor
    offset: Tensor

    @cached_property
    def feature(self) -> Tensor:
        features = torch.arange(self.offset.shape[0] - 1, device=self.offset.device)
        return torch.repeat_interleave(features, self.offset.diff(), output_size=self.token.shape[0])


def by_feature(entries: Selected) -> ByFeature:
    order = torch.argsort(entries.feature.int(), stable=True)
    offset = torch.zeros(entries.n_features + 1, dtype=torch.int64, device=order.device)
    torch.cumsum(torch.bincount(entries.feature, minlength=entries.n_features), 0, out=offset[1:])
    return ByFeature(order, entries.token[order], offset)


class Gathered:
    """Products through the active entries alone; no array of (entries × d) or (n × D)."""

    def __init__(self, entries: Selected) -> None:
        self.entries = entries
        self.groups = by_feature(entries)

    def decode(self, W_dec: Tensor) -> Tensor:
        """Σ_f z_f W_dec[f] per token, [n, d], without bias."""
        entries = self.entries
        if entries.feature.numel() == 0:
            return W_dec.new_zeros(entries.n_tokens, W_dec.shape[1])
        return functional.embedding_bag(
            entries.feature, W_dec, entries.offset, mode="sum",
            per_sample_weights=entries.value, include_last_offset=True,
        )  # fmt: skip

    def products(self, rows: Tensor, W: Tensor) -> Tensor:
        """rows[token] · W[feature] at every entry, [nnz]."""
        entries = self.entries
        if entries.feature.numel() == 0:
            return rows.new_zeros(0)
        pattern = torch.sparse_csr_tensor(
            entries.offset, entries.feature, torch.zeros_like(entries.value),
            (entries.n_tokens, entries.n_features), check_invariants=False,
        )  # fmt: skip
        sampled: Tensor = torch.sparse.sampled_addmm(pattern, rows, W.T, beta=0.0).values()
        return sampled

    def sums(self, weight: Tensor, rows: Tensor) -> Tensor:
        """Σ over a feature's entries of weight · rows[token], [D, d]; `weight` [nnz] in the order of the entries."""
        groups = self.groups
        if groups.token.numel() == 0:
            return rows.new_zeros(self.entries.n_features, rows.shape[1])
        return functional.embedding_bag(
            groups.token, rows, groups.offset, mode="sum",
            per_sample_weights=weight[groups.order], include_last_offset=True,
        )  # fmt: skip


class Dense:
    """The same products with z as a dense [n, D] array, for devices whose dense products are that fast."""

    def __init__(self, entries: Selected, precision: Precision) -> None:
        self.entries = entries
        self.precision = precision
        self.place = entries.token * entries.n_features + entries.feature

    def _spread(self, weight: Tensor) -> Tensor:
        out = weight.new_zeros(self.entries.n_tokens * self.entries.n_features, dtype=DTYPES[self.precision])
        out[self.place] = weight.to(out.dtype)
        return out.view(self.entries.n_tokens, self.entries.n_features)

    def decode(self, W_dec: Tensor) -> Tensor:
        return matmul(self._spread(self.entries.value), W_dec, self.precision)

    def products(self, rows: Tensor, W: Tensor) -> Tensor:
        everywhere = rows.to(DTYPES[self.precision]) @ W.to(DTYPES[self.precision]).T
        return everywhere.view(-1)[self.place].float()

    def sums(self, weight: Tensor, rows: Tensor) -> Tensor:
        return matmul(self._spread(weight).T, rows, self.precision)


def products_of(entries: Selected, decode: Decode, precision: Precision) -> Gathered | Dense:
    """The arithmetic that the plan's `decode` names."""
    return Gathered(entries) if decode == "gather" else Dense(entries, precision)
