"""The code of one token before and after the overrides, and which features came in or left (A-61)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LISTED = 8


@dataclass(frozen=True)
class Bar:
    """One feature at one token.

    Attributes
    ----------
    before, after : float
        Its value in the code; for raw units x and x′.
    overridden : bool
    """

    feature: int
    before: float
    after: float
    overridden: bool

    @property
    def came(self) -> bool:
        return self.before == 0 != self.after

    @property
    def left(self) -> bool:
        return self.before != 0 == self.after

    @property
    def change(self) -> str:
        """In a word or two."""
        if self.came:
            return "came in"
        if self.left:
            return "left"
        return "same" if self.before == self.after else "changed"


@dataclass(frozen=True)
class TokenCode:
    """What one audio position of a sound holds.

    Attributes
    ----------
    position, positions : int
        Which of how many.
    seconds : (float, float) or None
        Of the sound.
    line : float or None
        Smallest value that the SAE's selection kept there; None where it selects nothing.
    bars : tuple of Bar
        The largest first.
    warnings : tuple of str
    """

    position: int
    positions: int
    seconds: tuple[float, float] | None
    line: float | None
    bars: tuple[Bar, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> TokenCode:
        """From the answer to a `code` request (docs/model-server.md)."""
        seconds = told.get("seconds")
        bars = tuple(
            Bar(int(one["feature"]), float(one["before"]), float(one["after"]), bool(one["overridden"]))
            for one in told["bars"]
        )
        return cls(
            int(told["position"]), int(told["positions"]), None if seconds is None else (seconds[0], seconds[1]),
            told.get("line"), bars, tuple(told.get("warnings") or ()),
        )  # fmt: skip

    def sentence(self, name: Callable[[int], str]) -> str:
        """What the overrides did at this token; `name` gives what a feature is called, "" for nothing."""
        told = [
            _listed(title, [f"{bar.feature} {name(bar.feature)}".strip() for bar in self.bars if wanted(bar)])
            for title, wanted in (("Came in", _came), ("Left", _left))
        ]
        whole = " ".join(part for part in told if part)
        if whole:
            return whole
        if all(bar.before == bar.after for bar in self.bars):
            return "Nothing changes at this token."
        return "No feature came in or left; values changed."


def _came(bar: Bar) -> bool:
    return bar.came


def _left(bar: Bar) -> bool:
    return bar.left


def _listed(title: str, features: list[str]) -> str:
    more = f" and {len(features) - LISTED} more" if len(features) > LISTED else ""
    return f"{title}: {', '.join(features[:LISTED])}{more}." if features else ""
