"""Feature columns sort and search alike for numbers and text, once made, without making it again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.store.columns import FeatureColumns, TextIndex, natural_key, order
from backend.store.filter import compile_filter


def texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


def test_missing_numbers_come_last_both_ways_and_equals_keep_the_lower_row_first() -> None:
    values = np.array([1.0, np.nan, 3.0, 1.0, np.nan, 2.0])
    assert order(values).tolist() == [0, 3, 5, 2, 1, 4]
    assert order(values, descending=True).tolist() == [2, 5, 0, 3, 1, 4]


def test_text_sorts_numbers_by_size_and_ignores_letter_case_and_puts_empty_names_last() -> None:
    values = texts("10 knocks", "", "Rain", "2 knocks", "bell", "rain 007", "rain 12")
    assert order(values).tolist() == [3, 0, 4, 2, 5, 6, 1]
    assert order(values, descending=True).tolist() == [6, 5, 2, 4, 0, 3, 1]


def test_booleans_and_fixed_width_text_sort_too() -> None:
    assert order(np.array([True, False, True])).tolist() == [1, 0, 2]
    assert order(np.array(["ok", "dead", "ok", ""])).tolist() == [1, 0, 2, 3]


@given(st.lists(st.integers(0, 10**30), max_size=30))
def test_numbers_as_text_are_in_the_order_of_the_numbers(numbers: list[int]) -> None:
    assert sorted(map(str, numbers), key=natural_key) == [str(one) for one in sorted(numbers)]


@given(st.lists(st.floats(allow_nan=True) | st.sampled_from([0.0, 1.0])), st.booleans())
def test_order_is_a_stable_permutation(values: list[float], descending: bool) -> None:
    known = [row for row, value in enumerate(values) if value == value]
    sign = -1 if descending else 1
    expected = sorted(known, key=lambda row: sign * values[row]) + [
        r for r in range(len(values)) if r not in set(known)
    ]
    assert order(np.array(values, dtype=np.float64), descending).tolist() == expected


@given(st.lists(st.text(max_size=12), max_size=20), st.text(max_size=3))
def test_searching_all_texts_at_once_finds_what_searching_each_finds(values: list[str], wanted: str) -> None:
    plain = [one.replace("\0", " ") for one in values]
    found = TextIndex(plain).contains(wanted.replace("\0", "!"))
    assert found.tolist() == [wanted.replace("\0", "!").lower() in one.lower() for one in plain]


def test_search_finds_right_to_left_and_emoji_names() -> None:
    index = TextIndex(["Rain", "صوت المطر", "🐸 frogs", "", "RAINY"])
    assert index.contains("rain").tolist() == [True, False, False, False, True]
    assert index.contains("المطر").tolist() == [False, True, False, False, False]
    assert index.contains("🐸").tolist() == [False, False, True, False, False]
    assert index.contains("").all()
    assert not index.contains("\0").any()


def test_filter_over_feature_columns_equals_the_filter_over_plain_ones() -> None:
    plain = {"name": texts("Rain", "bell", "rainy", ""), "m": np.array([1.0, 2.0, 3.0, 4.0])}
    for text in ("name ~ 'RAIN'", "name ~ 'rain' and m > 1", "not name ~ 'l'"):
        wanted = compile_filter(text)
        assert wanted.mask(FeatureColumns(plain)).tolist() == wanted.mask(plain).tolist()


def test_added_columns_replace_those_of_the_same_name_and_forget_their_order() -> None:
    columns = FeatureColumns({"m": np.array([3.0, 1.0]), "name": texts("a", "b")})
    assert columns.order("m").tolist() == [1, 0]
    more = columns.plus({"m": np.array([1.0, 3.0]), "similarity": np.array([0.0, 1.0])})
    assert (more.order("m").tolist(), list(more), more.rows) == ([0, 1], ["m", "name", "similarity"], 2)
    assert columns.order("m").tolist() == [1, 0]


def test_preparing_makes_what_is_asked_for_later() -> None:
    columns = FeatureColumns({"name": texts("b", "a")})
    columns.prepare("name")
    assert columns.order("name") is columns.order("name")
    assert columns.order("name", descending=True).tolist() == [0, 1]
