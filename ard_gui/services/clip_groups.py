"""The groups of clips on a feature's page, each clip with its score, its trace and what identifies its sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ard_gui.services import clip_draws
from ard_gui.services.feature_lines import NAN, NO_TRACE, ClipGroup, ClipLine, TraceLine
from backend.export import wording
from backend.store.clips import Clip, ClipTable
from backend.store.retrieval import FeatureView, RetrievalFile, Trace

DRAWN = 16
"""Random clips and hard negatives on a page."""
Listed = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class _Plan:
    """A group before its clips are looked up."""

    id: str
    title: str
    told: str
    listed: Listed
    known: bool = True
    neighbours: tuple[clip_draws.HardNegative, ...] = ()


def clip_groups(
    file: RetrievalFile, table: ClipTable, view: FeatureView, support: int, captions: Mapping[int, str], draw: int
) -> list[ClipGroup]:
    """most, the quantiles from the strongest down, least, random and hard, in that order.

    Parameters
    ----------
    support : int
        Clips in which the feature is active.
    captions : mapping
        Clip to the caption a name was made from, which goes before that of the data set.
    draw : int
        Seed of the random group.
    """
    plans = [*_listed(view), *_drawn(file, view, support, draw)]
    wanted = sorted({clip for plan in plans for clip, _ in plan.listed})
    clips = dict(zip(wanted, table.rows(wanted), strict=True))
    return [_group(file, view, plan, clips, captions) for plan in plans]


def _listed(view: FeatureView) -> Iterable[_Plan]:
    yield _Plan("most", "Most", "Clips with the highest scores.", _pairs(view.most_clips, view.most_scores))
    parts = len(view.quantile_clips)
    for part in reversed(range(parts)):
        low, high = round(100 * part / parts), round(100 * (part + 1) / parts)
        told = f"Drawn from the active clips between {low} % and {high} % of the way up by score."
        scores = view.quantile_scores[part]
        yield _Plan("quantile", f"{low}–{high} %", told, _pairs(view.quantile_clips[part], scores))
    yield _Plan("least", "Least", "Clips with the lowest scores.", _pairs(view.least_clips, view.least_scores))


def _drawn(file: RetrievalFile, view: FeatureView, support: int, draw: int) -> Iterable[_Plan]:
    found = clip_draws.activity(file, view, support)
    score = 0.0 if found.complete else NAN
    clips, among = clip_draws.random_inactive(file, view, found, DRAWN, draw)
    sure = "in which it is not active" if found.complete else "that are in none of its lists; in some it may be active"
    told = f"Drawn among the {among} clips {sure}."
    yield _Plan("random", "Random", told, [(int(clip), score) for clip in clips], found.complete)
    hard = clip_draws.hard_negatives(file, view, found, DRAWN)
    sure = "in which it is not active itself" if found.complete else "that are in none of its own lists"
    told = f"Clips that the features with the nearest directions answer to most, {sure}."
    yield _Plan("hard", "Hard negatives", told, [(one.clip, score) for one in hard], found.complete, tuple(hard))


def _pairs(clips: Iterable[np.int64], scores: Iterable[np.float64]) -> Listed:
    return [(int(clip), float(score)) for clip, score in zip(clips, scores, strict=True)]


def _group(
    file: RetrievalFile, view: FeatureView, plan: _Plan, clips: Mapping[int, Clip], captions: Mapping[int, str]
) -> ClipGroup:
    lines = [
        _line(file, clips[clip], score, view.traces.get(clip), captions.get(clip, ""), plan.known and not file.raw)
        for clip, score in plan.listed
    ]
    if plan.neighbours:
        lines = [
            replace(line, neighbour=one.neighbour, neighbour_score=one.score)
            for line, one in zip(lines, plan.neighbours, strict=True)
        ]
    scores = [line.score for line in lines]
    low, high = (min(scores), max(scores)) if scores else (NAN, NAN)
    title = plan.title
    if plan.id == "quantile" and scores:
        title = f"{title}: {wording.number(low)} … {wording.number(high)}"
    return ClipGroup(plan.id, title, plan.told, lines, low, high)


def _line(
    file: RetrievalFile, clip: Clip, score: float, trace: Trace | None, caption: str, known: bool
) -> ClipLine:  # fmt: skip
    """`known`: a clip without a trace is one without activation."""
    labels = ", ".join(f"{key}: {value}" for key, value in clip.labels.items() if value)
    tokens = file.tokens(clip.index)
    line = ClipLine(clip.index, clip.record, labels, caption or clip.caption, score, tokens, media=clip)
    if trace is None:
        return replace(line, mean=0.0, coverage=0.0, mean_active=0.0, max=0.0) if known else line
    value = trace.value.astype(np.float64)
    active = value[value > 0]
    seconds = file.trace_seconds(clip.index, trace.token)
    return replace(
        line,
        mean=float(value.sum()) / max(1, tokens),
        coverage=len(active) / max(1, tokens),
        mean_active=float(active.mean()) if len(active) else 0.0,
        max=float(value.max(initial=0.0)),
        trace=TraceLine(seconds[:, 0], seconds[:, 1], value) if len(value) else NO_TRACE,
    )
