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


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_export_of_no_feature_is_a_valid_file(export: Export, name: str, tmp_path: Path) -> None:
    empty = Export({**export.provenance, "features": 0}, np.array([], dtype=np.int64), lambda: iter(()))
    text = written(empty, name, tmp_path)
    if name == "json":
        assert json.loads(text)["features"] == []


def test_unknown_format_names_the_known_ones(export: Export, tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="csv, json, jsonl, md"):
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
