"""Purity of the features that score best, written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.describe.score_purity import scored_purity
from backend.store import scores
from backend.store.scores import COLUMNS, ScoresFile


def scored(path: Path, m: list[float]) -> ScoresFile:
    columns = {name: np.zeros(len(m)) for name in COLUMNS}
    known = ~np.isnan(m)
    rank = np.full(len(m), -1)
    rank[known] = np.argsort(np.argsort(-np.array(m)[known]))
    scores.write(path, columns | {"m": np.array(m), "rank": rank}, {}, {})
    return ScoresFile(path)


LISTS = np.array([[0, 1], [0, 2], [2, 3], [4, 5]])
LABEL = np.array([0, 0, 1, 1, 2, 3])


def test_score_that_orders_features_by_purity_has_a_positive_correlation(tmp_path: Path) -> None:
    found = scored_purity(scored(tmp_path / "s.h5", [4.0, 1.0, 3.0, 2.0]), LISTS, LABEL)
    # purities 1, 0, 1, 0 of m 4, 1, 3, 2: ranks of purity 3.5, 1.5, 3.5, 1.5
    assert found.correlation == pytest.approx(4 / np.sqrt(5 * 4))
    assert found.best.mean == 0.5


def test_features_without_a_score_do_not_count(tmp_path: Path) -> None:
    found = scored_purity(scored(tmp_path / "s.h5", [4.0, np.nan, 3.0, np.nan]), LISTS, LABEL)
    assert (found.best.mean, found.best.features) == (1.0, 2)


def test_pairs_of_one_group_are_left_out(tmp_path: Path) -> None:
    group = np.array([0, 0, 1, 2, 3, 3])
    found = scored_purity(scored(tmp_path / "s.h5", [4.0, 1.0, 3.0, 2.0]), LISTS, LABEL, group)
    assert (found.best.features, found.best.left_out) == (2, 2)
