"""Search by label over a retrieval file: the features that tell a label, and what is wrong with a label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judged_study import file_of, table_of

from backend.describe import label_search
from backend.describe.halves import first_half
from backend.describe.label_f1 import Active, score
from backend.describe.label_search import labelled_clips, search, shuffle
from backend.errors import ArdError

N = 40
KINDS = [("dog", "bird", "")[i % 3] for i in range(N)]


def study(folder: Path, values: np.ndarray, **changes: object):  # type: ignore[no-untyped-def]
    table = table_of(folder, [f"r{i}" for i in range(N)], [{"kind": kind} if kind else {} for kind in KINDS])
    return table, file_of(folder, table, values, **changes)


@pytest.fixture
def values() -> np.ndarray:
    """Feature 0 tells dogs, 1 is random, 2 is dead, 3 is active only without a label, 4 is always active."""
    dice = np.random.default_rng(5)
    dog, none = np.array([kind == "dog" for kind in KINDS]), np.array([kind == "" for kind in KINDS])
    columns = [dog * dice.uniform(2, 5, N), dice.random(N) * (dice.random(N) < 0.5), np.zeros(N), none * 1.0,
               1 + dice.random(N)]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def test_feature_that_tells_the_label_comes_first(tmp_path: Path, values: np.ndarray) -> None:
    table, file = study(tmp_path, values)
    found = search(file, labelled_clips(table, "kind", "dog", np.ones(N, dtype=bool)))
    assert found.scores.feature.tolist()[0] == 0
    assert set(found.scores.feature.tolist()) == {0, 1, 4}
    assert (found.scores.f1[0], found.scores.held_out_f1[0], found.scores.active[0]) == (1, 1, 14)
    assert (found.clips, found.positives) == (27, 14)
    assert found.always == pytest.approx(28 / 41)
    assert found.correlated == 3, "with so many dogs even the random feature passes 0.5, which `always` tells"
    assert found.shuffled < 1


@pytest.mark.parametrize("largest", [1, 30, 10**6])
def test_search_is_the_score_of_every_feature_whatever_the_slices(
    tmp_path: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    monkeypatch.setattr(label_search, "SLICE", largest)
    table, file = study(tmp_path, values)
    labelled = labelled_clips(table, "kind", "bird", np.ones(N, dtype=bool))
    matrix = values[labelled.clips].T.astype(np.float64)
    feature, clip = np.nonzero(matrix > 0)
    expected = score(
        Active(feature, clip, matrix[feature, clip], 5), labelled.has, first_half(labelled.has, labelled.ids)
    )
    found = search(file, labelled).scores
    assert found.held_out_f1.tolist() == sorted(found.held_out_f1, reverse=True)
    rows = found.feature
    for name in ("active", "f1", "threshold", "held_out_f1"):
        assert getattr(found, name).tolist() == getattr(expected, name)[rows].tolist()


def test_one_of_several_values_counts(tmp_path: Path) -> None:
    table = table_of(tmp_path, list("abcde"), [{"kind": kind} for kind in ("dog", "bird,dog", "bird", "doge", "bird")])
    found = labelled_clips(table, "kind", "dog", np.ones(5, dtype=bool))
    assert found.has.tolist() == [True, True, False, False, False]


def test_clips_that_were_not_probed_do_not_count(tmp_path: Path) -> None:
    table = table_of(tmp_path, list("abcdef"), [{"kind": kind} for kind in ("x", "x", "x", "y", "y", "y")])
    probed = np.array([1, 0, 1, 1, 1, 0], dtype=bool)
    assert labelled_clips(table, "kind", "x", probed).clips.tolist() == [0, 2, 3, 4]


def test_shuffled_labels_are_as_many_and_go_with_the_clips(tmp_path: Path) -> None:
    table = table_of(tmp_path, [f"r{i}" for i in range(N)], [{"kind": kind} for kind in KINDS])
    labelled = labelled_clips(table, "kind", "dog", np.ones(N, dtype=bool))
    control = shuffle(labelled)
    assert control.has.sum() == labelled.has.sum()
    assert control.has.tolist() != labelled.has.tolist()
    order = np.random.default_rng(1).permutation(len(labelled.clips))
    turned = type(labelled)(labelled.clips[order], labelled.has[order], labelled.ids[order])
    assert shuffle(turned).has.tolist() == control.has[order].tolist()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("sort", "dog", r"no clip has a label 'sort'.*kind"),
        ("kind", "cat", r"no probed clip has kind=cat.*bird \(4\), dog \(3\), owl \(1\)"),
        ("kind", "", r"says no value.*bird \(4\)"),
        ("kind", "owl", "only one labelled clip has kind=owl"),
        ("same", "one", "no labelled clip lacks same=one"),
    ],
)
def test_label_that_cannot_be_searched_says_why(tmp_path: Path, name: str, value: str, says: str) -> None:
    kinds = ["dog"] * 3 + ["bird"] * 4 + ["owl"]
    table = table_of(tmp_path, list("abcdefgh"), [{"kind": kind, "same": "one"} for kind in kinds])
    with pytest.raises(ArdError, match=says):
        labelled_clips(table, name, value, np.ones(8, dtype=bool))


def test_search_without_a_pair_table_says_what_to_set(tmp_path: Path, values: np.ndarray) -> None:
    table, file = study(tmp_path, values, pair_table=False)
    with pytest.raises(ArdError, match=r"pair table was not kept.*retrieve\.pair_table = true"):
        search(file, labelled_clips(table, "kind", "dog", np.ones(N, dtype=bool)))
