"""Notes of colleagues become one, by whichever way they are passed on."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import ArdError
from backend.store.notes.database import Rows
from backend.store.notes.exchange import export_notes, import_notes, read_export
from backend.store.notes.notes import Notes
from backend.store.notes.records import Mark

SAE, CLIP = "a" * 64, "0123456789abcdef"
TIMES = [f"2026-01-0{n}T00:00:00.000000Z" for n in range(1, 4)]
UUIDS = ["u1", "u2", "u3"]
FEATURES = st.integers(0, 1)


def rows_of(*key: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Rows with so few keys, times and identities that all kinds of ties come about."""
    stamp = (values.map(json.dumps), st.sampled_from(["ada", "eve"]), st.sampled_from(TIMES), st.sampled_from(UUIDS))
    return st.lists(st.tuples(*key, *stamp), max_size=4)


SOME = st.fixed_dictionaries(
    {
        "feature_fields": rows_of(
            st.just(SAE), FEATURES, st.sampled_from(["name", "note"]), values=st.sampled_from(["dog", "cat", ""])
        ),
        "feature_tags": rows_of(st.just(SAE), FEATURES, st.sampled_from(["x", "y"]), values=st.booleans()),
        "clip_fields": rows_of(
            st.just(SAE), FEATURES, st.just(CLIP), st.sampled_from(["ada", "eve"]), st.just("rating"),
            values=st.sampled_from([None, 1, 5]),
        ),
        "list_entries": rows_of(
            st.sampled_from(["l1", "l2"]), st.just(SAE), FEATURES, st.just("place"),
            values=st.sampled_from([None, 1.0, 2.5]),
        ),
        "name_history": st.lists(
            st.tuples(
                st.sampled_from(UUIDS), st.just(SAE), FEATURES, st.sampled_from(["dog", "cat"]), st.just("ada"),
                st.sampled_from(TIMES),
            ),
            max_size=4,
        ),
    }
)  # fmt: skip


@contextmanager
def merged(*several: Rows) -> Iterator[Rows]:
    """What a file holds after these were merged into it one after the other."""
    with tempfile.TemporaryDirectory() as folder, Notes.open_file(Path(folder) / "notes.sqlite") as notes:
        for rows in several:
            notes.merge(rows)
        yield notes.dump()


@settings(max_examples=25, deadline=None)
@given(SOME, SOME, SOME)
def test_merging_is_idempotent_commutative_and_associative(a: Rows, b: Rows, c: Rows) -> None:
    with merged(a, b, c) as expected:
        for order in itertools.permutations((a, b, c)):
            with merged(*order, order[0]) as found:
                assert found == expected
        with merged(b, c) as both, merged(a, both, both) as nested:
            assert nested == expected


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Notes, Notes, Path]]:
    with (
        Notes.open_file(tmp_path / "ada.sqlite", author="ada") as ada,
        Notes.open_file(tmp_path / "eve.sqlite", author="eve") as eve,
    ):
        yield ada, eve, tmp_path / "notes.json"


def exchange(ada: Notes, eve: Notes, path: Path) -> None:
    """Both get what the other has."""
    export_notes(ada, path)
    import_notes(eve, path)
    export_notes(eve, path)
    import_notes(ada, path)


def test_newest_name_wins_on_both_sides_and_both_are_in_the_history(two: tuple[Notes, Notes, Path]) -> None:
    ada, eve, path = two
    ada.set_name(SAE, 3, "dog")
    ada.set_note(SAE, 3, "hers")
    eve.set_name(SAE, 3, "barking")
    exchange(ada, eve, path)
    assert ada.dump() == eve.dump()
    assert (ada.features(SAE)[3].name, ada.features(SAE)[3].note) == ("barking", "hers")
    assert [(one.name, one.author) for one in ada.history(SAE, 3)] == [("dog", "ada"), ("barking", "eve")]


def test_tags_are_united_and_one_that_was_taken_away_later_stays_away(two: tuple[Notes, Notes, Path]) -> None:
    ada, eve, path = two
    ada.add_tag(SAE, 3, "dogs")
    eve.add_tag(SAE, 3, "cats")
    exchange(ada, eve, path)
    assert ada.features(SAE)[3].tags == eve.features(SAE)[3].tags == {"dogs", "cats"}
    eve.remove_tag(SAE, 3, "dogs")
    exchange(ada, eve, path)
    assert ada.features(SAE)[3].tags == {"cats"}


def test_ratings_of_a_clip_stay_each_persons_own(two: tuple[Notes, Notes, Path]) -> None:
    ada, eve, path = two
    ada.set_rating(SAE, 3, CLIP, 5)
    eve.set_rating(SAE, 3, CLIP, 1)
    exchange(ada, eve, path)
    assert ada.clip_notes(SAE, 3)[CLIP].rating == 5
    assert ada.clip_notes(SAE, 3)[CLIP].others == {"eve": Mark(rating=1)}
    assert eve.clip_notes(SAE, 3)[CLIP].others == {"ada": Mark(rating=5)}


def test_lists_are_merged_by_their_identity_not_their_name(two: tuple[Notes, Notes, Path]) -> None:
    ada, eve, path = two
    key = ada.create_list("paper").list
    ada.add_entries(key, [(SAE, 1)])
    eve.create_list("paper")
    exchange(ada, eve, path)
    assert [one.name for one in eve.lists()] == ["paper", "paper"]
    eve.add_entries(key, [(SAE, 2)])
    ada.rename_list(key, "thesis")
    exchange(ada, eve, path)
    assert [(one.name, one.entries) for one in ada.lists()] == [("paper", 0), ("thesis", 2)]
    assert ada.dump() == eve.dump()


def test_import_is_taken_back_as_one_change(two: tuple[Notes, Notes, Path]) -> None:
    ada, eve, path = two
    ada.set_star(SAE, [1, 2], True)
    eve.set_name(SAE, 1, "kept")
    export_notes(ada, path)
    change = import_notes(eve, path)
    assert change.label == "import notes.json"
    eve.revert(change)
    assert list(eve.features(SAE)) == [1]
    assert not import_notes(eve, path), "what was taken back after the export is newer than it"


def test_own_writing_wins_over_a_name_from_a_clock_that_is_ahead(two: tuple[Notes, Notes, Path]) -> None:
    ada, _, path = two
    ada.set_name(SAE, 3, "dog")
    export_notes(ada, path)
    ahead = path.read_text(encoding="utf-8").replace(ada.history(SAE, 3)[0].time, "2999-12-31T23:59:59.999999Z")
    path.write_text(ahead.replace('"dog"', '"future"').replace(ada.dump()["name_history"][0][0], "f" * 32))
    import_notes(ada, path)
    assert ada.features(SAE)[3].name == "future"
    ada.set_name(SAE, 3, "mine")
    exchange(ada, ada, path)
    assert ada.features(SAE)[3].name == "mine"


def test_export_says_whose_it_is_and_reads_back_to_the_same_rows(two: tuple[Notes, Notes, Path]) -> None:
    ada, _, path = two
    ada.set_name(SAE, 3, 'a "quoted" ünïcode 🐈\u2028 name')
    ada.save_query("q", {"b": 1, "a": [None, 0.1]})
    count = export_notes(ada, path, saes={"encoder.1": SAE})
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (document["format"], document["version"], document["author"]) == ("ard-notes", 1, "ada")
    assert document["saes"] == {"encoder.1": SAE}
    assert read_export(path) == ada.dump()
    assert count == 3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: {**d, "format": "other"}, "not an export of notes"),
        (lambda d: {**d, "version": 2}, "later version"),
        (lambda d: {**d, "feature_fields": 3}, "is no list"),
        (lambda d: [d], "not an export of notes"),
        (lambda d: with_row(d, value=1), "row 1 of 'feature_fields' cannot be kept: 1 is no text"),
        (lambda d: with_row(d, feature="3"), "'3' is no feature"),
        (lambda d: with_row(d, time="yesterday"), "yesterday"),
        (lambda d: with_row(d, field="colour"), "no field 'colour'"),
        (lambda d: with_row(d, uuid="../x"), "no uuid"),
        (lambda d: {**d, "feature_fields": [{"sae": SAE}]}, "'feature' is missing"),
        (lambda d: {**d, "feature_fields": ["x"]}, "it is no row"),
    ],
)
def test_file_that_is_no_export_is_refused_with_its_reason_and_nothing_changes(
    two: tuple[Notes, Notes, Path], spoil: Any, said: str
) -> None:
    ada, eve, path = two
    ada.set_name(SAE, 3, "dog")
    ada.set_star(SAE, 1, True)
    export_notes(ada, path)
    path.write_text(json.dumps(spoil(json.loads(path.read_text(encoding="utf-8")))))
    with pytest.raises(ArdError) as caught:
        import_notes(eve, path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert not any(eve.dump().values())


def with_row(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    row = next(one for one in document["feature_fields"] if one["field"] == "name")
    return {**document, "feature_fields": [{**row, **changes}]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100000, "\xff"])
def test_file_that_is_no_json_is_refused(two: tuple[Notes, Notes, Path], text: str) -> None:
    ada, _, path = two
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ArdError, match="cannot be read as an export of notes"):
        import_notes(ada, path)
