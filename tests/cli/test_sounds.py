"""`ard test-sound` and `ard search-text` answer what the model server answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.store.clips import ClipTable
from backend.store.features import description
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Ard = Callable[..., tuple[int, str, str]]


def path_of(study: Study, clip: int) -> str:
    row = ClipTable(study.clips())[clip]
    return str(Path(row.root) / row.path)


def test_test_sound_ranks_the_features_of_a_clip_as_the_study_does(ard: Ard, finished: Study) -> None:
    status, out, err = ard("test-sound", finished.root, path_of(finished, 4), "--top", 5, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    _, concepts = description(finished, found["sae"])
    assert concepts is not None
    with RetrievalFile(finished.retrieval(found["sae"])) as file:
        features, scores = file.clip_features(4)
    assert [one["feature"] for one in found["features"]] == features[:5].tolist()
    assert [one["score"] for one in found["features"]] == pytest.approx(scores[:5].tolist(), rel=1e-2)
    names = {one.feature: one.name for one in concepts.concepts}
    for one in found["features"]:
        assert one["name"].removesuffix(" (consensus)") == names.get(one["feature"], "")
        assert len(one["token"]) == len(one["value"]) > 0


def test_test_sound_prints_a_table_of_the_study_one_stands_in(
    ard: Ard, finished: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.root)
    status, out, _ = ard("test-sound", path_of(finished, 0), "--top", 3)
    assert status == 0
    assert "features of encoder.2" in out
    assert "coverage" in out
    assert "the study's clips: 0." in out
    assert len(out.splitlines()) == 6
    status, out, _ = ard("test-sound", path_of(finished, 0), "--top", 3, "--sae", "raw-encoder.2")
    assert (status, "reconstruction" in out) == (0, False)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["missing.wav"], 1, "the sound cannot be read"),
        (["missing.wav", "--sae", "nope"], 1, "no ranked features for 'nope'"),
        (["a", "b"], 2, "expected [STUDY] FILE"),
    ],
)
def test_sound_that_cannot_be_tested_is_explained(
    ard: Ard, finished: Study, words: list[str], status: int, says: str
) -> None:
    found, out, err = ard("test-sound", finished.root, *words)
    assert (found, out) == (status, "")
    assert says in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_search_text_lists_features_by_similarity(ard: Ard, finished: Study) -> None:
    status, out, _ = ard("search-text", finished.root, "a steady tone", "--limit", 0, "--json")
    assert status == 0
    found = json.loads(out)
    similarity = [one["similarity"] for one in found["features"]]
    assert similarity == sorted(similarity, reverse=True)
    assert found["searched"] == len(similarity) > 0
    status, out, _ = ard("search-text", finished.root, "a steady tone", "--limit", 2)
    assert status == 0
    assert "searched for “a steady tone” by mini" in out
    assert f"{found['searched'] - 2} more" in out


def test_search_text_without_words_is_refused(ard: Ard, finished: Study) -> None:
    status, out, err = ard("search-text", finished.root, " ")
    assert (status, out) == (1, "")
    assert "no text to search for" in err
