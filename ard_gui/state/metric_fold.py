"""The curves of a training, from `metrics.jsonl`: of any number of lines no more is kept than a screen can show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CURVES = ("loss", "fvu", "explained_variance", "l0", "dead_share", "lr")
"""What is drawn unless something else is chosen, by their names in `metrics.jsonl`."""
MOST_PARTS, MOST_CURVES = 2048, 48
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One number over the steps.

    Attributes
    ----------
    steps : float array [n]
        First step of each part; n is at most `MOST_PARTS`.
    low, high : float arrays [n]
        Smallest and largest value inside it; NaN where there is none. Equal while a part is one line.
    last_step, last : float
        The newest value, exactly; NaN where there is none.
    """

    steps: Floats
    low: Floats
    high: Floats
    last_step: float
    last: float

    def at(self, step: float) -> tuple[float, float, float]:
        """Step, smallest and largest value of the part around `step`."""
        place = max(0, int(np.searchsorted(self.steps, step, side="right")) - 1)
        return float(self.steps[place]), float(self.low[place]), float(self.high[place])


class MetricFold:
    """The lines so far, in parts of as many lines each; the parts are joined in pairs when there are too many.

    Attributes
    ----------
    lines : int
    last_step : float
    """

    def __init__(self, most: int = MOST_PARTS) -> None:
        self.lines, self.last_step = 0, math.nan
        self._most, self._width = most, 1
        self._steps: list[float] = []
        self._low: dict[str, list[float]] = {}
        self._high: dict[str, list[float]] = {}
        self._last: dict[str, float] = {}

    def add(self, line: Mapping[str, Any]) -> None:
        """Take in a line; one without a step is left out, and so is a value that is no number."""
        step = _number(line.get("step"))
        if step is None:
            return
        if self.lines % self._width == 0:
            self._begin_part(step)
        self.lines += 1
        self.last_step = step
        for name, value in line.items():
            number = _number(value)
            if name == "step" or (number is None and name not in self._low):
                continue
            if name not in self._low:
                if len(self._low) >= MOST_CURVES:
                    continue
                self._low[name], self._high[name] = ([math.nan] * len(self._steps) for _ in range(2))
            if number is not None:
                low, high = self._low[name], self._high[name]
                low[-1] = number if not low[-1] <= number else low[-1]
                high[-1] = number if not high[-1] >= number else high[-1]
            self._last[name] = math.nan if number is None else number

    def curves(self) -> dict[str, Curve]:
        """What can be drawn, by name."""
        steps = np.array(self._steps)
        return {
            name: Curve(steps, np.array(low), np.array(self._high[name]), self.last_step, self._last[name])
            for name, low in self._low.items()
        }

    def _begin_part(self, step: float) -> None:
        if len(self._steps) >= self._most:
            self._width *= 2
            self._steps = self._steps[::2]
            for name in self._low:
                self._low[name] = _joined(self._low[name], min)
                self._high[name] = _joined(self._high[name], max)
        self._steps.append(step)
        for values in (*self._low.values(), *self._high.values()):
            values.append(math.nan)


def _joined(values: list[float], choose: Any) -> list[float]:
    """Neighbours in pairs; the last one alone where their number is odd."""
    found = []
    for at in range(0, len(values), 2):
        known = [one for one in values[at : at + 2] if not math.isnan(one)]
        found.append(choose(known) if known else math.nan)
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
