"""Sorting and filtering the feature table."""

from __future__ import annotations

import numpy as np
import pytest

from backend.errors import ArdError
from backend.store.features import select

COLUMNS = {
    "feature": np.arange(6),
    "score": np.array([0.5, np.nan, 2.0, 0.5, np.nan, -1.0]),
    "status": np.array(["ok", "dead", "ok", "insufficient", "ok", "ok"]),
}


def test_descending_and_ascending_put_nan_last_and_keep_ties_in_order() -> None:
    assert select(COLUMNS, sort="score").tolist() == [2, 0, 3, 5, 1, 4]
    assert select(COLUMNS, sort="score", descending=False).tolist() == [5, 0, 3, 2, 1, 4]


def test_text_is_sorted_too() -> None:
    assert select(COLUMNS, sort="status", descending=False).tolist() == [1, 3, 0, 2, 4, 5]


def test_filter_comes_before_sorting() -> None:
    assert select(COLUMNS, where="status == 'ok' and score > -5", sort="score").tolist() == [2, 0, 5]


def test_without_wishes_every_row_comes_in_order() -> None:
    assert select(COLUMNS).tolist() == [0, 1, 2, 3, 4, 5]


def test_columns_of_text_are_sorted_and_filtered_whatever_their_length() -> None:
    names = np.array(["rain", "", "a " * 5000, "Rain", "", "bell"], dtype=object)
    columns = {**COLUMNS, "name": names}
    assert select(columns, where="name ~ 'rain' and score > 0").tolist() == [0, 3]
    assert select(columns, where="name == 'bell' or name ~ 'a a'").tolist() == [2, 5]
    assert select(columns, sort="name", descending=False).tolist() == [2, 5, 3, 0, 1, 4]


def test_unknown_column_names_the_known_ones() -> None:
    with pytest.raises(ArdError, match="feature, score, status"):
        select(COLUMNS, sort="m")
