"""Every judgement is kept at once, can be taken back, and belongs to what it was made of."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ArdError
from backend.store.notes.changes import Conflict
from backend.store.notes.notes import Notes
from backend.store.notes.records import ClipNote, FeatureNote, Mark, Orphan

SAE, OTHER = "a" * 64, "b" * 64
CLIP = "0123456789abcdef"
AWKWARD = "نَمَط 👩‍🎤 " + "long " * 60


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    with Notes.open_file(tmp_path / "notes.sqlite", author="ada") as opened:
        yield opened


def of(notes: Notes, feature: int = 3) -> FeatureNote:
    return notes.features(SAE).get(feature, FeatureNote(feature))


def test_everything_noted_of_a_feature_is_read_in_one_snapshot(notes: Notes) -> None:
    notes.set_star(SAE, 3, True)
    notes.set_name(SAE, 3, AWKWARD)
    notes.set_note(SAE, 3, "first line\r\nsecond")
    notes.set_verdict(SAE, 3, "not monosemantic")
    notes.add_tag(SAE, 3, " birds,  owls ")
    notes.add_tag(SAE, 3, "wind")
    found = of(notes)
    assert (found.star, found.name, found.verdict) == (True, AWKWARD.strip(), "not monosemantic")
    assert found.note == "first line\nsecond"
    assert found.tags == {"birds owls", "wind"}
    assert found.tag_text == "birds owls, wind"
    assert notes.features(OTHER) == {}


def test_notes_are_there_when_the_file_is_opened_again(notes: Notes) -> None:
    notes.set_star(SAE, [3, 4], True)
    notes.set_rating(SAE, 3, CLIP, 5)
    with Notes.open_file(notes.path, author="ada") as again:
        assert list(again.features(SAE)) == [3, 4]
        assert again.clip_notes(SAE, 3) == {CLIP: ClipNote(rating=5, clip=CLIP)}


def test_name_keeps_its_whole_history_and_the_empty_name_removes_it(notes: Notes) -> None:
    for name in ("dog", "barking dog", ""):
        notes.set_name(SAE, 3, name)
    assert notes.features(SAE) == {}
    assert [(one.name, one.author) for one in notes.history(SAE, 3)] == [
        ("dog", "ada"), ("barking dog", "ada"), ("", "ada"),
    ]  # fmt: skip
    times = [one.time for one in notes.history(SAE, 3)]
    assert times == sorted(set(times))


def test_change_that_changes_nothing_is_false_and_leaves_no_trace(notes: Notes) -> None:
    assert notes.set_name(SAE, 3, "dog")
    assert not notes.set_name(SAE, 3, " dog ")
    assert not notes.set_star(SAE, 3, False)
    assert len(notes.history(SAE, 3)) == 1


def test_changes_are_taken_back_one_after_the_other_and_made_again(notes: Notes) -> None:
    changes = [notes.set_name(SAE, 3, name) for name in ("dog", "cat", "cow")]
    redo = []
    for change, left in zip(reversed(changes), ("cat", "dog", ""), strict=True):
        redo.append(notes.revert(change))
        assert of(notes).name == left
    undo = []
    for change, there in zip(reversed(redo), ("dog", "cat", "cow"), strict=True):
        undo.append(notes.revert(change))
        assert of(notes).name == there
    notes.revert(undo[-1])
    assert of(notes).name == "cat"
    assert changes[0].label == "name feature 3"


def test_features_may_be_numbers_of_numpy(notes: Notes) -> None:
    notes.set_star(SAE, np.array([3, 4]), True)  # type: ignore[arg-type]
    notes.set_name(SAE, np.int64(4), "owl")  # type: ignore[arg-type]
    assert {k: (one.star, one.name) for k, one in notes.features(SAE).items()} == {3: (True, ""), 4: (True, "owl")}


def test_one_change_of_many_features_is_taken_back_as_one(notes: Notes) -> None:
    notes.set_star(SAE, 5, True)
    change = notes.set_star(SAE, range(10), True)
    assert change.label == "star 10 features"
    assert len(change.rows) == 9
    notes.revert(change)
    assert list(notes.features(SAE)) == [5]


def test_change_of_another_window_is_not_overwritten_by_taking_back(notes: Notes) -> None:
    mine = notes.set_star(SAE, [3, 4], True)
    with Notes.open_file(notes.path, author="eve") as other:
        before = notes.state()
        other.set_star(SAE, 4, False)
        assert notes.state() != before
    with pytest.raises(Conflict, match=r"'star 2 features' cannot be taken back: .* by eve"):
        notes.revert(mine)
    assert list(notes.features(SAE)) == [3]


def test_change_of_another_field_in_another_window_is_no_conflict(notes: Notes) -> None:
    mine = notes.set_star(SAE, 3, True)
    with Notes.open_file(notes.path) as other:
        other.set_name(SAE, 3, "owl")
    notes.revert(mine)
    assert (of(notes).star, of(notes).name) == (False, "owl")


def test_each_person_has_one_judgement_of_a_clip(notes: Notes) -> None:
    notes.set_thumb(SAE, 3, CLIP, 1)
    notes.set_rating(SAE, 3, CLIP, 2)
    notes.set_rating(SAE, 3, CLIP, 4)
    with Notes.open_file(notes.path, author="eve") as other:
        other.set_comment(SAE, 3, CLIP, "too loud")
        assert other.clip_notes(SAE, 3)[CLIP] == ClipNote(
            comment="too loud", clip=CLIP, others={"ada": Mark(thumb=1, rating=4)}
        )
    assert notes.clip_notes(SAE, 3)[CLIP].others == {"eve": Mark(comment="too loud")}
    assert notes.all_clip_notes(SAE) == {3: notes.clip_notes(SAE, 3)}
    assert notes.clip_notes(SAE, 4) == {}


def test_judgement_that_is_taken_away_leaves_no_clip(notes: Notes) -> None:
    notes.set_rating(SAE, 3, CLIP, 4)
    notes.set_rating(SAE, 3, CLIP, None)
    assert notes.clip_notes(SAE, 3) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda n: n.set_rating(SAE, 3, CLIP, 6),
        lambda n: n.set_rating(SAE, 3, CLIP, True),
        lambda n: n.set_thumb(SAE, 3, CLIP, 2),
        lambda n: n.set_verdict(SAE, 3, "maybe"),
        lambda n: n.set_star(SAE, [3, -1], True),
        lambda n: n.set_star("no key / at all", 3, True),
        lambda n: n.add_tag(SAE, 3, " , "),
        lambda n: n.save_query("", {}),
        lambda n: n.save_query("q", float("nan")),
        lambda n: n.create_list("  "),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_of_it_is_written(notes: Notes, wrong: object) -> None:
    with pytest.raises(ArdError):
        wrong(notes)  # type: ignore[operator]
    assert not any(notes.dump().values())


def test_texts_that_no_file_could_hold_are_made_whole(notes: Notes) -> None:
    notes.set_note(SAE, 3, "half \ud83d sign\x00\x07 end")
    assert of(notes).note == "half ? sign end"


def test_saved_queries_come_back_as_they_were(notes: Notes) -> None:
    query = {"where": 'm > 3 and name ~ "rain"', "sort": ["m", True], "limits": [0.5, None]}
    notes.save_query("good ones", query)
    gone = notes.delete_query("good ones")
    assert notes.queries() == {}
    notes.revert(gone)
    assert notes.queries() == {"good ones": query}


def test_notes_of_an_sae_that_is_gone_are_listed_and_stay(notes: Notes) -> None:
    notes.set_star(OTHER, [1, 2], True)
    notes.add_tag(OTHER, 2, "x")
    notes.set_thumb(OTHER, 1, CLIP, 1)
    notes.add_entries(notes.create_list("mine").list, [(OTHER, 7), (SAE, 1)])
    assert notes.orphans([SAE]) == [Orphan(OTHER, features=2, clips=1, entries=1)]
    assert notes.orphans([SAE, OTHER]) == []
    assert list(notes.features(OTHER)) == [1, 2]


def test_connection_of_one_thread_is_refused_to_another(notes: Notes) -> None:
    found: list[BaseException] = []

    def other() -> None:
        try:
            notes.features(SAE)
        except (ArdError, sqlite3.Error) as error:
            found.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert "thread" in str(found[0])
