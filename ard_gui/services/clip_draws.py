"""Clips a feature does not answer to: random ones, and ones that a neighbour answers to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.store.retrieval import FeatureView, RetrievalFile

Int = npt.NDArray[np.int64]
NEIGHBOURS = 8


@dataclass(frozen=True)
class Activity:
    """What is known of where a feature is active.

    Attributes
    ----------
    clips : int array
        Clips in which it is active, as far as they are known.
    listed : int array
        Every clip in one of its lists.
    complete : bool
        Whether `clips` are all of them: the pair table was kept, or all active clips are in lists.
    """

    clips: Int
    listed: Int
    complete: bool

    @property
    def left_out(self) -> Int:
        """Clips that cannot pass for inactive."""
        return self.clips if self.complete else self.listed


@dataclass(frozen=True)
class HardNegative:
    """A clip that a near feature answers to, that feature and its score."""

    clip: int
    neighbour: int
    score: float


def activity(file: RetrievalFile, view: FeatureView, support: int) -> Activity:
    """Where the feature of `view` is active; `support` is how many clips that must be."""
    listed = np.unique(np.concatenate([view.most_clips, view.least_clips, *view.quantile_clips]))
    pairs = file.pairs(view.feature) if file.has_pairs else None
    if pairs is not None:
        return Activity(pairs["clip"][pairs["count"] > 0].astype(np.int64), listed, True)
    traced = [clip for clip, trace in view.traces.items() if (trace.value > 0).any()]
    known = np.union1d(view.most_clips, np.array(traced, dtype=np.int64))
    return Activity(known, listed, not file.raw and len(known) == support)


def random_inactive(file: RetrievalFile, view: FeatureView, found: Activity, count: int, draw: int) -> tuple[Int, int]:
    """At most `count` random clips with T > 0 that are not left out, and how many there were to draw from.

    The same for the same `draw` and feature.
    """
    candidates = file.clip_tokens() > 0
    candidates[found.left_out] = False
    rows = np.flatnonzero(candidates)
    generator = np.random.default_rng([draw, view.feature])
    return generator.choice(rows, min(count, len(rows)), replace=False), len(rows)


def hard_negatives(file: RetrievalFile, view: FeatureView, found: Activity, count: int) -> list[HardNegative]:
    """Clips that the nearest features answer to most and this one does not; neighbours take turns."""
    columns = [(int(n), *file.most_list(int(n))) for n in view.neighbours[:NEIGHBOURS]]
    taken = set(found.left_out.tolist())
    chosen: list[HardNegative] = []
    for place in range(max((len(clips) for _, clips, _ in columns), default=0)):
        for neighbour, clips, scores in columns:
            if place < len(clips) and int(clips[place]) not in taken and len(chosen) < count:
                taken.add(int(clips[place]))
                chosen.append(HardNegative(int(clips[place]), neighbour, float(scores[place])))
    return chosen
