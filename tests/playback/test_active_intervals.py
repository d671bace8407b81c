"""Where a feature is active in a clip, as intervals to play."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ard_gui.services.active_intervals import active_intervals, inactive
from ard_gui.services.feature_lines import NO_TRACE, ClipLine, TraceLine

NAN = math.nan
STEP = 0.02


def clip(*tokens: tuple[float, float, float], mean: float = NAN) -> ClipLine:
    """A clip whose trace has these tokens: start, end, z."""
    parts = [np.array(part, float) for part in zip(*tokens, strict=True)]
    return ClipLine(0, "", "", "", 0.0, 100, mean=mean, trace=TraceLine(*parts) if parts else NO_TRACE)


def test_tokens_that_touch_are_one_interval() -> None:
    assert active_intervals(clip((0.0, 0.04, 1), (0.04, 0.08, 2), (0.2, 0.24, 1))) == ((0.0, 0.08), (0.2, 0.24))


def test_tokens_that_overlap_or_lie_inside_others_are_one_interval_in_any_order() -> None:
    assert active_intervals(clip((0.3, 0.5, 1), (0.0, 1.0, 1), (0.9, 1.2, 1))) == ((0.0, 1.2),)


def test_token_without_activation_or_without_a_time_is_left_out() -> None:
    assert active_intervals(clip((NAN, NAN, 9), (0.2, 0.24, 1), (0.3, 0.4, 0))) == ((0.2, 0.24),)


def test_clip_without_activation_has_none_and_one_without_a_trace_is_not_known() -> None:
    assert active_intervals(clip(mean=0.0)) == ()
    assert inactive(clip(mean=0.0))
    assert active_intervals(clip()) is None
    assert not inactive(clip())
    assert active_intervals(clip((0.0, 0.1, 0.0))) == ()
    assert active_intervals(clip((NAN, NAN, 1.0))) is None


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_every_active_token_is_inside_and_no_other(active: list[bool]) -> None:
    found = active_intervals(clip(*((n * STEP, (n + 1) * STEP, float(on)) for n, on in enumerate(active))))
    assert found is not None
    middles = [(n + 0.5) * STEP for n in range(len(active))]
    assert [any(a < middle < b for a, b in found) for middle in middles] == active
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))
