"""Shares of counted cases with their 95 % Wilson intervals: one definition for figures, exports and desktop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

Z95 = 1.959964


def wilson(successes: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share of n trials, 95 % unless another z is given (A-55).

    With p = successes / n: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n).

    `successes` may be a mean count and need not be whole. NaN twice where nothing was tried.
    """
    if n == 0:
        return float("nan"), float("nan")
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


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
        """95 % Wilson interval (`wilson`); 0 … 1 for no case."""
        return wilson(self.count, self.n) if self.n else (0.0, 1.0)

    def as_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {"value": self.value if self.n else None, "count": self.count, "n": self.n, "low": low, "high": high}
