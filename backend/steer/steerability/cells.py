"""Shares over clips: one cell per layer, place and strength, and the control beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from backend.export.shares import Share
from backend.steer.steerability.measure import ClipResult, SteeredRow

Outcome = Literal["target", "changed"]


def counts(result: ClipResult, outcome: Outcome) -> bool:
    """Whether the clip is eligible (A-55): its own class is not the target, and neither is its original answer's."""
    return outcome == "changed" or result.read != result.target


def hit(result: ClipResult, row: SteeredRow, outcome: Outcome) -> bool:
    """Whether the steered answer coherently states the target class; of transcripts, whether it is another text."""
    if outcome == "changed":
        return row.text != result.original
    return row.read == result.target and not row.incoherent


def cells(layer: str, results: Sequence[ClipResult], outcome: Outcome) -> list[dict[str, Any]]:
    """The cells of one layer.

    Each has `layer`, `place`, `strength`; `steered` and `control` (shares of the class direction and of random
    ones of the same norm); `coherent` (share of the class direction's answers that are coherent); `displacement`
    (mean ‖x′ − x‖ over the steered positions); and `by_target`, the steered share by target class.
    """
    eligible = [one for one in results if counts(one, outcome)]
    keys = dict.fromkeys((row.place, row.strength) for one in results for row in one.rows)
    found = []
    for place, strength in keys:
        both = [
            (one, {row.direction: row for row in one.rows if (row.place, row.strength) == (place, strength)})
            for one in eligible
        ]
        own = [(one, rows["class"]) for one, rows in both]
        targets = sorted({one.target for one in eligible})
        found.append({
            "layer": layer, "place": place, "strength": strength,
            "steered": _share([hit(one, row, outcome) for one, row in own]),
            "control": _share([hit(one, rows["random"], outcome) for one, rows in both]),
            "coherent": _share([not row.incoherent for _, row in own]),
            "displacement": float(np.mean([row.displacement for _, row in own])) if own else None,
            "by_target": {
                name: _share([hit(one, row, outcome) for one, row in own if one.target == name]) for name in targets
            },
        })  # fmt: skip
    return found


def _share(values: Sequence[bool]) -> dict[str, Any]:
    return Share(sum(values), len(values)).as_json()
