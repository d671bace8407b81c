"""What raters write: saved at once, labels for good, ratings until the next item, merged between colleagues (A-45)."""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import ArdError
from backend.store.notes.database import Rows
from backend.store.notes.exchange import export_notes, import_notes
from backend.store.notes.notes import Notes
from backend.store.notes.rating_book import ItemRating, Listened, RatingBook, next_item
from builders.rating_studies import toy_plan

PLAN = toy_plan()
KEY = PLAN.key
HEARD = Listened((1, 2), 12.5, False, (3.0, 3.0))


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    with Notes.open_file(tmp_path / "notes.sqlite", author="ada") as found:
        yield found


@pytest.fixture
def book(notes: Notes) -> RatingBook:
    found = RatingBook(notes)
    found.add(PLAN)
    return found


def rate(book: RatingBook, item: int, rater: str, rating: int, label: str = "a bell") -> None:
    book.set_label(KEY, item, rater, label, HEARD)
    book.set_rating(KEY, item, rater, rating, "", Listened((0, 0), 2.0))
    book.close(KEY, item, rater)


def test_everything_of_a_rating_is_on_the_disk_at_once(book: RatingBook, notes: Notes) -> None:
    book.set_label(KEY, 2, "eve", "  a   bell ", HEARD)
    book.set_rating(KEY, 2, "eve", 4, "nearly", Listened((0, 1), 7.5))
    with Notes.open_file(notes.path) as other:
        found = RatingBook(other).item(KEY, 2, "eve")
        assert RatingBook(other).find("toy") == PLAN
    assert (found.label, found.rating, found.comment, found.closed) == ("a bell", 4, "nearly", False)
    assert (found.plays, found.heard, found.replays) == ((1, 2), (3.0, 3.0), (0, 1))
    assert (found.label_seconds, found.rating_seconds, found.silent) == (12.5, 7.5, False)
    assert found.labelled < found.rated


def test_label_cannot_be_changed_once_it_is_given(book: RatingBook) -> None:
    book.set_label(KEY, 1, "eve", "a bell", HEARD)
    with pytest.raises(ArdError, match="label was given"):
        book.set_label(KEY, 1, "eve", "a gong", HEARD)
    with pytest.raises(ArdError, match="label was given"):
        book.keep_listening(KEY, 1, "eve", Listened((9, 9), 99.0))
    assert book.item(KEY, 1, "eve").label == "a bell"
    assert book.item(KEY, 1, "eve").plays == (1, 2)


def test_rating_needs_a_label_and_can_be_changed_until_the_next_item(book: RatingBook) -> None:
    with pytest.raises(ArdError, match="no label yet"):
        book.set_rating(KEY, 1, "eve", 3, "", Listened((), 1.0))
    book.set_label(KEY, 1, "eve", "a bell", HEARD)
    with pytest.raises(ArdError, match="no rating from 0 to 5"):
        book.close(KEY, 1, "eve")
    for rating in (3, None, 0):
        assert book.set_rating(KEY, 1, "eve", rating, "", Listened((), 1.0)).rating == rating
    book.close(KEY, 1, "eve")
    with pytest.raises(ArdError, match="left for another item"):
        book.set_rating(KEY, 1, "eve", 5, "", Listened((), 1.0))
    assert book.item(KEY, 1, "eve").rating == 0


@pytest.mark.parametrize("rating", [-1, 6, 2.0, True, "3"])
def test_rating_is_a_whole_number_from_0_to_5(book: RatingBook, rating: object) -> None:
    book.set_label(KEY, 1, "eve", "a bell", HEARD)
    with pytest.raises(ArdError, match="no rating"):
        book.set_rating(KEY, 1, "eve", rating, "", Listened((), 1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "listened", "rater"),
    [
        ("  ", HEARD, "eve"), ("x", Listened((-1,), 1.0), "eve"), ("x", Listened((1,), float("nan")), "eve"),
        ("x", Listened((1,), 1.0, heard=(-0.5,)), "eve"), ("x", HEARD, " "), ("x", HEARD, "e" * 201),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_and_nothing_of_it_is_written(
    book: RatingBook, label: str, listened: Listened, rater: str
) -> None:
    with pytest.raises(ArdError, match="cannot be kept"):
        book.set_label(KEY, 1, rater, label, listened)
    assert book.ratings(KEY) == []


def test_rater_goes_on_at_the_first_item_that_is_not_closed(book: RatingBook) -> None:
    assert next_item(PLAN, {}) == 1
    rate(book, 1, "eve", 3)
    book.keep_listening(KEY, 2, "eve", HEARD)
    assert next_item(PLAN, book.of_rater(KEY, "eve")) == 2
    assert book.item(KEY, 2, "eve") == ItemRating(2, "eve", (1, 2), (3.0, 3.0), label_seconds=12.5)
    assert next_item(PLAN, book.of_rater(KEY, "ada")) == 1
    for item in (2, 3, 4):
        rate(book, item, "eve", 3)
    assert next_item(PLAN, book.of_rater(KEY, "eve")) is None


def test_same_study_is_not_added_twice_and_a_removed_one_comes_back_with_its_ratings(
    book: RatingBook, notes: Notes
) -> None:
    with pytest.raises(ArdError, match="same concepts already"):
        book.add(PLAN)
    rate(book, 1, "eve", 3)
    removed = book.remove(KEY)
    assert book.studies() == []
    with pytest.raises(ArdError, match="no rating study yet"):
        book.find()
    notes.revert(removed)
    assert book.find() == PLAN
    assert [one.rating for one in book.ratings(KEY)] == [3]


def test_study_is_found_by_key_beginning_and_name_and_what_is_unclear_is_refused(book: RatingBook) -> None:
    book.add(replace(PLAN, key="fedcba", name="other"))
    assert book.find("other").key == "fedcba"
    assert book.find("0123").key == KEY
    with pytest.raises(ArdError, match="not clear which"):
        book.find()
    with pytest.raises(ArdError, match="no rating study 'x'"):
        book.find("x")


def test_two_raters_files_merge_into_one_however_often_and_in_whatever_order(tmp_path: Path) -> None:
    out = {}
    for rater, rating in (("ada", 2), ("eve", 5)):
        with Notes.open_file(tmp_path / f"{rater}.sqlite", author=rater) as notes:
            mine = RatingBook(notes)
            mine.add(PLAN)
            rate(mine, 1, rater, rating, f"{rater}'s word")
            export_notes(notes, tmp_path / f"{rater}.json")
    for order in (("ada", "eve"), ("eve", "ada", "eve", "ada")):
        with Notes.open_file(tmp_path / f"{'-'.join(order)}.sqlite") as both:
            for rater in order:
                import_notes(both, tmp_path / f"{rater}.json")
            found = RatingBook(both)
            assert [(one.rater, one.rating, one.label) for one in found.ratings(KEY)] == [
                ("ada", 2, "ada's word"), ("eve", 5, "eve's word"),
            ]  # fmt: skip
            assert len(found.studies()) == 1
            out[order] = both.dump()
    assert len({json.dumps(rows) for rows in out.values()}) == 1


TIMES = ["2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"]
STAMPS = (st.sampled_from(["ada", "eve"]), st.sampled_from(TIMES), st.sampled_from(["u1", "u2"]))
ROWS = st.fixed_dictionaries({
    "ratings": st.lists(
        st.tuples(
            st.just(KEY), st.sampled_from(["1", "2"]), st.sampled_from(["ada", "eve"]), st.just("rating"),
            st.sampled_from(["null", "0", "5"]), *STAMPS,
        ),
        max_size=4,
    ),
    "rating_studies": st.lists(
        st.tuples(st.just(KEY), st.sampled_from([json.dumps(PLAN.to_json()), "null"]), *STAMPS), max_size=2
    ),
})  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(ROWS, ROWS)
def test_merging_ratings_is_idempotent_and_commutative(a: Rows, b: Rows) -> None:
    found = []
    for order in itertools.permutations((a, b)):
        with tempfile.TemporaryDirectory() as folder, Notes.open_file(Path(folder) / "notes.sqlite") as notes:
            for rows in (*order, order[0]):
                notes.merge(rows)
            found.append(notes.dump())
    assert found[0] == found[1]


def test_notes_file_from_before_the_ratings_gets_their_tables(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with Notes.open_file(path) as old:
        old.set_star("a" * 64, 3, True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE ratings")
        connection.execute("DROP TABLE rating_studies")
        connection.commit()
    with Notes.open_file(path) as again:
        RatingBook(again).add(PLAN)
        assert RatingBook(again).find() == PLAN
        assert again.features("a" * 64)[3].star
