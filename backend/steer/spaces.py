"""What can be overridden: the features of an SAE, the raw units of the residual stream (A-53), or given directions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae
from backend.sae.codes import SparseCodes
from backend.steer.codes import Selection, difference, selection_of, survived, with_overrides
from backend.steer.intervention import DIRECTION_MODES, Intervention, Mode


@dataclass(frozen=True)
class Applied:
    """What an intervention made of some tokens.

    Attributes
    ----------
    x : float tensor [n, d]
    survived : list of float
        Of each override the share of tokens at which it stands in the code.
    codes : SparseCodes or None
        z′; None where there is no code.
    """

    x: Tensor
    survived: list[float]
    codes: SparseCodes | None = None


class Prepared(ABC):
    """Tokens x [n, d] of which everything is computed that does not depend on the overrides' values."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    @abstractmethod
    def apply(self, intervention: Intervention) -> Applied:
        """x′ [n, d]; ArdError if a feature is not there or the mode makes no sense here."""


class Space(ABC):
    """A set of features on a residual stream of width d.

    Attributes
    ----------
    n_features, d : int
    """

    n_features: int
    d: int

    @abstractmethod
    def prepare(self, x: Tensor, *, step: bool = False) -> Prepared:
        """For x [n, d] of one clip; `step` where x is a decoding step's."""

    def check(self, intervention: Intervention) -> None:
        """ArdError if a feature is not there."""
        for feature in intervention.features:
            if not 0 <= feature < self.n_features:
                raise ArdError(
                    f"there is no feature {feature}", todo=f"Use a number from 0 to {self.n_features - 1}."
                )  # fmt: skip


class SaeSpace(Space):
    """The features of an SAE."""

    def __init__(self, sae: Sae) -> None:
        self.sae = sae
        self.n_features, self.d = sae.config.n_features, sae.config.d

    def prepare(self, x: Tensor, *, step: bool = False) -> PreparedCodes:
        if x.shape[-1] != self.d:
            raise ArdError(
                f"the SAE is made for a residual stream of width {self.d}, this layer has {x.shape[-1]}",
                todo="Use an SAE that was trained on this layer of this model.",
            )
        return PreparedCodes(self, x.to(self.sae.W_dec.device), step)


class PreparedCodes(Prepared):
    """Tokens with their code.

    Attributes
    ----------
    selection : Selection
    """

    def __init__(self, space: SaeSpace, x: Tensor, step: bool) -> None:
        super().__init__(x.float())
        self.space, self.sae = space, space.sae
        self.norms = self.sae.scale(self.x)[1]
        self.selection: Selection = selection_of(self.sae, self.x, step=step)

    @torch.no_grad()
    def apply(self, intervention: Intervention) -> Applied:
        self.space.check(intervention)
        mode, z = intervention.mode, self.selection.z
        if mode in DIRECTION_MODES:
            rows = self.sae.W_dec[list(intervention.features)]
            return Applied(_along(self.x, rows, intervention.values, mode), [1.0] * len(intervention.features), z)
        features = torch.tensor(intervention.features, dtype=torch.int64, device=self.x.device)
        values = torch.tensor(intervention.values, dtype=torch.float32, device=self.x.device)
        after = self._code(features, values, mode)
        share = survived(after, features, values)
        if intervention.add_error or mode == "delta":
            change = self._moved(z, features, values) if mode == "delta" else self.sae.directions(difference(after, z))
            return Applied(self.x + (change if self.norms is None else change * self.norms), share, after)
        return Applied(self.sae.decode(after, self.norms), share, after)

    def _moved(self, z: SparseCodes, features: Tensor, values: Tensor) -> Tensor:
        """Σ_k (v_k − z_k)·d_k [n, d] over the overridden features k."""
        if not len(features):
            return torch.zeros_like(self.x)
        order = torch.sort(features)
        place = torch.searchsorted(order.values, z.feature).clamp(max=len(features) - 1)
        hit = order.values[place] == z.feature
        amount = values.expand(z.n_tokens, -1).clone()
        amount[z.token[hit], order.indices[place[hit]]] -= z.value[hit]
        return amount @ self.sae.W_dec[features]

    def _code(self, features: Tensor, values: Tensor, mode: Mode) -> SparseCodes:
        z = self.selection.z
        if not len(features):
            return z
        if mode == "delta":
            return with_overrides(z, ~torch.isin(z.feature, features), features, values)
        return self.selection.overridden(features, values, mode)


class UnitSpace(Space):
    """The coordinates of the residual stream (A-53): an override sets x_k = v, other units stay."""

    def __init__(self, d: int) -> None:
        self.n_features = self.d = d

    def prepare(self, x: Tensor, *, step: bool = False) -> PreparedUnits:
        return PreparedUnits(self, x)


class PreparedUnits(Prepared):
    def __init__(self, space: UnitSpace, x: Tensor) -> None:
        super().__init__(x.float())
        self.space = space

    @torch.no_grad()
    def apply(self, intervention: Intervention) -> Applied:
        self.space.check(intervention)
        mode = intervention.mode
        if not intervention.features:
            return Applied(self.x, [])
        if mode not in ("delta", *DIRECTION_MODES):
            raise ArdError(
                f"raw units are not selected, so {mode} means nothing for them",
                todo="Use delta, which sets the unit to v and leaves the others, or a direction mode.",
            )
        at, x = list(intervention.features), self.x.clone()
        values = torch.tensor(intervention.values, dtype=x.dtype, device=x.device)
        if mode == "additive":
            x[:, at] += values
        elif mode == "cap":
            x[:, at] = torch.minimum(x[:, at], values)
        else:
            x[:, at] = values
        return Applied(x, [1.0] * len(at))


class DirectionSpace(Space):
    """Given directions, as rows [m, d]; only the direction modes apply."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows
        self.n_features, self.d = rows.shape

    def prepare(self, x: Tensor, *, step: bool = False) -> PreparedDirections:
        return PreparedDirections(self, x)


class PreparedDirections(Prepared):
    def __init__(self, space: DirectionSpace, x: Tensor) -> None:
        super().__init__(x.float())
        self.space = space

    @torch.no_grad()
    def apply(self, intervention: Intervention) -> Applied:
        self.space.check(intervention)
        if not intervention.features:
            return Applied(self.x, [])
        if intervention.mode not in DIRECTION_MODES:
            raise ArdError(
                f"a direction has no code, so {intervention.mode} means nothing for it",
                todo=f"Use one of: {', '.join(DIRECTION_MODES)}.",
            )
        rows = self.space.rows[list(intervention.features)].to(self.x)
        values = intervention.values
        return Applied(_along(self.x, rows, values, intervention.mode), [1.0] * len(values))


def _along(x: Tensor, rows: Tensor, values: Sequence[float], mode: Mode) -> Tensor:
    """x [n, d] moved along each of the rows [m, d], one after another (A-48)."""
    for row, value in zip(rows, values, strict=True):
        u = row / row.norm().clamp(min=1e-12)
        along = x @ u
        if mode == "additive":
            amount = torch.full_like(along, value)
        elif mode == "orthogonal":
            amount = value - along
        else:
            amount = -(along - value).clamp(min=0)
        x = x + amount[:, None] * u
    return x
