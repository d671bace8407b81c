"""What is done to the residual stream: overrides, how they enter the code, and where (A-48 … A-50)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from backend.errors import ArdError

Mode = Literal["pre_topk", "post_topk_retop", "post_topk", "keep", "delta", "additive", "orthogonal", "cap"]
Positions = Literal["none", "audio", "prompt"]
Decode = Literal["off", "reconstruct", "steer"]
Condition = Literal["original", "reconstructed", "steered"]

MODES: tuple[Mode, ...] = get_args(Mode)
POSITIONS: tuple[Positions, ...] = get_args(Positions)
DECODE: tuple[Decode, ...] = get_args(Decode)
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
DIRECTION_MODES: tuple[Mode, ...] = ("additive", "orthogonal", "cap")
SELECTING_MODES: tuple[Mode, ...] = ("pre_topk", "post_topk_retop")
"""Modes in which the SAE's own selection has the last word: a small v can be lost, and v < 0 makes no sense."""
ERROR_PRESERVING_MODES: tuple[Mode, ...] = ("delta", *DIRECTION_MODES)
ABSURD = 1e6
"""Values beyond it are refused: a residual stream in half precision cannot hold them."""


@dataclass(frozen=True)
class Override:
    """Feature `feature` is to have the value `value`, in the feature's own units."""

    feature: int
    value: float


@dataclass(frozen=True)
class Intervention:
    """Overrides and how they are applied; without overrides it is the *reconstructed* condition.

    Attributes
    ----------
    mode : str
        `pre_topk`: v replaces a_k, then the SAE selects (default, A-48). `post_topk_retop`: v replaces z_k, then it
        selects again. `post_topk`: v replaces z_k. `keep`: v is kept, and the K − 1 best others. `delta`:
        x + (v − z_k)·d_k. With u = d_k/‖d_k‖, `additive`: x + v·u; `orthogonal`: x − (x·u)·u + v·u; `cap`:
        x − max(0, x·u − v)·u; several features one after another in the given order.
    positions : str
        Of the prefill: `none`, `audio`, or `prompt`, i.e. all of them.
    decode : str
        At each decoding step: `off`, `reconstruct` (x̂ without override), or `steer`.
    add_error : bool
        x + W_dec(z′ − z) in place of x̂(z′) (A-49). `delta` and the direction modes always keep the error.
    """

    overrides: tuple[Override, ...] = ()
    mode: Mode = "pre_topk"
    positions: Positions = "audio"
    decode: Decode = "off"
    add_error: bool = False
    features: tuple[int, ...] = field(init=False)
    values: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(one.feature for one in self.overrides))
        object.__setattr__(self, "values", tuple(float(one.value) for one in self.overrides))
        self._check()

    @classmethod
    def of(cls, overrides: Sequence[tuple[int, float]], **settings: Any) -> Intervention:
        """From pairs of feature and value."""
        return cls(tuple(Override(feature, value) for feature, value in overrides), **settings)

    def _check(self) -> None:
        for name, value, known in (
            ("mode", self.mode, MODES), ("positions", self.positions, POSITIONS), ("decode", self.decode, DECODE),
        ):  # fmt: skip
            if value not in known:
                raise ArdError(f"there is no {name} '{value}' of steering", todo=f"Use one of: {', '.join(known)}.")
        if len(set(self.features)) < len(self.features):
            twice = next(one for one in self.features if self.features.count(one) > 1)
            raise ArdError(f"feature {twice} is overridden twice", todo="Give each feature one value.")
        for one in self.overrides:
            self._check_value(one)

    def _check_value(self, one: Override) -> None:
        if not math.isfinite(one.value):
            raise ArdError(f"feature {one.feature} cannot be set to {one.value}", todo="Give a finite number.")
        if abs(one.value) > ABSURD:
            raise ArdError(
                f"feature {one.feature} cannot be set to {one.value:g}", todo=f"Stay within ±{ABSURD:g}."
            )  # fmt: skip
        if one.value < 0 and self.mode in SELECTING_MODES:
            raise ArdError(
                f"feature {one.feature} cannot be set to {one.value:g}: {self.mode} selects no negative value",
                todo="Use post_topk, keep, delta or a direction mode for values below 0.",
            )

    @property
    def reconstructed(self) -> Intervention:
        """The control: x̂ for x at the same positions, no override and no error term (A-49)."""
        decode: Decode = "off" if self.decode == "off" else "reconstruct"
        return replace(self, overrides=(), mode="pre_topk", decode=decode, add_error=False)

    @property
    def changes_decoding(self) -> bool:
        return self.decode != "off"

    def with_values(self, values: Sequence[float]) -> Intervention:
        """The same features set to other values."""
        pairs = zip(self.features, values, strict=True)
        return replace(self, overrides=tuple(Override(feature, value) for feature, value in pairs))
