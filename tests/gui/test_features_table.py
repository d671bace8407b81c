"""The feature table sorts and filters in numpy and says what it holds."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from ard_gui.views.features_table import FeatureTableModel

Down, Up = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder


@pytest.fixture
def model() -> FeatureTableModel:
    columns = {
        "feature": np.arange(5),
        "score": np.array([1.0, np.nan, 3.0, 1.0, 2.0]),
        "status": np.array(["ok", "dead", "ok", "ok", "ok"]),
    }
    return FeatureTableModel(columns)


def features(model: FeatureTableModel) -> list[int]:
    return [model.feature(row) for row in range(model.rowCount())]


def test_sorting_keeps_feature_order_among_equals_and_missing_values_last(model: FeatureTableModel) -> None:
    model.sort(1, Up)
    assert features(model) == [0, 3, 4, 2, 1]
    model.sort(1, Down)
    assert features(model) == [2, 4, 0, 3, 1]


def test_filter_and_sort_hold_together(model: FeatureTableModel) -> None:
    model.sort(1, Down)
    model.keep(np.array([True, True, False, True, True]))
    assert features(model) == [4, 0, 3, 1]
    assert model.row_of(2) == -1
    model.keep(None)
    assert features(model) == [2, 4, 0, 3, 1]


def test_cells_are_plain_text(model: FeatureTableModel) -> None:
    assert [model.data(model.index(1, c)) for c in range(3)] == ["1", "–", "dead"]
    assert model.headerData(1, Qt.Orientation.Horizontal) == "score"


def test_large_table_equals_a_plain_numpy_sort() -> None:
    values = np.random.default_rng(0).normal(size=65_536)
    model = FeatureTableModel({"feature": np.arange(len(values)), "score": values})
    model.sort(1, Down)
    assert features(model) == np.argsort(-values, kind="stable").tolist()
