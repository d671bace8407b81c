"""A comparison of two SAEs as figures, JSON records and CSV: the same for CLI and desktop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.export.csv_text import csv_text
from backend.export.shares import Share
from backend.store.comparison import ComparisonFile, Side

COVERED = 0.5
"""A feature is covered where an IoU is above this (S-15)."""
Names = Sequence[str]
COLUMNS = (
    "sae", "feature", "name", "other_sae", "nearest", "nearest_name", "cosine", "iou", "mutual", "without_partner",
)  # fmt: skip


def figures(side: Side) -> dict[str, Any]:
    """Shares of one SAE's features, and of those active on the probing clips where that is known.

    Returns
    -------
    dict
        `mmcs`: mean of the largest cosine over the features with a direction (S-19), None without any; `Share`s:
        `partner`, of the features with a partner; `mutual`, with a partner whose partner they are; `alive`, active on
        the probing clips; `covered`, with IoU above `COVERED` with one of the listed directions, a lower bound of
        S-15, which looks at all pairs; `alive_partner`, `alive_covered`: the same among the active ones. The last four
        are None where no IoU was measured.
    """
    best = side.cosine[:, 0].astype(np.float64)
    known, n, matched = best[~np.isnan(best)], side.features, ~side.without
    found: dict[str, Any] = {
        "mmcs": float(known.mean()) if len(known) else None,
        "partner": Share(int(matched.sum()), n),
        "mutual": Share(int((side.mutual & matched).sum()), n),
        "alive": None, "alive_partner": None, "covered": None, "alive_covered": None,
    }  # fmt: skip
    if (side.active >= 0).all():
        alive, covered = side.active > 0, (side.iou > COVERED).any(axis=1)
        found |= {
            "alive": Share(int(alive.sum()), n),
            "alive_partner": Share(int((matched & alive).sum()), int(alive.sum())),
            "covered": Share(int(covered.sum()), n),
            "alive_covered": Share(int((covered & alive).sum()), int(alive.sum())),
        }
    return found


def plain_figures(side: Side) -> dict[str, Any]:
    """`figures`, JSON-ready."""
    return {name: one.as_json() if isinstance(one, Share) else one for name, one in figures(side).items()}


def records(side: Side, names: Names, others: Names) -> list[dict[str, Any]]:
    """One JSON-ready record per feature of `side`.

    `names` [D] are those of its features, `others` those of the other SAE's, "" for none. `partners` has the nearest
    directions with `feature`, `name`, `cosine`, `iou` (null where it was not measured), the nearest first.
    """
    return [
        {
            "feature": feature,
            "name": names[feature],
            "active_tokens": int(side.active[feature]) if side.active[feature] >= 0 else None,
            "without_partner": bool(side.without[feature]),
            "mutual": bool(side.mutual[feature]),
            "partners": [
                {"feature": int(other), "name": others[other], "cosine": float(cosine), "iou": _number(iou)}
                for other, cosine, iou in zip(
                    side.partner[feature], side.cosine[feature], side.iou[feature], strict=True
                )
                if other >= 0
            ],
        }
        for feature in range(side.features)
    ]


def as_csv(comparison: ComparisonFile, side: str, rows: npt.NDArray[np.int64], names: Names, others: Names) -> str:
    """Features of one side with their nearest in the other as CSV, full precision; empty for what is not there."""
    one, other = (comparison.a, comparison.b) if side == "a" else (comparison.b, comparison.a)
    return csv_text((_row(one, other.id, feature, names, others) for feature in rows.tolist()), COLUMNS)


def _row(one: Side, other: str, feature: int, names: Names, others: Names) -> dict[str, Any]:
    best = int(one.partner[feature, 0])
    row: dict[str, Any] = {
        "sae": one.id, "feature": feature, "name": names[feature], "other_sae": other,
        "without_partner": bool(one.without[feature]), "mutual": bool(one.mutual[feature]),
    }  # fmt: skip
    if best >= 0:
        row |= {"nearest": best, "nearest_name": others[best]}
        row |= {"cosine": _number(one.cosine[feature, 0]), "iou": _number(one.iou[feature, 0])}
    return row


def _number(value: Any) -> float | None:
    return None if value != value else float(value)
