"""Every export format says the same as the store, read back by an ordinary parser."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import ArdError
from backend.export.records import Export
from backend.export.writers import WRITERS, export_to

AWKWARD = 'a "quoted", | piped\nnew line; ünïcode 🐈 <b>_x_</b>'


def clip(rank: int, score: float, **changes: Any) -> dict[str, Any]:
    return {
        "rank": rank, "score": score, "tokens": 25, "clip": 7, "record": "a/b.wav", "path": "a/b.wav", "member": "",
        "start": 0.0, "end": math.nan, "duration": 1.0, "labels": {"label": "rain"}, "caption": AWKWARD,
        "source": "s", "licence": "CC0", "hash": "00", **changes,
    }  # fmt: skip


CONCEPT = {
    "short_name": "rain", "description": AWKWARD, "status": "ok", "namer": "consensus",
    "captions": [
        {"clip": 7, "record": "a/b.wav", "text": "rain | falls", "problem": ""},
        {"clip": 8, "record": "c.wav", "text": "", "problem": "the file is missing"},
    ],
    "detection": {"balanced_accuracy": 0.75, "active": 9, "random": 8, "hard_balanced_accuracy": math.nan, "hard": 0},
}  # fmt: skip
DESCRIBED = {
    "m": 2.5, "e_h": 0.5, "e_l": 1 / 3, "sigma": 0.1, "m_redraw_sd": 0.2, "m_control": 0.3, "weighted": math.nan,
    "rank": 0, "name": "rain", "name_status": "ok", "detection": 0.75, "concept": CONCEPT,
    "h": [{"clip": 7, "record": "a/b.wav", "score": 0.7}, {"clip": 8, "record": "c.wav", "score": 1 / 7}],
    "l": [{"clip": 7, "record": "a/b.wav", "score": 0.0}],
}  # fmt: skip
UNDESCRIBED = {**DESCRIBED, "rank": -1, "name": "", "name_status": "", "concept": None, "h": [], "l": []}

RECORDS = [
    {
        "feature": 3, "support": 9, "frequency": 0.1, "mean": 1 / 3, "mean_active": 1.5, "max": 2.0, "max_score": 0.7,
        "status": "ok", "most": [clip(1, 0.7), clip(2, 1 / 7, record="c.wav")], "least": [clip(1, 0.0, labels={})],
        "neighbours": [{"feature": 1, "cosine": 0.5}],
    },
    {
        "feature": 4, "support": 0, "frequency": 0.0, "mean": 0.0, "mean_active": math.nan, "max": 0.0,
        "max_score": 0.0, "status": "dead", "most": [], "least": [], "neighbours": [],
    },
]  # fmt: skip


def records() -> Iterator[dict[str, Any]]:
    return iter(RECORDS)


def described(export: Export) -> Export:
    """The same features, the first with a concept, the second only scored."""
    more = [RECORDS[0] | DESCRIBED, RECORDS[1] | UNDESCRIBED]
    sources = {"embedder": {"embedder": "mini"}, "sources": {"namer": {"namer": "consensus"}}}
    return Export({**export.provenance, **sources, "concepts": "c.h5"}, export.rows, lambda: iter(more))


@pytest.fixture
def export() -> Export:
    provenance = {"study": "s", "sae": "encoder.1-x", "retrieval": "r.h5", "where": "", "features": 2, "settings": {}}
    return Export(provenance, np.array([3, 4]), records)


def written(export: Export, name: str, path: Path) -> str:
    export_to(export, name, path / f"out.{name}")
    return (path / f"out.{name}").read_text(encoding="utf-8")


def without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def test_json_reads_back_to_the_same_records(export: Export, tmp_path: Path) -> None:
    found = json.loads(written(export, "json", tmp_path))
    assert found["features"] == without_nan(RECORDS)
    assert found["provenance"]["sae"] == "encoder.1-x"


def test_json_lines_read_back_to_the_same_records(export: Export, tmp_path: Path) -> None:
    lines = written(export, "jsonl", tmp_path).splitlines()
    assert [json.loads(line) for line in lines] == [{"sae": "encoder.1-x", **one} for one in without_nan(RECORDS)]


def test_csv_has_a_row_per_listed_clip_and_one_for_a_feature_without(export: Export, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(written(export, "csv", tmp_path))))
    assert [(r["feature"], r["list"], r["rank"]) for r in rows] == [
        ("3", "most", "1"), ("3", "most", "2"), ("3", "least", "1"), ("4", "", ""),
    ]  # fmt: skip
    assert float(rows[0]["mean"]) == 1 / 3
    assert float(rows[1]["score"]) == 1 / 7
    assert rows[0]["caption"] == AWKWARD
    assert json.loads(rows[0]["labels"]) == {"label": "rain"}
    assert rows[0]["end"] == ""
    assert rows[3]["mean_active"] == ""


def test_markdown_keeps_its_tables_whole(export: Export, tmp_path: Path) -> None:
    text = written(export, "md", tmp_path)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "a/b.wav" in line]
    assert len(rows) == 2
    assert all(line.replace("\\|", "").count("|") == 7 for line in rows)
    assert "<b>" not in text.replace("\\<b>", "")
    assert "## Feature 4 (dead)" in text
    assert "mean active –" in text


def test_concept_is_whole_in_every_line_of_json_lines_with_the_models(export: Export, tmp_path: Path) -> None:
    first, second = (json.loads(line) for line in written(described(export), "jsonl", tmp_path).splitlines())
    assert first["concept"] == without_nan(CONCEPT)
    assert second["concept"] is None
    assert first["sources"] == {"namer": {"namer": "consensus"}}
    assert first["embedder"] == {"embedder": "mini"}


def test_csv_tells_the_features_rank_from_the_clips_and_joins_the_captions(export: Export, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(written(described(export), "csv", tmp_path))))
    assert [(r["feature_rank"], r["rank"]) for r in rows] == [("0", "1"), ("0", "2"), ("0", "1"), ("-1", "")]
    assert rows[0]["captions"] == "rain | falls | "
    assert rows[0]["caption_problems"] == "8: the file is missing"
    assert (rows[0]["h"], rows[0]["h_scores"]) == ("7 8", f"0.7 {1 / 7!r}")
    assert (rows[0]["description"], rows[0]["namer"], rows[0]["detection_active"]) == (AWKWARD, "consensus", "9")
    assert (rows[3]["name"], rows[3]["short_name"], rows[3]["m"]) == ("", "", "2.5")


def test_csv_without_clips_has_one_row_per_feature(export: Export, tmp_path: Path) -> None:
    without = [{**one, "most": [], "least": []} for one in described(export).records()]
    found = written(Export(export.provenance, export.rows, lambda: iter(without)), "csv", tmp_path)
    assert [r["feature"] for r in csv.DictReader(io.StringIO(found))] == ["3", "4"]


def test_markdown_marks_a_consensus_and_shows_what_is_missing(export: Export, tmp_path: Path) -> None:
    text = written(described(export), "md", tmp_path)
    assert "## Feature 3 (ok): rain (consensus)\n" in text
    assert "Names: consensus of captions, no LLM." in text
    assert "Detection: 0.75 balanced accuracy (9 active, 8 random clips)." in text
    assert "* clip 7: rain \\| falls\n* clip 8: none: the file is missing" in text
    assert "m 2.5, e h 0.5," in text
    assert "<b>" not in text.replace("\\<b>", "")


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_export_of_no_feature_is_a_valid_file(export: Export, name: str, tmp_path: Path) -> None:
    empty = Export({**export.provenance, "features": 0}, np.array([], dtype=np.int64), lambda: iter(()))
    text = written(empty, name, tmp_path)
    if name == "json":
        assert json.loads(text)["features"] == []


def test_unknown_format_names_the_known_ones(export: Export, tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="csv, json, jsonl, md, html"):
        export_to(export, "xlsx", tmp_path / "a.xlsx")
    with pytest.raises(ArdError, match="this is a folder"):
        export_to(export, "csv", tmp_path)


def test_export_that_fails_half_way_leaves_the_old_file(export: Export, tmp_path: Path) -> None:
    def torn() -> Iterator[dict[str, Any]]:
        yield RECORDS[0]
        raise ArdError("the retrieval file is damaged")

    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(ArdError, match="damaged"):
        export_to(Export(export.provenance, export.rows, torn), "csv", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
