"""`ard search-label` finds what the store holds, and says what is wrong with a label."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Ard = Callable[..., tuple[int, str, str]]


def test_search_label_tells_the_f1_of_the_stored_activations(ard: Ard, finished: Study) -> None:
    status, out, _ = ard("search-label", finished.root, "--label", "folder=tone", "--limit", 0, "--json")
    assert status == 0
    found, clips = json.loads(out), ClipTable(finished.clips())
    has = np.array([clips.labels(i)["folder"] == "tone" for i in range(len(clips))])
    assert (found["clips"], found["positives"]) == (24, 8)
    assert found["always"] == pytest.approx(0.5)
    with RetrievalFile(finished.retrieval(found["sae"])) as file:
        support = file.table()["support"]
        assert found["found"] == len(found["features"]) == (support > 0).sum()
        for one in found["features"][:5]:
            value, pairs = np.zeros(len(clips)), file.pairs(one["feature"])
            assert pairs is not None
            value[pairs["clip"]] = pairs["max"]
            said = value > one["threshold"]
            assert one["f1"] == pytest.approx(2 * (said & has).sum() / (said.sum() + has.sum()))
            assert one["active"] == (value > 0).sum()
    held_out = [one["held_out_f1"] for one in found["features"]]
    assert held_out == sorted(held_out, reverse=True)
    assert found["correlated"] == sum(one["f1"] > 0.5 for one in found["features"])


def test_search_label_prints_a_table_and_says_what_is_left_out(ard: Ard, finished: Study) -> None:
    status, out, _ = ard("search-label", finished.root, "--label", "folder=noise", "--limit", 2)
    assert status == 0
    assert "folder=noise in 8 of 24 labelled clips" in out
    assert "held_out_f1" in out
    assert "shuffled labels: held-out F1" in out
    assert "more (--limit 0 shows all)" in out


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--label", "folder=whale"], 1, "noise (8), pulse (8), tone (8)"),
        (["--label", "folder"], 1, "says no value"),
        (["--label", "sort=tone"], 1, "no clip has a label 'sort'"),
        (["--label", "folder=tone", "--sae", "raw-encoder.2"], 1, "raw units have no pair table"),
        ([], 2, "name a label and its value"),
    ],
)
def test_label_that_cannot_be_searched_is_explained(
    ard: Ard, finished: Study, words: list[str], status: int, says: str
) -> None:
    found, out, err = ard("search-label", finished.root, *words)
    assert (found, out) == (status, "")
    assert says in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
