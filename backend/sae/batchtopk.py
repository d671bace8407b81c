"""BatchTopK: the k·n largest values of a batch of n tokens are active (S-10, S-11, P-12)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import ARCHITECTURES
from backend.sae.codes import SparseCodes
from backend.sae.config import SaeConfig
from backend.sae.kernels import Precision, pre_activations
from backend.sae.parallel import ALONE, World
from backend.sae.selection import PreActivations, Selected, block_size, select_over_batch
from backend.sae.selective import SelectiveSae

UNSET = -1.0


@ARCHITECTURES.register("batchtopk")
class BatchTopK(SelectiveSae):
    """BatchTopK with two inference modes, "threshold" and "per_clip" (S-11).

    Attributes
    ----------
    threshold : buffer scalar, float32
        θ; a feature is active at inference iff a > θ. −1 until training or `calibrate` sets it.
    inference : str
        Taken from the config; may be changed on a trained SAE.
    """

    architecture = "batchtopk"
    threshold: Tensor

    def __init__(self, config: SaeConfig) -> None:
        super().__init__(config)
        self.inference = config.inference
        self.register_buffer("threshold", torch.tensor(UNSET))

    def select(self, a: PreActivations, world: World = ALONE) -> Selected:
        n = world.total(a.columns.shape[0], a.columns.device)
        return select_over_batch(a, self.config.k * n, self.config.relu, world)

    def activations(self, centred: Tensor, precision: Precision) -> PreActivations:
        block = block_size(self.config.n_features, self.config.k)
        return pre_activations(centred, self.W_enc, self.b_enc, precision, block)

    @torch.no_grad()
    def encode(self, x: Tensor, clip_lengths: Tensor | None = None) -> SparseCodes:
        a = self.activations(self.center(self.scale(x)[0]), "float32")
        if self.inference == "threshold":
            return self.codes(self._over_threshold(a))
        lengths = [x.shape[0]] if clip_lengths is None else clip_lengths.tolist()
        if sum(lengths) != x.shape[0]:
            raise ArdError(f"clips of {sum(lengths)} tokens in all do not fit {x.shape[0]} tokens of activations")
        clips = [PreActivations(rows, a.block) for rows in torch.split(a.columns, lengths) if rows.shape[0]]
        return self.codes(_joined([self.select(clip) for clip in clips], self.config.n_features))

    def _over_threshold(self, a: PreActivations) -> Selected:
        if float(self.threshold) < 0 and self.config.relu:
            raise ArdError(
                "this BatchTopK SAE has no inference threshold yet",
                todo='Train it further, calibrate it on activations, or set sae.inference = "per_clip".',
            )
        dense = a.in_order()
        token, feature = (dense > self.threshold).nonzero(as_tuple=True)
        offset = torch.zeros(dense.shape[0] + 1, dtype=torch.int64, device=dense.device)
        torch.cumsum(torch.bincount(token, minlength=dense.shape[0]), 0, out=offset[1:])
        return Selected(feature, dense[token, feature], offset, dense.shape[1])

    @torch.no_grad()
    def update_threshold(self, smallest: Tensor, step: int) -> None:
        """Take in the smallest positive value kept in the batch of `step` (S-11, P-12).

        Before `threshold_start` θ is that of the latest batch; from then on it is the average
        θ := β·θ + (1 − β)·smallest (O-10: 0.999·4 + 0.001·2 = 3.998).
        """
        beta = self.config.threshold_beta
        averaged = beta * self.threshold + (1 - beta) * smallest
        fresh = smallest if step < self.config.threshold_start else torch.where(self.threshold < 0, smallest, averaged)
        self.threshold.copy_(torch.where(torch.isfinite(smallest), fresh, self.threshold))

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set θ to the mean, over batches of x [n, d], of the smallest positive value each keeps (S-11)."""
        smallest = []
        for x in batches:
            entries = self.select(self.activations(self.center(self.scale(x)[0]), "float32"))
            kept = entries.value[entries.value > 0]
            if kept.numel():
                smallest.append(kept.min())
        if not smallest:
            raise ArdError("no feature is active on the calibration data, so there is no threshold to take from it")
        self.threshold.copy_(torch.stack(smallest).mean())

    def _fold_thresholds(self, factor: float) -> None:
        if float(self.threshold) >= 0:
            self.threshold *= factor


def _joined(parts: list[Selected], n_features: int) -> Selected:
    """Selections of consecutive clips as one."""
    if not parts:
        return Selected(
            torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(1, dtype=torch.int64), n_features
        )
    counts = torch.cat([part.offset.diff() for part in parts])
    offset = torch.zeros(counts.shape[0] + 1, dtype=torch.int64, device=counts.device)
    torch.cumsum(counts, 0, out=offset[1:])
    return Selected(
        torch.cat([part.feature for part in parts]), torch.cat([part.value for part in parts]), offset, n_features
    )
