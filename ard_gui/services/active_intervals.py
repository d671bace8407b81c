"""Where in a clip a feature is active, in seconds, for playing only that."""

from __future__ import annotations

import numpy as np

from ard_gui.services.feature_lines import ClipLine
from ard_gui.services.playback.programme import Interval

MEET_SECONDS = 1e-3
"""Tokens that lie closer are taken as touching: their times are rounded to frames of the model."""


def active_intervals(line: ClipLine) -> tuple[Interval, ...] | None:
    """The stretches in which the clip's tokens have z > 0, those that touch or overlap joined, in order.

    Empty for a clip without an active token; None where the study has not kept its trace, or its tokens have no times.
    """
    trace = line.trace
    if not len(trace.value):
        return () if line.mean == 0 or line.coverage == 0 else None
    timed = np.isfinite(trace.start) & np.isfinite(trace.end)
    active = (trace.value > 0) & timed
    if not active.any():
        return () if timed.all() else None
    found: list[Interval] = []
    for start, end in sorted(zip(trace.start[active].tolist(), trace.end[active].tolist(), strict=True)):
        if found and start <= found[-1][1] + MEET_SECONDS:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def inactive(line: ClipLine) -> bool:
    """Whether it is known that the feature is active nowhere in the clip."""
    return active_intervals(line) == ()
