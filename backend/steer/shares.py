"""A share of counted cases with its 95 % Wilson interval: the one form in which steering's figures are told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

Z = 1.959964


@dataclass(frozen=True)
class Share:
    """`count` of `n` cases."""

    count: int
    n: int

    @property
    def value(self) -> float:
        """count/n; NaN for no case."""
        return self.count / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n); 0 … 1 for no case."""
        if not self.n:
            return 0.0, 1.0
        p, n = self.value, self.n
        centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)

    def as_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {"value": self.value if self.n else None, "count": self.count, "n": self.n, "low": low, "high": high}

    def words(self) -> str:
        """E.g. "82 % of 55 (95 %: 70 … 90 %)"."""
        if not self.n:
            return "no case"
        low, high = self.interval
        return f"{self.value:.0%} of {self.n} (95 %: {low:.0%} … {high:.0%})"
