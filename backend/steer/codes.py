"""z′ of A-48: the code of an SAE after features were overridden, for every mode and every kind of selection.

What selects: TopK the K largest of a token; per-clip BatchTopK the K·n largest of a clip of n tokens; BatchTopK with
its threshold and JumpReLU every a above θ. Under a threshold an override displaces nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae
from backend.sae.batchtopk import BatchTopK
from backend.sae.codes import SparseCodes
from backend.sae.jumprelu import JumpReLU
from backend.sae.selection import PreActivations, first_of_row, select_over_batch
from backend.sae.selective import SelectiveSae
from backend.steer.intervention import SELECTING_MODES, Mode

ROOM = 8
"""Overrides that the kept candidates of a token have room for before they are looked for again."""
ARRANGED = 4
"""Sets of overridden features that are kept ready."""


class Selection(ABC):
    """The code of n tokens and what it becomes under overrides.

    Attributes
    ----------
    a : float tensor [n, D]
        Pre-activations in the units of the codes, after ReLU where the SAE has one.
    z : SparseCodes
        The SAE's own code.
    """

    def __init__(self, a: Tensor, z: SparseCodes) -> None:
        self.a, self.z = a, z

    @abstractmethod
    def overridden(self, features: Tensor, values: Tensor, mode: Mode) -> SparseCodes:
        """z′ for `features` int64 [m] set to `values` float [m] under a selecting mode, `post_topk` or `keep`."""

    def line(self, token: int) -> float:
        """The smallest value the selection keeps at this token; NaN where it keeps none."""
        values = self.z.value[self.z.token == token]
        return float(values.min()) if len(values) else float("nan")

    def _replaced(self, features: Tensor, values: Tensor) -> SparseCodes:
        """z with the overridden features set, nothing else changed."""
        keep = ~torch.isin(self.z.feature, features)
        return with_overrides(self.z, keep, features, values)


@dataclass(frozen=True)
class Arranged:
    """What may be active at each token under overrides of given features; their values are still to be filled in.

    Attributes
    ----------
    feature : int64 tensor [n, c]
        Ascending in each row; D where nothing is.
    value : float tensor [n, c]
        −∞ at the overridden features and where nothing is.
    overridden : bool tensor [n, c]
    order : int64 tensor [m]
        The overrides by ascending feature.
    """

    feature: Tensor
    value: Tensor
    overridden: Tensor
    order: Tensor

    def filled(self, values: Tensor) -> Tensor:
        """`value` with the overrides' values in their places."""
        found = self.value.clone()
        found[self.overridden] = values[self.order].to(found).repeat(len(found))
        return found


class PerToken(Selection):
    """TopK: the k largest of every token; among equal values the lowest feature."""

    def __init__(self, a: Tensor, z: SparseCodes, k: int) -> None:
        super().__init__(a, z)
        self.k = k
        self._arranged: dict[tuple[tuple[int, ...], int], Arranged] = {}
        self._kept: tuple[Tensor, Tensor] | None = None

    def overridden(self, features: Tensor, values: Tensor, mode: Mode) -> SparseCodes:
        m, width = len(features), self.a.shape[1]
        # a new value of the same features, as from a slider, finds everything ready that depends on the features alone
        count = min(self.k + m, width) if mode in ("pre_topk", "keep") else min(self.k, width)
        ready = self._ready(features, count)
        value = ready.filled(values)
        if mode == "post_topk":
            chosen = torch.ones_like(ready.overridden)
        elif mode == "keep":
            chosen = ready.overridden | _first(ready.value, max(0, self.k - m))
        else:
            chosen = _first(value, self.k)
        # rows in order, and in each the features in order
        chosen &= (value != 0) & (value != -torch.inf)
        return SparseCodes(chosen.nonzero()[:, 0], ready.feature[chosen], value[chosen], len(value), width)

    def _ready(self, features: Tensor, count: int) -> Arranged:
        key = tuple(features.tolist()), count
        if key not in self._arranged:
            while len(self._arranged) >= ARRANGED:
                self._arranged.pop(next(iter(self._arranged)))
            self._arranged[key] = self._arrange(features, count)
        return self._arranged[key]

    def _arrange(self, features: Tensor, count: int) -> Arranged:
        """The `count` first features of every token and `features`."""
        if self._kept is None or self._kept[0].shape[1] < count:
            self._kept = _ranked(*first_of_row(self.a, min(count + ROOM, self.a.shape[1])))
        feature, value = (part[:, :count] for part in self._kept)
        hit = torch.isin(feature, features)
        nothing = self.a.shape[1]
        feature, value = feature.masked_fill(hit, nothing), value.masked_fill(hit, -torch.inf)
        there = features.expand(len(feature), -1)
        feature = torch.cat([feature, there], dim=1)
        value = torch.cat([value, torch.full_like(there, -torch.inf, dtype=value.dtype)], dim=1)
        sorted_ = torch.sort(feature, dim=1)
        value = value.gather(1, sorted_.indices)
        return Arranged(sorted_.values, value, torch.isin(sorted_.values, features), torch.argsort(features))


def _first(value: Tensor, count: int) -> Tensor:
    """Where the `count` largest of each row are, bool [n, c]; among equal ones the first."""
    if count == 0:
        return torch.zeros_like(value, dtype=torch.bool)
    return torch.zeros_like(value, dtype=torch.bool).scatter_(1, first_of_row(value, count)[0], True)


class PerClip(Selection):
    """BatchTopK over a clip: the k·n largest of its n tokens (S-11)."""

    def __init__(self, a: Tensor, z: SparseCodes, k: int, relu: bool) -> None:
        super().__init__(a, z)
        self.k, self.relu = k, relu

    def overridden(self, features: Tensor, values: Tensor, mode: Mode) -> SparseCodes:
        if mode == "post_topk":
            return self._replaced(features, values)
        n, m = len(self.a), len(features)
        if mode == "keep":
            rest = self.a.clone()
            rest[:, features] = -torch.inf
            kept = self._select(rest, max(0, self.k - m) * n)
            return with_overrides(kept, ~torch.isin(kept.feature, features), features, values)
        scores = (self.a if mode == "pre_topk" else self.z.dense()).clone()
        scores[:, features] = values
        return self._select(scores, self.k * n)

    def _select(self, scores: Tensor, count: int) -> SparseCodes:
        if count == 0:
            nothing = torch.zeros(0, dtype=torch.int64, device=scores.device)
            return SparseCodes(nothing, nothing, scores.new_zeros(0), *scores.shape)
        found = select_over_batch(PreActivations(scores, 1), count, self.relu)
        keep = found.value != 0
        return SparseCodes(found.token[keep], found.feature[keep], found.value[keep], *scores.shape)


class Threshold(Selection):
    """Every value above θ: JumpReLU, and BatchTopK with its threshold."""

    def __init__(self, a: Tensor, z: SparseCodes, theta: Tensor) -> None:
        super().__init__(a, z)
        self.theta = theta

    def overridden(self, features: Tensor, values: Tensor, mode: Mode) -> SparseCodes:
        if mode in SELECTING_MODES:
            theta = self.theta if self.theta.ndim == 0 else self.theta[features]
            values = torch.where(values > theta, values, torch.zeros_like(values))
        return self._replaced(features, values)

    def line(self, token: int) -> float:
        return float(self.theta) if self.theta.ndim == 0 else float("nan")


@torch.no_grad()
def selection_of(sae: Sae, x: Tensor, *, step: bool = False) -> Selection:
    """How `sae` selects among x [n, d].

    Parameters
    ----------
    step : bool
        x is a decoding step's: a selection per clip has no clip there, and its threshold is used (A-48).

    Raises ArdError if a threshold is needed that the SAE does not have.
    """
    if isinstance(sae, JumpReLU):
        a, theta = sae.pre_acts(x), sae.threshold * sae.input_factor
        return Threshold(a, SparseCodes.from_dense(a * (a > theta)), theta)
    if not isinstance(sae, SelectiveSae):
        raise ArdError(
            f"steering does not know how an SAE of architecture '{sae.architecture}' selects",
            todo="Steer with an SAE of architecture topk, batchtopk or jumprelu.",
        )
    # what `encode` does, with the product at hand: a and z agree in every bit
    found = sae.activations(sae.center(sae.scale(x)[0]), "float32")
    a = found.in_order() * sae.input_factor
    if sae.config.relu:
        a = a.clamp(min=0)
    if isinstance(sae, BatchTopK):
        if sae.inference == "per_clip" and not step:
            return PerClip(a, sae.codes(sae.select(found)), sae.config.k, sae.config.relu)
        theta = sae.threshold * sae.input_factor
        if float(theta) < 0 and sae.config.relu:
            raise ArdError(
                "this BatchTopK SAE has no inference threshold, which decoding steps need",
                todo='Calibrate it on activations, or steer with decode = "off".',
            )
        return Threshold(a, SparseCodes.from_dense(a * (a > theta)), theta)
    return PerToken(a, sae.codes(sae.select(found)), sae.config.k)


def with_overrides(z: SparseCodes, keep: Tensor, features: Tensor, values: Tensor) -> SparseCodes:
    """The entries of z where `keep`, and the overrides at every token; zeros dropped."""
    n, m = z.n_tokens, len(features)
    rows = torch.arange(n, device=z.token.device).repeat_interleave(m)
    return _ordered(
        torch.cat([z.token[keep], rows]), torch.cat([z.feature[keep], features.repeat(n)]),
        torch.cat([z.value[keep], values.to(z.value).repeat(n)]), n, z.n_features,
    )  # fmt: skip


def difference(after: SparseCodes, before: SparseCodes) -> SparseCodes:
    """z′ − z; entries that did not change are exactly absent, so that tokens without a change keep every bit of x."""
    places = torch.cat([after.token, before.token]) * after.n_features + torch.cat([after.feature, before.feature])
    place, which = torch.unique(places, return_inverse=True)
    value = torch.zeros(len(place), dtype=after.value.dtype, device=place.device)
    value = value.index_add(0, which, torch.cat([after.value, -before.value.to(after.value)]))
    changed = value != 0
    place = place[changed]
    return SparseCodes(
        place // after.n_features, place % after.n_features, value[changed], after.n_tokens, after.n_features
    )


def survived(z: SparseCodes, features: Tensor, values: Tensor) -> list[float]:
    """Of each override the share of tokens at which z_k = v (A-48); NaN without tokens."""
    if z.n_tokens == 0:
        return [float("nan")] * len(features)
    shares = []
    for feature, value in zip(features.tolist(), values.to(z.value), strict=True):
        mine = z.value[z.feature == feature]
        hits = int((mine == value).sum()) if float(value) else z.n_tokens - len(mine)
        shares.append(hits / z.n_tokens)
    return shares


def _ranked(feature: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Rows ordered by (value descending, feature ascending)."""
    by_feature = torch.sort(feature, dim=1)
    value = value.gather(1, by_feature.indices)
    by_value = torch.sort(value, dim=1, descending=True, stable=True)
    return by_feature.values.gather(1, by_value.indices), by_value.values


def _ordered(token: Tensor, feature: Tensor, value: Tensor, n: int, n_features: int) -> SparseCodes:
    there = (value != 0) & (value != -torch.inf)
    token, feature, value = token[there], feature[there], value[there]
    order = torch.argsort(token * n_features + feature)
    return SparseCodes(token[order], feature[order], value[order], n, n_features)
