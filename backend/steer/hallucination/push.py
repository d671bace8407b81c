"""What is put at the hooked layer: x̂(f(x) + α·s), x̂ alone, or x plus a direction (S-47, S-48)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.sae.base import Sae
from backend.sae.codes import SparseCodes
from backend.study.fingerprint import fingerprint


@dataclass(frozen=True)
class Push:
    """One way of changing the residual stream; what it is called is the caller's.

    Attributes
    ----------
    kind : str
        "original" (nothing), "reconstructed" (x̂), "steered" (x̂ or x with features moved), "direction" (x + amount·u).
    features : tuple of int
        j with s_j ≠ 0; `signs` are their s_j.
    amount : float
        α in the codes' units, or in those of x.
    direction : tuple of float
        u [d] for "direction".
    """

    kind: str
    features: tuple[int, ...] = ()
    signs: tuple[float, ...] = ()
    amount: float = 0.0
    direction: tuple[float, ...] = ()

    @classmethod
    def steered(cls, s: npt.ArrayLike, amount: float) -> Push:
        """Move the codes by amount·s."""
        values = np.asarray(s, dtype=np.float64)
        chosen = np.flatnonzero(values)
        return cls("steered", tuple(chosen.tolist()), tuple(values[chosen].tolist()), float(amount))

    @classmethod
    def along(cls, u: npt.ArrayLike, amount: float) -> Push:
        """x + amount·u."""
        return cls("direction", amount=float(amount), direction=tuple(np.asarray(u, dtype=np.float64).tolist()))

    def identity(self) -> str:
        """Changes with everything that says what is done."""
        # the last bits of a mean or a fit depend on the machine and decide nothing
        rounded: list[Any] = [float(f"{value:.9g}") for value in (*self.signs, self.amount, *self.direction)]
        return fingerprint([self.kind, list(self.features), rounded])


ORIGINAL, RECONSTRUCTED = Push("original"), Push("reconstructed")


def moved(codes: Tensor, s: Tensor, amount: float, *, clamp0: bool = False) -> Tensor:
    """f + amount·s, not selected again; literal, so that codes may become negative, or clamped at 0 (S-47, O-17).

    Clamping concerns the moved features alone: others are as the SAE gave them.
    """
    found = codes + amount * s
    return torch.where(s != 0, found.clamp(min=0), found) if clamp0 else found


@dataclass(frozen=True)
class Coded:
    """x [T, d] of one clip with what the SAE makes of it, so that every push shares one encoding."""

    x: Tensor
    codes: SparseCodes
    x_hat: Tensor
    norms: Tensor | None

    @classmethod
    @torch.no_grad()
    def of(cls, sae: Sae, x: Tensor) -> Coded:
        x32 = x.to(sae.W_dec.device).float()
        codes, norms = sae.encode(x32), sae.scale(x32)[1]
        return cls(x32, codes, sae.decode(codes, norms), norms)

    def column(self, feature: int) -> Tensor:
        """z of one feature [T]."""
        z = self.x.new_zeros(len(self.x))
        mine = self.codes.feature == feature
        z[self.codes.token[mine]] = self.codes.value[mine].to(z.dtype)
        return z


@torch.no_grad()
def apply(sae: Sae, coded: Coded, push: Push, *, clamp0: bool = False, add_error: bool = False) -> Tensor:
    """What stands at the layer instead of x: [T, d], float32.

    The decoder is linear, so x̂(f + α·s) = x̂(f) + W_dec of the codes' change; under per-vector scaling times ‖x‖.
    With `add_error` the change is added to x itself.
    """
    if push.kind == "original":
        return coded.x
    if push.kind == "reconstructed":
        return coded.x_hat
    if push.kind == "direction":
        return coded.x + push.amount * torch.tensor(push.direction, dtype=coded.x.dtype, device=coded.x.device)
    base = coded.x if add_error else coded.x_hat
    rows = sae.W_dec[list(push.features)]
    s = torch.tensor(push.signs, dtype=rows.dtype, device=rows.device)
    if clamp0 and len(push.features):
        z = torch.stack([coded.column(j) for j in push.features], dim=1)
        change = (moved(z, s, push.amount, clamp0=True) - z) @ rows
    else:
        change = (push.amount * (s @ rows)).expand_as(base)
    return base + (change if coded.norms is None else change * coded.norms)


@torch.no_grad()
def displacement(sae: Sae, push: Push) -> float:
    """‖amount · Σ s_j d_j‖: how far a steered push moves x where nothing is clamped."""
    rows = sae.W_dec[list(push.features)]
    return float((push.amount * (torch.tensor(push.signs, device=rows.device, dtype=rows.dtype) @ rows)).norm())


def random_push(sae: Sae, alive: npt.NDArray[np.int64], like: Push, generator: np.random.Generator) -> Push:
    """As many random features as `like` has, with random signs, moved so that x is displaced as far."""
    count = min(len(like.features), len(alive))
    chosen = np.sort(generator.choice(alive, count, replace=False))
    signs = generator.choice([-1.0, 1.0], count)
    unit = Push("steered", tuple(chosen.tolist()), tuple(signs.tolist()), 1.0)
    norm = displacement(sae, unit)
    return Push("steered", unit.features, unit.signs, displacement(sae, like) / norm if norm > 0 else 0.0)
