"""What a query shows, and in which order: as plain numpy and plain Python would have it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ard_gui.state.column_words import WORDS, cell_text
from ard_gui.state.feature_rows import OWN, FeatureRows, no_own
from ard_gui.state.query import Query
from ard_gui.state.text_search import TextSearch, folded
from backend.store.retrieval import STATUS

NAN = float("nan")
VALUE = st.one_of(st.integers(-3, 3).map(float), st.just(NAN), st.floats(-2, 2))
FEATURE = st.tuples(VALUE, st.integers(0, 4), st.sampled_from(STATUS), st.text("ab ", max_size=4), st.booleans())
NAMES = ("m", "support", "status", "name")


def rows_of(table: list[tuple[float, int, str, str, bool]]) -> FeatureRows:
    m, support, status, name, star = zip(*table, strict=True)
    rows = FeatureRows()
    columns = {"feature": np.arange(len(table)), "m": np.array(m), "support": np.array(support)}
    rows.open(columns | {"status": np.array(status), "name": np.array(name, dtype=object)})
    rows.set_own({"star": np.array(star)})
    search = TextSearch(len(table))
    search.add(range(len(table)), (folded(one) for one in name))
    rows.set_search(search)
    return rows


def test_sort_and_filter_show_what_is_asked_in_order_of_value() -> None:
    rows = rows_of(
        [(2.0, 1, "ok", "a", False), (NAN, 2, "ok", "b", True), (5.0, 3, "dead", "", True), (2.0, 4, "ok", "A", True)]
    )
    assert rows.shown(Query()).rows.tolist() == [0, 1, 2, 3]
    assert rows.shown(Query(sort="m", descending=True)).rows.tolist() == [2, 0, 3, 1]
    assert rows.shown(Query(sort="m", descending=False)).rows.tolist() == [0, 3, 2, 1]
    assert rows.shown(Query(sort="m", starred=True, status=("ok",))).rows.tolist() == [3, 1]
    assert rows.shown(Query(ranges={"m": (2.0, 4.0)})).rows.tolist() == [0, 3]
    assert rows.shown(Query(chosen=(3, 0, 99), expression="support > 1")).rows.tolist() == [3]


@given(st.lists(FEATURE, min_size=1, max_size=30), st.data())
def test_any_query_equals_a_loop_over_features(
    table: list[tuple[float, int, str, str, bool]], data: st.DataObject
) -> None:
    low = data.draw(st.floats(-2, 2))
    query = Query(
        text=data.draw(st.sampled_from(["", "a", "b a"])), starred=data.draw(st.booleans()),
        expression=data.draw(st.sampled_from(["", "support >= 2", "m < 1 or support == 0"])),
        ranges=data.draw(st.sampled_from([{}, {"m": (low, low + 1)}])),
        status=tuple(data.draw(st.sets(st.sampled_from(STATUS)))),
        sort=data.draw(st.sampled_from(["", *NAMES])), descending=data.draw(st.booleans()),
    )  # fmt: skip

    def wanted(feature: int) -> bool:
        m, support, status, name, star = table[feature]
        expressed = {"": True, "support >= 2": support >= 2}.get(query.expression, m < 1 or support == 0)
        within = all(low <= m <= high for low, high in query.ranges.values())
        found = all(word in name for word in query.text.split())
        return (
            expressed
            and within
            and found
            and (star or not query.starred)
            and (status in query.status or not query.status)
        )

    kept = [k for k in range(len(table)) if wanted(k)]
    if query.sort:
        values = [row[NAMES.index(query.sort)] for row in table]
        known = [k for k in kept if values[k] == values[k] and values[k] != ""]
        known.sort(key=lambda k: values[k], reverse=query.descending)
        kept = known + [k for k in kept if k not in known]
    assert rows_of(table).shown(query).rows.tolist() == kept


def test_wrong_expression_keeps_the_last_one_that_held_and_marks_the_place() -> None:
    rows = rows_of([(1.0, 1, "ok", "a", False), (2.0, 5, "ok", "b", False)])
    assert rows.shown(Query(expression="support > 3")).rows.tolist() == [1]
    shown = rows.shown(Query(expression="m > 1 and suport > 3"))
    assert shown.rows.tolist() == [1]
    assert shown.problem is not None
    assert shown.problem.reason == "There is no column suport. Did you mean support?"
    assert shown.problem.place == 10
    shown = rows.shown(Query(expression="m > > 2"))
    assert shown.problem is not None
    assert shown.problem.place == 4
    assert rows.shown(Query(expression="")).rows.tolist() == [0, 1]


def test_words_are_found_in_texts_and_in_what_the_person_wrote() -> None:
    rows = rows_of([(1.0, 1, "ok", "Heavy  RAIN", False), (1.0, 1, "ok", "traffic", False), (1.0, 1, "ok", "", False)])
    own = no_own(3)
    own["note"][1], own["tags"][2] = "sounds like rain\non a roof", ("rain", "check")
    rows.set_own(own)
    assert rows.shown(Query(text="rain")).rows.tolist() == [0, 1, 2]
    assert rows.shown(Query(text="ROOF rain")).rows.tolist() == [1]
    assert rows.shown(Query(text="heavy traffic")).rows.tolist() == []
    assert rows.shown(Query(tags=("check", "other"))).rows.tolist() == [2]
    assert rows.shown(Query(expression='tags ~ "check"')).rows.tolist() == [2]


def test_similarity_comes_and_goes_as_a_column() -> None:
    rows = rows_of([(1.0, 1, "ok", "a", False), (2.0, 5, "ok", "b", False)])
    rows.set_similarity(np.array([NAN, 0.3]))
    assert rows.shown(Query(sort="similarity")).rows.tolist() == [1, 0]
    rows.set_similarity(None)
    assert "similarity" not in rows.columns
    with pytest.raises(ValueError, match="3 similarities for 2 features"):
        rows.set_similarity(np.zeros(3))


def test_features_without_a_rank_come_last_both_ways() -> None:
    rows = FeatureRows()
    rows.open({"feature": np.arange(3), "rank": np.array([1, -1, 0])})
    assert rows.shown(Query(sort="rank", descending=False)).rows.tolist() == [2, 0, 1]
    assert rows.shown(Query(sort="rank", descending=True)).rows.tolist() == [0, 2, 1]


def test_own_columns_of_another_length_are_refused() -> None:
    rows = rows_of([(1.0, 1, "ok", "a", False)])
    with pytest.raises(ValueError, match="star"):
        rows.set_own({"star": np.zeros(2, bool)})


TAGS = st.lists(st.sampled_from(["rain", "dry"]), max_size=2, unique=True).map(tuple)
OWN_VALUES = st.tuples(st.booleans(), TAGS, st.sampled_from(["", "Rain"]), st.sampled_from(["", "no"]), st.just(""))


def own_columns(values: list[tuple[bool, tuple[str, ...], str, str, str]]) -> dict[str, np.ndarray]:
    own = no_own(len(values))
    for k, found in enumerate(values):
        for name, value in zip(OWN, found, strict=True):
            own[name][k] = value
    return own


@given(st.lists(OWN_VALUES, min_size=4, max_size=4), st.dictionaries(st.integers(0, 3), OWN_VALUES), st.data())
def test_own_values_of_some_features_show_as_whole_columns_would(
    first: list[tuple[bool, tuple[str, ...], str, str, str]],
    later: dict[int, tuple[bool, tuple[str, ...], str, str, str]],
    data: st.DataObject,
) -> None:
    table = [(1.0, k, "ok", "ab"[k % 2], False) for k in range(4)]
    query = Query(
        text=data.draw(st.sampled_from(["", "rain", "a"])), tags=data.draw(st.sampled_from([(), ("rain",)])),
        starred=data.draw(st.booleans()),
        expression=data.draw(st.sampled_from(["", "star", 'tags ~ "rain"', "support > 1", 'own_name == "Rain"'])),
        sort=data.draw(st.sampled_from(["", *OWN])),
    )  # fmt: skip
    changed, whole = rows_of(table), rows_of(table)
    changed.set_own(own_columns(first))
    changed.shown(query)  # what is remembered of an answer must not outlive a change
    changed.set_own(own_columns(list(later.values())), list(later))
    whole.set_own(own_columns([later.get(k, one) for k, one in enumerate(first)]))
    assert changed.shown(query).rows.tolist() == whole.shown(query).rows.tolist()
    for name in OWN:
        assert changed.cells[name].tolist() == whole.cells[name].tolist()


def test_own_values_leave_the_columns_that_were_shown_before_alone() -> None:
    rows = rows_of([(1.0, 1, "ok", "a", False), (1.0, 1, "ok", "b", False)])
    before = rows.cells
    rows.set_own({"star": np.array([True])}, [1])
    assert before["star"].tolist() == [False, False]
    assert rows.cells["star"].tolist() == [False, True]
    with pytest.raises(ValueError, match="star"):
        rows.set_own({"star": np.zeros(2, bool)}, [1])


def test_cells_have_four_digits_and_a_dash_for_what_is_missing() -> None:
    assert cell_text("number", 2.9) == "2.900"
    assert cell_text("number", -0.22583) == "-0.2258"
    assert cell_text("number", math.nan) == "–"
    assert cell_text("percent", 0.00471472) == "0.4715 %"
    assert cell_text("count", 118356) == "118,356"
    assert cell_text("count", -1) == "–"
    assert cell_text("text", "two\nlines\x07") == "two lines"
    assert cell_text("text", "") == "–"


def test_every_term_of_a_column_stands_in_the_glossary(pytestconfig: pytest.Config) -> None:
    glossary = (pytestconfig.rootpath / "docs" / "glossary.md").read_text(encoding="utf-8")
    bold = {part for line in glossary.splitlines() if line.startswith("**") for part in [line.split("**")[1]]}
    terms = {words.term for words in WORDS.values() if words.term}
    known = {one for entry in bold for one in (entry, *entry.split(", "), *entry.split(" / "))}
    assert terms - known == set()
