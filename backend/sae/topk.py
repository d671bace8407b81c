"""TopK: the k largest features of every token are active (A-11, A-12, P-1)."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.sae.base import ARCHITECTURES
from backend.sae.codes import SparseCodes
from backend.sae.kernels import Precision, pre_activations
from backend.sae.parallel import ALONE, World
from backend.sae.selection import PreActivations, Selected, block_size, select_per_token
from backend.sae.selective import SelectiveSae


@ARCHITECTURES.register("topk")
class TopK(SelectiveSae):
    """z = TopK(ReLU(W_enc(x − b_dec) + b_enc)); with `relu` off, negative values may be kept."""

    architecture = "topk"

    def select(self, a: PreActivations, world: World = ALONE) -> Selected:
        return select_per_token(a, self.config.k, self.config.relu)

    def activations(self, centred: Tensor, precision: Precision) -> PreActivations:
        block = block_size(self.config.n_features, self.config.k) if self.config.relu else 1
        return pre_activations(centred, self.W_enc, self.b_enc, precision, block)

    @torch.no_grad()
    def encode(self, x: Tensor, clip_lengths: Tensor | None = None) -> SparseCodes:
        """Every token for itself; `clip_lengths` has no effect."""
        a = self.activations(self.center(self.scale(x)[0]), "float32")
        return self.codes(self.select(a))
