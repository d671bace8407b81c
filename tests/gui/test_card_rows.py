"""Where the rows of the list of clips stand."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ard_gui.services.feature_lines import ClipGroup, ClipLine
from ard_gui.views.card_rows import Kind, group_key, laid_out, visible


def group(id_: str, clips: int) -> ClipGroup:
    return ClipGroup(id_, id_, "", [ClipLine(i, f"{i}", "", "", 0.0, 1) for i in range(clips)])


def height(kind: Kind) -> int:
    return {"header": 10, "card": 100, "more": 20}[kind]


GROUPS = [group("most", 20), group("quantile", 3), group("quantile", 4), group("hard", 0)]


def test_cards_follow_their_header_and_what_is_left_is_offered() -> None:
    rows = laid_out(GROUPS, set(), set(), height)
    assert [(row.kind, row.group) for row in rows[:2]] == [("header", 0), ("card", 0)]
    assert sum(row.kind == "card" and row.group == 0 for row in rows) == 16
    more = next(row for row in rows if row.kind == "more")
    assert (more.group, more.position) == (0, 16)
    assert rows[-1].kind == "header"
    assert all(after.top == before.bottom for before, after in itertools.pairwise(rows))


def test_asked_for_group_shows_all_and_folded_group_shows_none() -> None:
    rows = laid_out(GROUPS, {"quantile 1"}, {"most 0"}, height)
    assert sum(row.kind == "card" and row.group == 0 for row in rows) == 20
    assert not any(row.kind == "more" for row in rows)
    assert sum(row.kind == "card" and row.group == 1 for row in rows) == 3
    assert sum(row.kind == "card" and row.group == 2 for row in rows) == 0


def test_groups_of_one_kind_have_keys_of_their_own() -> None:
    assert [group_key(GROUPS, number) for number in range(4)] == ["most 0", "quantile 0", "quantile 1", "hard 0"]


@given(st.integers(0, 4000), st.integers(1, 2000))
def test_visible_rows_are_those_with_a_pixel_on_the_screen(top: int, size: int) -> None:
    rows = laid_out(GROUPS, set(), set(), height)
    slow = [number for number, row in enumerate(rows) if row.bottom > top and row.top < top + size]
    assert list(visible(rows, top, top + size)) == slow
