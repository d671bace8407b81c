"""Prominence: how far a feature's list stands out from the other clips it is active in."""

from __future__ import annotations

import numpy as np
import pytest

from backend.errors import ArdError
from backend.retrieval.prominence import most_prominent, prominence
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.tiny_study import finished_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(tmp_path_factory.mktemp("prominence"), train={"steps": 30}, retrieve={"raw_units": True})


def test_prominence_is_mean_score_of_the_list_over_mean_score_of_all_active_clips(finished: Study) -> None:
    (name,) = [one for one in finished.feature_ids() if not one.startswith("raw-")]
    with RetrievalFile(finished.retrieval(name)) as file:
        found = prominence(file)
        table = file.table()
        p = int(file.settings["p"])
        for k in range(file.features):
            if table["status"][k] != 0:
                assert np.isnan(found[k])
                continue
            pairs = file.pairs(k)
            assert pairs is not None
            scores = [
                float(total) / file.tokens(int(i)) * (int(count) / file.tokens(int(i)))
                for i, total, count in zip(pairs["clip"], pairs["sum"], pairs["count"], strict=True)
            ]
            active = [r for r in scores if r > 0]
            assert found[k] == pytest.approx(np.mean(sorted(active)[-p:]) / np.mean(active), rel=1e-6)


def test_raw_units_have_no_prominence(finished: Study) -> None:
    (name,) = [one for one in finished.feature_ids() if one.startswith("raw-")]
    with RetrievalFile(finished.retrieval(name)) as file, pytest.raises(ArdError, match="scores of all clips"):
        prominence(file)


def test_most_prominent_leaves_out_features_without_a_score_and_keeps_the_order_of_equals() -> None:
    values = np.array([1.0, np.nan, 3.0, 1.0, 2.0])
    assert most_prominent(values, 4).tolist() == [2, 4, 0, 3]
    assert most_prominent(values, 10).tolist() == [2, 4, 0, 3]
