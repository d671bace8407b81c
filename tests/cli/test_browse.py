"""Commands that look at results say what the store says."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.store.clips import ClipTable
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.folder import Study

Ard = Callable[..., tuple[int, str, str]]


def the_sae(study: Study) -> str:
    (found,) = study.sae_ids()
    return found


@pytest.fixture
def retrieval(finished: Study) -> RetrievalFile:
    return RetrievalFile(finished.retrieval(the_sae(finished)))


def test_features_filters_and_sorts_as_numpy_does(ard: Ard, finished: Study, retrieval: RetrievalFile) -> None:
    status, out, _ = ard(
        "features",
        finished.root,
        "--where",
        "support >= 3 and status == 'ok'",
        "--sort",
        "mean",
        "--limit",
        0,
        "--json",
    )
    assert status == 0
    table = retrieval.table()
    expected = np.flatnonzero((table["support"] >= 3) & (table["status"] == STATUS.index("ok")))
    expected = expected[np.argsort(-table["mean"][expected], kind="stable")]
    found = json.loads(out)
    assert [one["feature"] for one in found["features"]] == expected.tolist()
    assert found["found"] == len(expected) > 0
    assert found["of"] == retrieval.features


def test_features_prints_a_table_and_says_what_is_left_out(ard: Ard, finished: Study) -> None:
    status, out, _ = ard("features", finished.root, "--limit", 2)
    assert status == 0
    assert "max_score" in out
    assert "more (--limit 0 shows all)" in out


def test_wrong_filter_is_pointed_at(ard: Ard, finished: Study) -> None:
    status, out, err = ard("features", finished.root, "--where", "support >")
    assert (status, out) == (1, "")
    assert "^" in err
    assert "Traceback" not in err


def test_feature_shows_the_lists_of_the_store(ard: Ard, finished: Study, retrieval: RetrievalFile) -> None:
    k = int(retrieval.table()["support"].argmax())
    view, clips = retrieval.feature(k), ClipTable(finished.clips())
    _, out, _ = ard("feature", finished.root, k, "--clips", 3, "--json")
    found = json.loads(out)
    assert [one["clip"] for one in found["most"]] == view.most_clips[:3].tolist()
    assert [one["score"] for one in found["most"]] == view.most_scores[:3].tolist()
    assert [one["tokens"] for one in found["least"]] == [retrieval.tokens(int(i)) for i in view.least_clips[:3]]
    assert found["most"][0]["labels"] == clips.labels(int(view.most_clips[0]))
    status, out, _ = ard("feature", finished.root, k)
    assert status == 0
    assert clips.text["record"][int(view.most_clips[0])] in out


def test_trace_shows_active_tokens_with_their_seconds(ard: Ard, finished: Study, retrieval: RetrievalFile) -> None:
    k = int(retrieval.table()["support"].argmax())
    view = retrieval.feature(k)
    i = int(view.most_clips[0])
    _, out, _ = ard("trace", finished.root, k, i, "--json")
    found = json.loads(out)
    assert found["token"] == view.traces[i].token.tolist()
    assert found["value"] == pytest.approx(view.traces[i].value.tolist())
    assert found["seconds"][0] == pytest.approx(retrieval.token_seconds(i)[found["token"][0]].tolist())
    status, out, _ = ard("trace", finished.root, k, i)
    assert status == 0
    assert f"{len(found['token'])} of {retrieval.tokens(i)} tokens active" in out


def test_trace_of_a_silent_listed_clip_is_empty_and_of_another_clip_an_error(
    ard: Ard, finished: Study, retrieval: RetrievalFile
) -> None:
    k = int(retrieval.table()["support"].argmin())
    view = retrieval.feature(k)
    silent = next(int(i) for i in view.least_clips if int(i) not in view.traces)
    status, out, _ = ard("trace", finished.root, k, silent)
    assert (status, "0 of" in out) == (0, True)
    status, _, err = ard("trace", finished.root, k, 9999)
    assert status == 1
    assert "9999" in err


def test_clip_lists_its_strongest_features(ard: Ard, finished: Study, retrieval: RetrievalFile) -> None:
    _, out, _ = ard("clip", finished.root, 3, "--json")
    found = json.loads(out)
    features, scores = retrieval.clip_features(3)
    assert [one["feature"] for one in found["features"]] == features.tolist()
    assert [one["score"] for one in found["features"]] == scores.tolist()
    assert found["record"] == ClipTable(finished.clips()).text["record"][3]
    status, _, err = ard("clip", finished.root, 24)
    assert (status, "from 0 to 23" in err) == (1, True)


def test_commands_use_the_current_folder(ard: Ard, finished: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.root)
    assert ard("clip", 0)[0] == 0
    assert ard("features")[0] == 0
    assert ard("status")[0] == 0


@pytest.mark.parametrize("words", [("feature",), ("feature", "."), ("trace", ".", 1), ("clip", ".", "x"), ("nothing",)])
def test_wrong_usage_is_exit_status_two(ard: Ard, words: tuple[object, ...]) -> None:
    assert ard(*words)[0] == 2


def test_unknown_sae_names_the_known_ones(ard: Ard, finished: Study) -> None:
    status, _, err = ard("features", finished.root, "--sae", "other")
    assert status == 1
    assert the_sae(finished) in err


def test_purity_stands_beside_random_clips_and_raw_units(ard: Ard, finished: Study) -> None:
    _, out, _ = ard("purity", finished.root, "--label", "folder", "--json")
    rows = {row["id"]: row for row in json.loads(out)["rows"]}
    assert set(rows) == {the_sae(finished), "raw-encoder.2"}
    for row in rows.values():
        assert row["chance"] == pytest.approx(3 * (8 * 7 / 2) / (24 * 23 / 2))
        assert row["purity"]["low"] <= row["purity"]["mean"] <= row["purity"]["high"]
        assert row["random"]["features"] == row["purity"]["features"] > 0
        assert 0 < row["best_by_m"]["features"] <= 50
        assert -1 <= row["m_correlation"] <= 1
    status, _, err = ard("purity", finished.root, "--label", "colour")
    assert (status, "folder" in err) == (1, True)


def test_export_is_the_filtered_list(ard: Ard, finished: Study, tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    status, _, _ = ard("export", finished.root, "--out", out, "--where", "support > 3", "--clips", 1)
    assert status == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert rows
    assert all(int(row["support"]) > 3 for row in rows)
    for name in ("json", "jsonl", "md"):
        assert ard("export", finished.root, "--format", name, "--out", tmp_path / "out")[0] == 0


def test_splice_tells_how_many_answers_stay_and_which_do_not(ard: Ard, finished: Study) -> None:
    status, out, _ = ard("splice", finished.root, "--clips", 3, "--tokens", 4, "--json")
    assert status == 0
    found = json.loads(out)
    assert found["clips"] == len(found["answers"]) == 3
    assert found["unchanged"] == sum(a["original"] == a["reconstructed"] for a in found["answers"]) / 3
    status, out, _ = ard("splice", finished.root, "--clips", 3, "--tokens", 4)
    assert status == 0
    assert f"{found['unchanged']:.1%} of 3 answers unchanged" in out
    assert out.count("reconstructed  ") == sum(a["original"] != a["reconstructed"] for a in found["answers"])


def test_raw_units_cannot_be_spliced(ard: Ard, finished: Study) -> None:
    status, _, err = ard("splice", finished.root, "--sae", "raw-encoder.1")
    assert status == 1
    assert "raw" in err
