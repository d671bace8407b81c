"""Lists keep the user's order, whatever is moved where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import ArdError
from backend.store.notes.notes import Notes

SAE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    with Notes.open_file(tmp_path / "notes.sqlite", author="ada") as opened:
        yield opened


def features(*numbers: int) -> list[tuple[str, int]]:
    return [(SAE, k) for k in numbers]


def order(notes: Notes, key: str) -> list[int]:
    return [one.feature for one in notes.entries(key)]


def test_list_has_name_description_and_entries_with_notes(notes: Notes) -> None:
    key = notes.create_list("paper", "for figure 2").list
    notes.add_entries(key, [(SAE, 5), (OTHER, 5), (SAE, 5)])
    notes.set_entry_note(key, (OTHER, 5), "the second one")
    (found,) = notes.lists()
    assert (found.key, found.name, found.description, found.entries) == (key, "paper", "for figure 2", 2)
    assert [(one.sae, one.feature, one.note) for one in notes.entries(key)] == [
        (SAE, 5, ""), (OTHER, 5, "the second one"),
    ]  # fmt: skip


def test_entries_are_added_moved_and_ordered(notes: Notes) -> None:
    key = notes.create_list("paper").list
    notes.add_entries(key, features(1, 2, 3))
    notes.add_entries(key, features(9, 8, 2), at=1)
    assert order(notes, key) == [1, 9, 8, 2, 3]
    notes.move_entries(key, features(3, 1), at=2)
    assert order(notes, key) == [9, 3, 1, 8, 2]
    moved = notes.move_entries(key, features(9))
    assert order(notes, key) == [3, 1, 8, 2, 9]
    notes.revert(moved)
    assert order(notes, key) == [9, 3, 1, 8, 2]
    notes.order_list(key, features(1, 2))
    assert order(notes, key) == [1, 2, 9, 3, 8]


def test_entry_that_returns_brings_its_note(notes: Notes) -> None:
    key = notes.create_list("paper").list
    notes.add_entries(key, features(1, 2))
    notes.set_entry_note(key, (SAE, 1), "why")
    gone = notes.remove_entries(key, features(1))
    assert (order(notes, key), notes.lists()[0].entries) == ([2], 1)
    notes.revert(gone)
    assert [(one.feature, one.note) for one in notes.entries(key)] == [(1, "why"), (2, "")]


def test_deleted_list_comes_back_whole(notes: Notes) -> None:
    key = notes.create_list("paper").list
    notes.add_entries(key, features(4, 2))
    gone = notes.delete_list(key)
    assert notes.lists() == []
    notes.revert(gone)
    assert (notes.lists()[0].name, order(notes, key)) == ("paper", [4, 2])


def test_list_is_found_by_its_name_or_key_unless_two_have_that_name(notes: Notes) -> None:
    first, second = notes.create_list("paper").list, notes.create_list("Talk").list
    assert notes.find_list("Talk").key == notes.find_list(second).key == second
    with pytest.raises(ArdError, match="there are: paper, Talk"):
        notes.find_list("poster")
    notes.rename_list(second, "paper")
    with pytest.raises(ArdError, match="there are 2 lists 'paper'") as caught:
        notes.find_list("paper")
    assert first in str(caught.value)


def test_a_hundred_moves_to_the_same_gap_keep_the_order(notes: Notes) -> None:
    """Halving a gap uses up a double's digits after some fifty moves; then the list is numbered anew."""
    key = notes.create_list("paper").list
    notes.add_entries(key, features(*range(3)))
    expected = [0, 1, 2]
    for _ in range(100):
        last = expected.pop()
        expected.insert(1, last)
        notes.move_entries(key, features(last), at=1)
        assert order(notes, key) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(st.integers(0, 5), min_size=1, unique=True), st.integers(-1, 7)), max_size=6))
def test_moves_do_what_they_do_to_a_python_list(notes: Notes, moves: list[tuple[list[int], int]]) -> None:
    key = notes.create_list("one more").list
    expected = list(range(6))
    notes.add_entries(key, features(*expected))
    for moved, at in moves:
        before = [k for k in expected[: max(at, 0)] if k not in moved]
        after = [k for k in expected[max(at, 0) :] if k not in moved]
        expected = before + moved + after
        notes.move_entries(key, features(*moved), at)
        assert order(notes, key) == expected
