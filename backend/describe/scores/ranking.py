"""The order of features by their score, and what is told about it (A-30, A-31)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def rank(score: Float) -> npt.NDArray[np.int32]:
    """0 for the largest score, equal scores by feature index, −1 where it is NaN (A-30)."""
    order = np.argsort(-score, kind="stable")  # NaN come last
    known = order[: int((~np.isnan(score)).sum())]
    out = np.full(len(score), -1, np.int32)
    out[known] = np.arange(len(known))
    return out


def best(score: Float, count: int) -> Float:
    """The `count` largest scores, in descending order; NaN are no scores."""
    known = np.sort(score[~np.isnan(score)])[::-1]
    return np.asarray(known[:count])


def against_control(score: Float, control: Float, top: int) -> dict[str, Any]:
    """What is reported of the scores, and the same of the control's (A-31).

    Parameters
    ----------
    score, control : array [D]
        Of the features and of random clips in place of H.
    top : int
        C; all where fewer are valid.

    Returns
    -------
    dict
        top: features among the C best; max, mean, median of their scores; control_max, control_mean, control_median
        of as many of the control's best; control_above_median: share of all control scores above the median score
        (one half if the score tells nothing); above_control_95: share of features above the control's 95th
        percentile (0.05 then). None where there is no score.
    """
    mine = best(score, top)
    theirs = best(control, len(mine))
    all_mine, all_theirs = score[~np.isnan(score)], control[~np.isnan(control)]
    figures: dict[str, Any] = {"top": len(mine), **_summary(mine, ""), **_summary(theirs, "control_")}
    both = len(all_mine) > 0 and len(all_theirs) > 0
    figures["control_above_median"] = float(np.mean(all_theirs > np.median(all_mine))) if both else None
    figures["above_control_95"] = float(np.mean(all_mine > np.percentile(all_theirs, 95))) if both else None
    return figures


def _summary(values: Float, prefix: str) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys((f"{prefix}max", f"{prefix}mean", f"{prefix}median"))
    return {
        f"{prefix}max": float(values.max()),
        f"{prefix}mean": float(values.mean()),
        f"{prefix}median": float(np.median(values)),
    }
