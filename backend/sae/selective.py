"""What TopK and BatchTopK share: a selection of entries, and gradients through the selected entries only."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from backend.sae.base import Sae
from backend.sae.codes import SparseCodes
from backend.sae.kernels import Precision
from backend.sae.losses import selective_gradients
from backend.sae.parallel import ALONE, World
from backend.sae.selection import PreActivations, Selected
from backend.sae.step import Gradients, Means


class SelectiveSae(Sae):
    """An SAE whose code is a selection of its pre-activations."""

    @abstractmethod
    def activations(self, centred: Tensor, precision: Precision) -> PreActivations:
        """a of centred, scaled x [n, d], arranged for `select`."""

    @abstractmethod
    def select(self, a: PreActivations, world: World = ALONE) -> Selected:
        """The entries that are active in training; `a` holds this process's slice of the batch."""

    def gradients(self, x: Tensor, total: int, step: int, means: Means) -> Gradients:
        return selective_gradients(self, x, total, means)

    def codes(self, entries: Selected) -> SparseCodes:
        """The selection as codes: in the units of raw x, zeros dropped, features ascending within a token."""
        order = torch.argsort(entries.token * entries.n_features + entries.feature)
        order = order[entries.value[order] != 0]
        return SparseCodes(
            entries.token[order], entries.feature[order], entries.value[order] * self.input_factor,
            entries.n_tokens, entries.n_features,
        )  # fmt: skip
