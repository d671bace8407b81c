"""Small SAEs, streams and a dense reading of the equations, shared by the tests of this folder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from backend.sae.base import Sae, build
from backend.sae.config import SaeConfig
from backend.sae.parallel import ALONE, World
from backend.sae.plan import DataStatistics, TrainPlan
from backend.sae.trainer import SaeTrainer


def config(architecture: str = "topk", **changes: Any) -> SaeConfig:
    values: dict[str, Any] = {"d": 16, "n_features": 64, "k": 4, "threshold_start": 5}
    return SaeConfig(architecture=architecture, **{**values, **changes})


def oracle_sae(**changes: Any) -> Sae:
    """The SAE of O-1."""
    W = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    sae = build(config(d=2, n_features=4, **{"bias_mode": "none", "k": 2, **changes}))
    sae.load_state_dict({**sae.state_dict(), "W_enc": W, "W_dec": W, "b_enc": torch.tensor([0.0, 0.0, -0.5, 0.0])})
    return sae


def perturbed(sae: Sae, seed: int = 0) -> Sae:
    """The SAE with every parameter moved a little, so that no gradient vanishes by symmetry."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in sae.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return sae


def dictionary(features: int, d: int, seed: int = 0) -> Tensor:
    rows = torch.randn(features, d, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=1, keepdim=True)


def sparse_batch(truth: Tensor, n: int, seed: int, active: float = 2.0, offset: float = 0.0) -> Tensor:
    """x [n, d]: sums of on average `active` rows of `truth` with weights in 1 … 2, plus `offset`."""
    generator = torch.Generator().manual_seed(1000 + seed)
    on = torch.rand(n, truth.shape[0], generator=generator) < active / truth.shape[0]
    weight = 1 + torch.rand(n, truth.shape[0], generator=generator)
    return (on * weight) @ truth + offset


def statistics(x: Tensor) -> DataStatistics:
    norms = x.norm(dim=1)
    return DataStatistics(x.mean(0), float(norms.square().mean()), float(norms.median()))


def trainer(settings: SaeConfig, x: Tensor, world: World = ALONE, **plan: Any) -> SaeTrainer:
    values: dict[str, Any] = {"steps": 100, "batch_tokens": x.shape[0], "lr": 1e-3}
    return SaeTrainer(settings, TrainPlan(**{**values, **plan}), statistics=statistics(x), world=world)


def dense_code(a: Tensor, k: int, relu: bool, over_batch: bool) -> Tensor:
    """z [n, D] by a stable sort of everything (A-12, S-10)."""
    values = a.clamp(min=0) if relu else a
    rows = values.reshape(1, -1) if over_batch else values
    kept = k * a.shape[0] if over_batch else k
    order = torch.sort(rows.detach(), dim=1, descending=True, stable=True).indices[:, :kept]
    mask = torch.zeros_like(rows).scatter_(1, order, 1.0)
    return (rows * mask).view_as(a)
