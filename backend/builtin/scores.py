"""Balanced accuracy with its interval (numpy only).

With classes c = 1 … C, recall_c = (right answers of class c) / n_c and

    balanced accuracy = (1 / C) Σ_c recall_c.

The interval is a 95 % percentile bootstrap over groups (recordings, sessions, voices), not over answers, because
answers about one group are alike. Groups are drawn anew among those that hold the same classes, so that every resample
has every class; a class that comes from one group alone therefore adds nothing to the interval, and the number of
groups stands beside its recall.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One answer: the true class, whether it was right, and what it must not be resampled apart from."""

    truth: str
    right: bool
    group: str


@dataclass(frozen=True)
class ClassScore:
    """Recall of one class over n answers from this many groups."""

    name: str
    n: int
    groups: int
    recall: float


@dataclass(frozen=True)
class Score:
    """Balanced accuracy of a set of answers; None without answers.

    Attributes
    ----------
    low, high : float or None
        95 % interval over groups.
    n, groups : int
        Answers, and groups they come from.
    """

    balanced: float | None
    low: float | None
    high: float | None
    n: int
    groups: int
    classes: tuple[ClassScore, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "classes": [asdict(one) for one in self.classes]}


def score(outcomes: Sequence[Outcome], *, seed: int = 0) -> Score:
    """Balanced accuracy over the classes that `outcomes` hold."""
    if not outcomes:
        return Score(None, None, None, 0, 0, ())
    names = sorted({one.truth for one in outcomes})
    groups = sorted({one.group for one in outcomes})
    right, asked = _counts(outcomes, names, groups)
    recall = right.sum(axis=0) / asked.sum(axis=0)
    low, high = _interval(right, asked, seed)
    classes = tuple(
        ClassScore(name, int(asked[:, c].sum()), int((asked[:, c] > 0).sum()), float(recall[c]))
        for c, name in enumerate(names)
    )
    return Score(float(recall.mean()), low, high, len(outcomes), len(groups), classes)


def balanced_accuracy(truth: Sequence[str], told: Sequence[str | None]) -> float:
    """Balanced accuracy alone; NaN without answers."""
    right: Counter[str] = Counter(true for true, said in zip(truth, told, strict=True) if true == said)
    asked = Counter(truth)
    return float(np.mean([right[name] / n for name, n in asked.items()])) if asked else float("nan")


def majority(training: Iterable[str]) -> str | None:
    """The most frequent class, of equally frequent ones the first in alphabetical order; None without any."""
    counts = Counter(training)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else None


def _counts(outcomes: Sequence[Outcome], names: Sequence[str], groups: Sequence[str]) -> tuple[Float, Float]:
    """Right answers and all answers, each [groups, classes]."""
    column, row = ({value: i for i, value in enumerate(values)} for values in (names, groups))
    right, asked = np.zeros((len(groups), len(names))), np.zeros((len(groups), len(names)))
    for one in outcomes:
        asked[row[one.group], column[one.truth]] += 1
        right[row[one.group], column[one.truth]] += one.right
    return right, asked


def _interval(right: Float, asked: Float, seed: int) -> tuple[float, float]:
    """2.5 and 97.5 % points over resampled groups."""
    strata: dict[bytes, list[int]] = defaultdict(list)
    for group, has in enumerate(asked > 0):
        strata[has.tobytes()].append(group)
    dice = np.random.default_rng(seed)
    drawn_right = np.zeros((RESAMPLES, right.shape[1]))
    drawn_asked = np.zeros_like(drawn_right)
    for members in strata.values():
        # how often each group of the stratum comes in each resample
        times = dice.multinomial(len(members), np.full(len(members), 1 / len(members)), size=RESAMPLES)
        drawn_right += times @ right[members]
        drawn_asked += times @ asked[members]
    low, high = np.percentile((drawn_right / drawn_asked).mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
