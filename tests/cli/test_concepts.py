"""Scores and concepts are shown, filtered and exported as they were written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from backend.sae.files import load_sae
from backend.store import concepts as concepts_store
from backend.store.concepts import ClipCaption, Concept, Detection
from backend.store.features import description, feature_columns
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study
from builders.described_study import describe_by_hand, score_columns, the_sae, undescribe

Ard = Callable[..., tuple[int, str, str]]
CONCEPTS = [
    Concept(0, "ok", "rain", "Rain falls.", (ClipCaption(3, "rain on a roof"), ClipCaption(5, "", "no answer")),
            Detection(0.9, 12, 12, 0.6, 8)),
    Concept(1, "refused", "", "I cannot help with that."),
]  # fmt: skip


@pytest.fixture
def described(copied: Study) -> Study:
    features = RetrievalFile(copied.retrieval(the_sae(copied))).features
    rank = np.where(np.arange(features) < 4, np.arange(features), -1)
    m = np.where(rank >= 0, 5.0 - np.arange(features), np.nan)
    describe_by_hand(copied, the_sae(copied), CONCEPTS, rank=rank, m=m)
    return copied


def test_concepts_are_listed_best_first_and_a_consensus_is_marked(ard: Ard, described: Study) -> None:
    status, out, err = ard("concepts", described.root, "--sae", the_sae(described))
    assert status == 0, err
    lines = out.splitlines()
    assert "4 of 4 described features" in lines[0]
    assert [line.split()[:2] for line in lines[2:6]] == [["0", "0"], ["1", "1"], ["2", "2"], ["3", "3"]]
    assert "rain (consensus)" in lines[2]
    assert "0.9 (12)" in lines[2]
    assert "refused" in lines[3]
    assert "consensus of captions, no LLM" in out


def test_concepts_are_filtered_by_score_and_name(ard: Ard, described: Study) -> None:
    sae = the_sae(described)
    where = "m > 3 and name ~ 'RAIN' and detection >= 0.9"
    _, out, _ = ard("concepts", described.root, "--sae", sae, "--where", where, "--json")
    found = json.loads(out)
    (one,) = found["concepts"]
    assert (found["found"], found["of"], one["feature"], one["m"], one["rank"]) == (1, 4, 0, 5.0, 0)
    assert one["concept"]["captions"][1] == {
        "clip": 5,
        "text": "",
        "problem": "no answer",
        "record": one_name(described),
    }
    assert len(one["h"]) == 2
    assert found["sources"]["namer"] == {"namer": "consensus"}
    _, out, _ = ard("features", described.root, "--sae", sae, "--where", "name_status == 'refused'", "--json")
    assert [f["feature"] for f in json.loads(out)["features"]] == [1]


def one_name(study: Study) -> str:
    from backend.store.clips import ClipTable

    return ClipTable(study.clips()).text["record"][5]


def test_limit_and_order_of_concepts_are_those_asked_for(ard: Ard, described: Study) -> None:
    words = ("concepts", described.root, "--sae", the_sae(described), "--sort", "m", "--ascending", "--limit", 1)
    _, out, _ = ard(*words)
    assert out.splitlines()[2].split()[:2] == ["3", "3"]
    assert "and 3 more" in out


def test_study_without_descriptions_says_what_to_run(ard: Ard, described: Study) -> None:
    undescribe(described, the_sae(described))
    status, out, err = ard("concepts", described.root, "--sae", the_sae(described))
    assert (status, out, "Run: ard describe" in err) == (1, "", True)


def test_feature_shows_its_concept_and_captions(ard: Ard, described: Study) -> None:
    sae = the_sae(described)
    status, out, _ = ard("feature", described.root, 0, "--sae", sae)
    assert status == 0
    assert out.startswith("rain\n  consensus of captions, no LLM\n  Rain falls.\n")
    assert "clip 3: rain on a roof" in out
    assert "clip 5: no caption (no answer)" in out
    assert "m_control" in out
    status, out, _ = ard("feature", described.root, 1, "--sae", sae)
    assert "refused: the namer refused" in out
    found = json.loads(ard("feature", described.root, 0, "--sae", sae, "--json")[1])
    assert found["concept"]["short_name"] == "rain"
    assert found["layer"] == "encoder.2"
    assert found["sources"]["judge"] == {"judge": "embedder"}


def test_export_carries_scores_concepts_and_where_they_came_from(ard: Ard, described: Study, tmp_path: Path) -> None:
    words = ("export", described.root, "--sae", the_sae(described), "--where", "rank >= 0", "--sort", "m")
    assert ard(*words, "--out", tmp_path / "a.json")[0] == 0
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [f["name"] for f in found["features"]] == ["rain", "", "", ""]
    assert found["provenance"]["scores"] == "scores-hand.h5"
    assert found["provenance"]["embedder"] == {"embedder": "mini", "window": "mean"}
    assert ard(*words, "--out", tmp_path / "a.csv", "--clips", 0)[0] == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert [(r["feature"], r["feature_rank"], r["name_status"]) for r in rows] == [
        ("0", "0", "ok"), ("1", "1", "refused"), ("2", "2", ""), ("3", "3", ""),
    ]  # fmt: skip
    assert ard(*words, "--out", tmp_path / "a.html", "--no-audio", "--limit", 1)[0] == 0
    assert "<audio" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert ard(*words, "--out", tmp_path / "report", "--folder", "--limit", 1)[0] == 0
    assert (tmp_path / "report/index.html").exists()
    assert ard(*words, "--out", tmp_path / "b.csv", "--no-audio")[0] == 2


def test_files_that_current_does_not_name_do_not_count(described: Study) -> None:
    sae = the_sae(described)
    current = described.features(sae) / "current.json"
    assert description(described, sae)[1] is not None
    write_json(current, {**read_json(current), "scores": "scores-gone.h5", "concepts": ""})
    assert (described.scores(sae), described.concepts(sae)) == (None, None)
    assert described.scores("unknown") is None


def test_scores_and_concepts_of_another_sae_are_refused(ard: Ard, described: Study) -> None:
    from backend.store import scores

    sae = the_sae(described)
    folder = described.features(sae)
    concepts_store.write(folder / "concepts-hand.h5", [Concept(10**6, "ok", "x")], {})
    status, _, err = ard("features", described.root, "--sae", sae)
    assert (status, "concepts-hand.h5" in err) == (1, True)
    scores.write(folder / "scores-hand.h5", score_columns(3), {}, {})
    status, _, err = ard("concepts", described.root, "--sae", sae)
    assert (status, "speaks of 3 features" in err) == (1, True)


def test_columns_join_scores_and_names_by_feature(described: Study) -> None:
    sae = the_sae(described)
    with RetrievalFile(described.retrieval(sae)) as file:
        columns = feature_columns(file, *description(described, sae))
        plain = feature_columns(file)
    assert columns["name"][:3].tolist() == ["rain", "", ""]
    assert columns["detection"][0] == 0.9
    assert np.isnan(columns["detection"][1:]).all()
    assert columns["degenerate"].dtype == np.bool_
    assert "m" not in plain
    assert "name" not in plain


@pytest.mark.parametrize("ending", ["npy", "safetensors", "json"])
def test_exported_vector_is_the_decoder_direction(ard: Ard, described: Study, tmp_path: Path, ending: str) -> None:
    sae = the_sae(described)
    out = tmp_path / f"v.{ending}"
    status, _, err = ard("export-vector", described.root, 0, "--sae", sae, "--out", out)
    assert status == 0, err
    weights = load_sae(described.sae(sae))
    if ending == "npy":
        found = np.load(out)
    elif ending == "safetensors":
        found = load_file(out)["decoder"]
        np.testing.assert_array_equal(load_file(out)["encoder"], weights.W_enc[0].detach().numpy())
    else:
        found = np.array(json.loads(out.read_text())["decoder"], dtype=np.float32)
    np.testing.assert_array_equal(found, weights.W_dec[0].detach().numpy())
    if ending != "safetensors":
        said = json.loads((tmp_path / "v.json").read_text())
        assert (said["sae"], said["layer"], said["feature"], said["name"]) == (sae, "encoder.2", 0, "rain")
        assert said["norm"] == pytest.approx(1, abs=1e-5)
        assert said["model"].endswith("model")
        assert said["max_activation"] > 0


def test_vector_that_cannot_be_written_says_why(ard: Ard, described: Study, tmp_path: Path) -> None:
    sae = the_sae(described)
    for words, expected in (
        ((0, "--sae", sae, "--out", tmp_path / "v.txt"), ".npy, .safetensors, .json, .gguf"),
        ((0, "--sae", sae, "--out", tmp_path / "v.gguf"), "not of 'encoder.2'"),
        ((10**6, "--sae", sae, "--out", tmp_path / "v.npy"), "there is no feature 1000000"),
        ((0, "--sae", "raw-encoder.2", "--out", tmp_path / "v.npy"), "raw units"),
    ):
        status, _, err = ard("export-vector", described.root, *words)
        assert (status, expected in err) == (1, True), err
    assert list(tmp_path.glob("v.*")) == []
