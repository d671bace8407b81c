"""What a blind rating study needs of the study's files; every function here runs on the reader thread only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip, ClipTable
from backend.store.notes.keys import sae_key
from backend.store.notes.rating_plan import RatingItem, RatingPlan, named_concepts
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClipTrace:
    """Seconds [n] at which the active tokens of a clip begin and end, and z [n] there."""

    start: Floats
    end: Floats
    value: Floats


@dataclass(frozen=True)
class RatingMaterial:
    """The clips of a plan, by `clip_key`; a clip that is not in the study any more is missing.

    Attributes
    ----------
    traces : mapping of (item, clip key) to ClipTrace
        Empty unless the plan shows them.
    """

    clips: Mapping[str, Clip]
    traces: Mapping[tuple[int, str], ClipTrace]


def rating_methods(study: Study) -> list[tuple[str, int]]:
    """Every ranking of the study with the number of its features that have a good name."""
    return [(one, named_concepts(study, one)) for one in study.feature_ids()]


def rating_material(study: Study, plan: RatingPlan) -> RatingMaterial:
    """Find the clips of a plan by their records, and make sure by their keys."""
    wanted = {clip.record: clip.clip for item in plan.items for clip in item.clips}
    with closing(ClipTable(study.clips())) as table:
        rows = [row for row, record in enumerate(table.text["record"]) if record in wanted]
        keys = {clip.clip for item in plan.items for clip in item.clips}
        clips = {key: clip for clip in table.rows(rows) if (key := clip_key(clip)) in keys}
    return RatingMaterial(clips, _traces(study, plan, clips) if plan.trace else {})


def _traces(study: Study, plan: RatingPlan, clips: Mapping[str, Clip]) -> dict[tuple[int, str], ClipTrace]:
    found: dict[tuple[int, str], ClipTrace] = {}
    for method in plan.methods:
        try:
            if sae_key(study, method.id) != method.sae:
                continue
            path = study.retrieval(method.id)
        except ArdError:
            continue
        with RetrievalFile(path) as file:
            for item in plan.items:
                if item.method == method.id:
                    found |= _item_traces(file, item, clips)
    return found


def _item_traces(file: RetrievalFile, item: RatingItem, clips: Mapping[str, Clip]) -> dict[tuple[int, str], ClipTrace]:
    traces = file.feature(item.feature).traces
    found = {}
    for one in item.clips:
        clip = clips.get(one.clip)
        trace = traces.get(clip.index) if clip is not None else None
        if clip is not None and trace is not None:
            seconds = file.trace_seconds(clip.index, trace.token)
            value = trace.value.astype(np.float64)
            found[item.order, one.clip] = ClipTrace(seconds[:, 0], seconds[:, 1], value)
    return found
