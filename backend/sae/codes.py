"""Sparse codes: the active features of a run of tokens, in the order every reader can rely on."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class SparseCodes:
    """Active features of `n_tokens` tokens.

    Attributes
    ----------
    token : int64 tensor [nnz]
        Row of each entry, ascending.
    feature : int64 tensor [nnz]
        Ascending within a token.
    value : float tensor [nnz]
        z, in the SAE's own (unscaled input's) units; zeros never appear. Negative only without ReLU.
    n_tokens, n_features : int
    """

    token: torch.Tensor
    feature: torch.Tensor
    value: torch.Tensor
    n_tokens: int
    n_features: int

    @classmethod
    def from_dense(cls, z: torch.Tensor) -> SparseCodes:
        """Codes of a dense z [tokens, D]."""
        token, feature = torch.nonzero(z, as_tuple=True)
        return cls(token, feature, z[token, feature], z.shape[0], z.shape[1])

    def dense(self) -> torch.Tensor:
        """z [tokens, D]."""
        z = self.value.new_zeros(self.n_tokens, self.n_features)
        z[self.token, self.feature] = self.value
        return z
