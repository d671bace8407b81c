"""CSV: one row per feature and listed clip, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from typing import IO, Any

from backend.export.records import LISTS, Export, Record

NESTED = (*LISTS, "neighbours", "concept", "h", "l")
CAPTION_BREAK = " | "


def write_csv(export: Export, handle: IO[str]) -> None:
    """Columns of the feature and its concept, then `list` (most or least), then those of the clip; labels as JSON.

    Features without any listed clip have one row with empty clip columns, so that none is lost: an export with no
    clips of either list has one row per feature. The feature's rank is `feature_rank`, the clip's `rank`; H and L
    are the clips' numbers, with their scores in the same order. Tags stand with commas between them.
    """
    writer: csv.DictWriter[str] | None = None
    for record in export.records():
        for row in _rows(export.provenance["sae"], record):
            if writer is None:
                writer = csv.DictWriter(handle, fieldnames=list(row), lineterminator="\n", restval="")
                writer.writeheader()
            writer.writerow({key: _cell(value) for key, value in row.items()})
    if writer is None:
        handle.write("sae,feature\n")


CLIP_COLUMNS = (
    "rank", "score", "tokens", "clip", "record", "path", "member", "start", "end", "duration", "labels", "caption",
    "source", "licence", "hash",
)  # fmt: skip
JUDGED_COLUMNS = ("thumb", "rating", "comment", "judged_by_others")


def _rows(sae: str, record: Record) -> Iterator[Record]:
    feature = {"sae": sae, **{key: value for key, value in record.items() if key not in NESTED}}
    if "rank" in feature:
        feature["feature_rank"] = feature.pop("rank")
    feature |= _concept(record.get("concept"), record.get("name_status"))
    for name in ("h", "l"):
        feature[name] = " ".join(str(one["clip"]) for one in record.get(name, []))
        feature[f"{name}_scores"] = " ".join(repr(one["score"]) for one in record.get(name, []))
    feature |= {"tags": ", ".join(record["tags"])} if "tags" in record else {}
    empty = dict.fromkeys((*CLIP_COLUMNS, *(JUDGED_COLUMNS if "tags" in record else ())))
    listed = [(name, clip) for name in LISTS for clip in record[name]] or [("", {})]
    for name, clip in listed:
        yield {**feature, "list": name, **empty, **clip}


CONCEPT_COLUMNS = ("short_name", "description", "namer", "captions", "caption_problems")
DETECTION_COLUMNS = ("active", "random", "hard_balanced_accuracy", "hard")


def _concept(concept: Record | None, status: str | None) -> Record:
    """Cells of the concept; none at all where nothing of the SAE is described."""
    if status is None:
        return {}
    cells: Record = dict.fromkeys(CONCEPT_COLUMNS) | {f"detection_{name}": None for name in DETECTION_COLUMNS}
    if concept:
        cells |= {name: concept[name] for name in ("short_name", "description", "namer")}
        cells["captions"] = CAPTION_BREAK.join(one["text"] for one in concept["captions"])
        problems = (f"{one['clip']}: {one['problem']}" for one in concept["captions"] if one["problem"])
        cells["caption_problems"] = CAPTION_BREAK.join(problems)
        cells |= {f"detection_{name}": concept["detection"][name] for name in DETECTION_COLUMNS}
    return cells


def _cell(value: Any) -> str:
    """Text of one cell; floats in full precision, so that reading them back gives the same number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return repr(value) if isinstance(value, float) else str(value)
