"""What the user noted stands in every format, and chooses, orders and titles the features."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_export import CONCEPT, DESCRIBED, RECORDS, UNDESCRIBED
from test_html_report import Page

from backend.errors import ArdError
from backend.export.own_work import OwnWork
from backend.export.records import Export, features_for_export
from backend.export.writers import WRITERS, export_to
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.concepts import ClipCaption, Concept, Detection
from backend.store.notes.columns import note_columns
from backend.store.notes.notes import Notes
from backend.store.notes.records import FeatureNote
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.described_study import describe_by_hand, the_sae

SAE = "a" * 64
HOSTILE = "<script>alert(1)</script> | *x* `y`"
FIELDS = ("own_name", "star", "tags", "note", "verdict", "list_name", "list_order", "entry_note")


@pytest.fixture
def notes(tmp_path: Path) -> Any:
    with Notes.open_file(tmp_path / "notes.sqlite", author="ada") as opened:
        yield opened


@pytest.fixture
def judged(ranked: Study, notes: Notes) -> tuple[Study, OwnWork, int]:
    """A described study whose busiest feature is noted in every way, and stands second in a list."""
    sae = the_sae(ranked)
    with RetrievalFile(ranked.retrieval(sae)) as file:
        k = int(file.table()["support"].argmax())
        clip = int(file.feature(k).most_clips[0])
    found = Concept(k, "ok", "bell", "Bells.", (ClipCaption(clip, "a bell", ""),), Detection(0.9, 8, 9, 0.5, 7))
    describe_by_hand(ranked, sae, [found])
    notes.set_name(SAE, k, HOSTILE)
    notes.set_star(SAE, [k, 0], True)
    notes.set_note(SAE, k, "first line\nsecond line")
    notes.set_verdict(SAE, k, "not monosemantic")
    for tag in ("music", "bells"):
        notes.add_tag(SAE, k, tag)
    notes.set_rating(SAE, k, clip_key(ClipTable(ranked.clips())[clip]), 4)
    notes.set_thumb(SAE, k, clip_key(ClipTable(ranked.clips())[clip]), 1)
    key = notes.create_list("paper").list
    others = [n for n in range(5) if n != k][:2]
    notes.add_entries(key, [(SAE, others[1]), (SAE, k), ("b" * 64, 9), (SAE, others[0])])
    notes.set_entry_note(key, (SAE, k), "the best one")
    return ranked, OwnWork.of(notes, SAE, key), k


def text_of(export: Export, name: str, folder: Path) -> str:
    export_to(export, name, folder / f"out.{name}")
    return (folder / f"out.{name}").read_text(encoding="utf-8")


def test_record_has_the_users_fields_and_their_judgement_of_clips(judged: tuple[Study, OwnWork, int]) -> None:
    study, own, k = judged
    (record,) = features_for_export(study, rows=[k], own=own, clips=2).records()
    assert [record[name] for name in FIELDS] == [
        HOSTILE, True, ["bells", "music"], "first line\nsecond line", "not monosemantic", "paper", 2, "the best one",
    ]  # fmt: skip
    assert record["name"] == "bell"
    assert [(one["thumb"], one["rating"]) for one in record["most"]] == [(1, 4), (0, None)]
    assert "own_name" not in next(features_for_export(study, rows=[k]).records())


def test_features_come_in_the_order_of_the_list_and_the_filter_knows_the_notes(
    judged: tuple[Study, OwnWork, int],
) -> None:
    study, own, k = judged
    listed = list(own.entries)
    assert features_for_export(study, rows=listed, own=own).rows.tolist() == listed
    assert features_for_export(study, rows=[*listed, k], own=own, sort="feature", descending=False).rows.tolist() == (
        sorted(listed)
    )
    where = 'star and tags ~ "bell" and verdict == "not monosemantic"'
    assert features_for_export(study, own=own, where=where).rows.tolist() == [k]
    assert features_for_export(study, own=own, rows=listed, where="star").rows.tolist() == [
        n for n in listed if n in own.starred
    ]
    assert features_for_export(study, rows=[], own=own).rows.tolist() == []
    with pytest.raises(ArdError, match="there is no feature 99999 in"):
        features_for_export(study, rows=[0, 99999])


def test_json_lines_and_csv_hold_the_users_fields(judged: tuple[Study, OwnWork, int], tmp_path: Path) -> None:
    study, own, k = judged
    export = features_for_export(study, rows=list(own.entries), own=own, clips=1)
    lines = [json.loads(line) for line in text_of(export, "jsonl", tmp_path).splitlines()]
    documented = json.loads(text_of(export, "json", tmp_path))
    assert documented["provenance"]["list"] == "paper"
    assert [one["list_order"] for one in lines] == [one["list_order"] for one in documented["features"]] == [1, 2, 4]
    rows = list(csv.DictReader(io.StringIO(text_of(export, "csv", tmp_path))))
    (row,) = (one for one in rows if one["feature"] == str(k) and one["list"] == "most")
    assert [row[name] for name in FIELDS] == [
        HOSTILE, "True", "bells, music", "first line\nsecond line", "not monosemantic", "paper", "2", "the best one",
    ]  # fmt: skip
    assert (row["thumb"], row["rating"], row["judged_by_others"]) == ("1", "4", "")


def test_own_name_is_the_title_and_the_automatic_one_stands_beside_it(
    judged: tuple[Study, OwnWork, int], tmp_path: Path
) -> None:
    study, own, k = judged
    export = features_for_export(study, rows=[k], own=own, clips=2)
    text = text_of(export, "md", tmp_path)
    title = "\\<script>alert(1)\\</script> \\| \\*x\\* \\`y\\` (automatic name: bell (consensus))"
    assert f"## Feature {k} (ok): {title}\n" in text
    for expected in (
        "* starred: yes\n", "* tags: bells, music\n", "* verdict: not monosemantic\n", "* list: number 2 of 'paper'\n",
        "* note in this list: the best one\n", "* note: first line second line\n", " thumb up, 4 of 5 |\n",
        " of the list paper, ",
    ):  # fmt: skip
        assert expected in text, expected
    html = text_of(export, "html", tmp_path)
    page = Page(html)
    assert len(page.all("script")) == 1
    heading = "".join(data for tag, data in page.texts if tag in ("h2", "span"))
    assert HOSTILE in heading
    assert "automatic name: bell" in heading
    said = page.text()
    for expected in (
        "starred",
        "bells, music",
        "first line\nsecond line",
        "the best one",
        "thumb up, 4 of 5",
        "own name",
    ):
        assert expected in said, expected
    assert "list 'paper'" in said


def test_feature_with_an_automatic_name_only_is_titled_by_it(tmp_path: Path) -> None:
    noted = {"own_name": "", "star": False, "tags": [], "note": "", "verdict": "", "list_name": "", "list_order": None,
             "entry_note": "", "degenerate": False}  # fmt: skip
    records = [RECORDS[0] | DESCRIBED | noted, RECORDS[1] | UNDESCRIBED | noted]
    provenance = {"study": "s", "sae": "x", "retrieval": "r", "where": "", "features": 2, "settings": {}}
    export = Export(provenance, np.array([3, 4]), lambda: iter(records))
    text = text_of(export, "md", tmp_path)
    assert "## Feature 3 (ok): rain (consensus)\n\nsupport 9" in text
    page = Page(text_of(export, "html", tmp_path))
    assert page.all("dl", "own") == []
    assert "automatic" not in page.text()
    assert CONCEPT["short_name"] in page.text()
    rows = list(csv.DictReader(io.StringIO(text_of(export, "csv", tmp_path))))
    assert len({len(row) for row in rows}) == 1
    assert [row["star"] for row in rows if row["list"] in ("", "least")] == ["False", "False"]


@pytest.mark.parametrize("name", sorted(WRITERS))
@pytest.mark.parametrize("own_name", ["x" * 300 + " end", "تسمية من اليمين", "👩‍🎤" * 20, "two\u2028lines"])
def test_awkward_own_names_stand_whole_in_every_format(ranked: Study, name: str, own_name: str, tmp_path: Path) -> None:
    with Notes.open_file(tmp_path / "notes.sqlite") as notes:
        notes.set_name(SAE, 2, own_name)
        own = OwnWork.of(notes, SAE)
    kept = own.features[2].name
    assert kept == " ".join(own_name.split())
    text = text_of(features_for_export(ranked, rows=[2], own=own, clips=1), name, tmp_path)
    assert kept in (Page(text).text() if name == "html" else text)


def test_page_has_what_the_demo_page_of_the_paper_has(judged: tuple[Study, OwnWork, int], tmp_path: Path) -> None:
    """A-64: by layer, feature id, four most and four least representative clips with players, concept name."""
    study, _, k = judged
    export = features_for_export(study, rows=[k])
    page = Page(text_of(export, "html", tmp_path))
    (record,) = export.records()
    assert [len(record["most"]), len(record["least"])] == [4, 4]
    assert len(page.all("audio")) == len(page.all("article", "card")) == 8
    assert all(one["src"].startswith("data:audio/flac;base64,") and "controls" in one for one in page.all("audio"))
    said = page.text()
    for expected in (f"layer {record['layer']}", f"Feature {k}", "bell", "Most representative", "Least representative"):
        assert expected in said, expected
    text = text_of(export, "md", tmp_path)
    for expected in (f"layer {record['layer']}", f"## Feature {k} (ok): bell", "Most representative:", "Least "):
        assert expected in text, expected
    assert sum(line.startswith(f"| {n} |") for line in text.splitlines() for n in (1, 2, 3, 4)) == 8


def test_note_columns_leave_out_features_that_are_not_there() -> None:
    found = note_columns({1: FeatureNote(1, star=True, tags=frozenset("ba")), 7: FeatureNote(7, star=True)}, 3)
    assert found["star"].tolist() == [False, True, False]
    assert found["tags"].tolist() == ["", "a, b", ""]
    assert found["own_name"].tolist() == ["", "", ""]
