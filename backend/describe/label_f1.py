"""F1 of "value > θ" against a label, for many features at once (S-40; numpy only).

The thresholds are θ_j = min + j·0.1 up to a feature's largest value, rounded to 1e-9, and

    F1 = 2·TP / (said yes + has the label)
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

STEP, DIGITS = 0.1, 9
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelScores:
    """One row per feature that is active on a labelled clip, all arrays [rows].

    Attributes
    ----------
    feature : int array
    active : int array
        Labelled clips with an active token.
    f1, threshold, precision, recall : float array
        At the threshold of the largest F1, the lowest of equal ones; precision is NaN where it says yes to no clip.
    held_out_f1 : float array
        Of both halves together, each judged by the threshold with the largest F1 on the other.
    """

    feature: Int
    active: Int
    f1: Float
    threshold: Float
    precision: Float
    recall: Float
    held_out_f1: Float

    def take(self, rows: Int) -> LabelScores:
        """The chosen rows."""
        return LabelScores(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(frozen=True)
class Active:
    """Values above 0 of features × labelled clips; all others are 0.

    Attributes
    ----------
    feature, clip : int array [m]
        Ascending feature; place among the labelled clips.
    value : float array [m]
    features : int
    """

    feature: Int
    clip: Int
    value: Float
    features: int

    @classmethod
    def of(cls, feature: Int, clip: Int, value: Float, features: int) -> Active:
        """Without what is not above 0 and clips that have no place (−1)."""
        kept = (clip >= 0) & (value > 0)
        return cls(feature[kept], clip[kept], value[kept], features)

    def within(self, clips: Bool) -> Active:
        """Only the values of these of the labelled clips."""
        kept = clips[self.clip]
        return Active(self.feature[kept], self.clip[kept], self.value[kept], self.features)

    def count(self, chosen: Bool | None = None) -> Int:
        """Values per feature, or those of them that are chosen."""
        return np.bincount(self.feature if chosen is None else self.feature[chosen], minlength=self.features)


def score(active: Active, has: Bool, half: Bool) -> LabelScores:
    """Every feature's figures, of those without an active clip too.

    Parameters
    ----------
    has : bool array [n]
        Which labelled clips have the label.
    half : bool array [n]
        One half of the labelled clips.
    """
    threshold = best_threshold(active, has, np.ones(len(has), dtype=bool))
    hits, said = confusion(active, has, threshold)
    total = int(has.sum())
    return LabelScores(
        feature=np.arange(active.features),
        active=active.count(),
        f1=f1(hits, said, total),
        threshold=threshold,
        precision=np.divide(hits, said, out=np.full(active.features, np.nan), where=said > 0),
        recall=np.asarray(hits / max(total, 1), dtype=np.float64),
        held_out_f1=held_out(active, has, half),
    )


def held_out(active: Active, has: Bool, half: Bool) -> Float:
    """F1 of both halves together, each judged by the threshold that is best on the other."""
    hits, said = np.zeros(active.features, np.int64), np.zeros(active.features, np.int64)
    for chosen_on in (half, ~half):
        threshold = best_threshold(active.within(chosen_on), has, chosen_on)
        more_hits, more_said = confusion(active.within(~chosen_on), has, threshold)
        hits, said = hits + more_hits, said + more_said
    return f1(hits, said, int(has.sum()))


def best_threshold(active: Active, has: Bool, among: Bool) -> Float:
    """The grid's threshold with the largest F1, the lowest of equal ones; array [features].

    F1 changes only where a threshold passes a value, so only one threshold is tried between two values: with them
    sorted by the number of thresholds under each, all cuts of all features are one cumulative sum.
    """
    lowest = smallest(active, int(among.sum()))
    steps = thresholds_below(active.value, lowest[active.feature])
    above = steps > 0
    feature, clip, steps = active.feature[above], active.clip[above], steps[above]
    chosen = grid(lowest, np.zeros(active.features))
    if not len(feature):
        return chosen
    order = np.lexsort((-steps, feature))
    feature, steps, hit = feature[order], steps[order], has[clip[order]].astype(np.int64)
    first = np.flatnonzero(np.concatenate(([True], feature[1:] != feature[:-1])))
    begin = np.repeat(first, np.diff(np.append(first, len(feature))))
    said = np.arange(len(feature)) - begin + 1
    hits = np.cumsum(hit)
    hits -= (hits - hit)[begin]
    below = np.concatenate((np.where(feature[1:] == feature[:-1], steps[1:], 0), [0]))
    found = np.where(below < steps, f1(hits, said, int((has & among).sum())), -1.0)
    largest = np.maximum.reduceat(found, first)
    at = np.where(found == np.repeat(largest, np.diff(np.append(first, len(feature)))), np.arange(len(found)), -1)
    rows = feature[first]
    chosen[rows] = grid(lowest[rows], below[np.maximum.reduceat(at, first)])
    return chosen


def smallest(active: Active, clips: int) -> Float:
    """Smallest value of each feature over `clips` clips: 0 unless it is active in all of them."""
    lowest = np.full(active.features, np.inf)
    np.minimum.at(lowest, active.feature, active.value)
    return np.where(active.count() == clips, lowest, 0.0) if clips else np.zeros(active.features)


def grid(lowest: Float, step: Float | Int) -> Float:
    """θ of a step: lowest + step·0.1 rounded to 1e-9, without which θ = 0.2 would be above 0.2 (O-16)."""
    return np.asarray(np.round(lowest + step * STEP, DIGITS), dtype=np.float64)


def thresholds_below(value: Float, lowest: Float) -> Float:
    """How many thresholds of the grid a value exceeds: it exceeds exactly those of the steps under that number."""
    steps: Float = np.maximum(np.floor((value - lowest) / STEP) - 1, 0)
    for _ in range(3):
        steps += grid(lowest, steps) < value
    return steps


def confusion(active: Active, has: Bool, threshold: Float) -> tuple[Int, Int]:
    """Per feature: clips above its threshold that have the label, and all above it."""
    above = active.value > threshold[active.feature]
    return active.count(above & has[active.clip]), active.count(above)


def f1(hits: Int, said: Int, positives: int) -> Float:
    """2·TP / (said yes + has the label); 0 without a hit, even where nothing has the label."""
    return np.asarray(2 * hits / np.maximum(said + positives, 1), dtype=np.float64)
