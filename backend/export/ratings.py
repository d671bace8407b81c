"""Raw ratings of a blind study as CSV or JSON: one row per rater and item, with the method: the blind is lifted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.store.notes.rating_book import ItemRating
from backend.store.notes.rating_plan import RatingItem, RatingPlan
from backend.study.atomic import write_json, write_text

CLIP_BREAK = " | "
ENDINGS = (".csv", ".json")
COLUMNS = (
    "study", "rater", "order", "method", "sae", "feature", "name", "label", "rating", "comment", "plays", "replays",
    "heard", "label_seconds", "rating_seconds", "labelled", "rated", "closed", "silent", "clips",
)  # fmt: skip


def rating_rows(plan: RatingPlan, ratings: Sequence[ItemRating]) -> list[dict[str, Any]]:
    """One row per rater and item that the rater has begun, with `COLUMNS` (A-45); None where something is missing."""
    items = {one.order: one for one in plan.items}
    known = [one for one in ratings if one.item in items]
    return [_row(plan, items[one.item], one) for one in sorted(known, key=lambda one: (one.rater, one.item))]


def write_ratings(plan: RatingPlan, ratings: Sequence[ItemRating], path: Path) -> int:
    """Write the raw ratings by the ending of `path`, .csv or .json; returns the number of rows.

    CSV has counts and seconds per clip with spaces between them, records with " | ". JSON has the plan beside them.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ArdError("ratings are written as .csv or .json", path=path, todo="Choose one of these endings.")
    rows = rating_rows(plan, ratings)
    if path.suffix.lower() == ".json":
        write_json(path, {"plan": plan.to_json(), "ratings": rows})
        return len(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(name, value) for name, value in row.items()})
    write_text(path, text.getvalue())
    return len(rows)


def _row(plan: RatingPlan, item: RatingItem, rating: ItemRating) -> dict[str, Any]:
    found: dict[str, Any] = {
        "study": plan.key, "rater": rating.rater, "order": item.order, "method": item.method, "sae": item.sae,
        "feature": item.feature, "name": item.name, "clips": [one.record for one in item.clips],
        "labelled": rating.labelled or None, "rated": rating.rated or None,
    }  # fmt: skip
    found |= {name: value for name, value in asdict(rating).items() if name in COLUMNS and name not in found}
    return {name: list(found[name]) if isinstance(found[name], tuple) else found[name] for name in COLUMNS}


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return (CLIP_BREAK if name == "clips" else " ").join(map(str, value))
    return json.dumps(value) if isinstance(value, bool) else str(value)
