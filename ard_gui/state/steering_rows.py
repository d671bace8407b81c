"""What the sliders of the steering panel hold: features and sets of features, in multiples of what each can reach."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

Pair = tuple[int, float]
"""A feature and a value, in the feature's own units."""
USUAL = 1.0
"""Where a slider stands at first: the largest value on the probing set, or a set as it was stored."""
STEP, PAGE = 0.1, 0.5
LOWEST_TOP, HIGHEST = 4.0, 1e6
DIGITS = 6
MOST_ROWS, MOST_PAIRS = 64, 1024


@dataclass(frozen=True)
class Row:
    """One slider.

    Attributes
    ----------
    pairs : tuple of Pair
        What amount 1 stands for: a feature with its largest value on the probing set (1 where it has none: then the
        amount is the value itself), or all features of a set with their stored values.
    amount : float
    bypass : bool
        Left out for now.
    name : str
        Of a set; "" for a single feature.
    relative : bool
        Whether the amount is in multiples of a largest value; False where that is not known.
    """

    pairs: tuple[Pair, ...]
    amount: float = USUAL
    bypass: bool = False
    name: str = ""
    relative: bool = True

    @property
    def is_set(self) -> bool:
        return bool(self.name)

    @property
    def feature(self) -> int:
        """Of a single one; −1 for a set."""
        return -1 if self.is_set else self.pairs[0][0]

    @property
    def key(self) -> str:
        """By what the row is known: no two rows have the same."""
        return f"set {self.name}" if self.is_set else str(self.feature)

    @property
    def value(self) -> float:
        """Of a single feature, absolute; of a set the amount."""
        return rounded(self.amount * (1.0 if self.is_set else self.pairs[0][1]))

    def values(self) -> tuple[Pair, ...]:
        """Every feature with the value it is set to."""
        return tuple((feature, rounded(self.amount * base)) for feature, base in self.pairs)

    def with_value(self, value: float) -> Row:
        """The single feature set to an absolute value; of a set another amount."""
        base = 1.0 if self.is_set else self.pairs[0][1]
        return replace(self, amount=bounded(value / base))

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "pairs": [list(pair) for pair in self.pairs], "amount": self.amount, "bypass": self.bypass,
            "name": self.name, "relative": self.relative,
        }  # fmt: skip


def feature_row(feature: int, maximum: float) -> Row:
    """A slider for one feature; `maximum` is its largest value on the probing set, NaN or 0 where it has none."""
    known = math.isfinite(maximum) and maximum > 0
    return Row(((feature, maximum if known else 1.0),), relative=known)


def set_row(name: str, pairs: Iterable[Pair]) -> Row:
    """A slider for a set of features; ValueError for a set without a name or without features."""
    found = tuple((int(feature), float(value)) for feature, value in pairs)
    if not name.strip() or not found:
        raise ValueError("a set has a name and at least one feature")
    return Row(found, name=name)


def overrides(rows: Sequence[Row]) -> tuple[Pair, ...]:
    """Every feature once, with its value: a row of its own comes before sets, and the upper of two sets counts."""
    found: dict[int, float] = {}
    active = [row for row in rows if not row.bypass]
    for row in sorted(active, key=lambda row: row.is_set):
        for feature, value in row.values():
            found.setdefault(feature, value)
    return tuple(found.items())


def covered(rows: Sequence[Row], row: Row) -> tuple[int, ...]:
    """Features of a row whose value comes from another one."""
    before = [one for one in rows if not one.bypass and one is not row and (row.is_set and not one.is_set)]
    if row.is_set:
        upper = rows[: rows.index(row)]
        before += [one for one in upper if one.is_set and not one.bypass]
    taken = {feature for one in before for feature, _ in one.pairs}
    return tuple(feature for feature, _ in row.pairs if feature in taken)


def reach(amount: float) -> float:
    """The slider's end: 4, or as many doublings more as the amount needs."""
    top = LOWEST_TOP
    while top < abs(amount):
        top *= 2
    return top


def rounded(value: float) -> float:
    """With so many digits as are shown, so that equal numbers on the screen are equal requests."""
    return float(f"{value:.{DIGITS}g}") + 0.0


def bounded(amount: float) -> float:
    """A usable amount; 0 for NaN."""
    return 0.0 if math.isnan(amount) else min(max(float(amount), -HIGHEST), HIGHEST)


def rows_from_plain(found: Any) -> tuple[Row, ...]:
    """Rows of a saved value; those that are damaged are left out."""
    rows: dict[str, Row] = {}
    for one in found if isinstance(found, list) else ():
        row = _row(one)
        if row is not None and len(rows) < MOST_ROWS:
            rows.setdefault(row.key, row)
    return tuple(rows.values())


def _row(found: Any) -> Row | None:
    try:
        pairs = tuple((int(feature), float(value)) for feature, value in found["pairs"][:MOST_PAIRS])
        row = Row(
            pairs, bounded(float(found["amount"])), found["bypass"] is True, str(found["name"]),
            found["relative"] is True,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None
    usable = pairs and all(feature >= 0 and math.isfinite(value) and value for feature, value in pairs)
    return row if usable and (row.is_set or len(pairs) == 1) else None
