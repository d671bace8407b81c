"""A share of counted cases with its 95 % Wilson interval: the one form in which steering's figures are told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from backend.evaluate.intervals import wilson


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
