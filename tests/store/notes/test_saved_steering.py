"""Saved steering results: checked, kept for good, edited, taken away, merged."""

from __future__ import annotations

import copy
import json
import math
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import ArdError
from backend.store.notes.database import Rows, read_loosely
from backend.store.notes.exchange import export_notes, import_notes
from backend.store.notes.notes import Notes
from backend.store.notes.steering import (
    CONDITIONS,
    DECODE,
    MODES,
    POSITIONS,
    AnswerToken,
    Condition,
    Override,
    SteeringResult,
    default_title,
)
from backend.store.notes.steering_document import LaterVersion, checked_document, from_json, result_id
from builders.steering_results import SAE, toy_result

TIMES = [f"2026-01-0{n}T00:00:00.000000Z" for n in range(1, 4)]


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    with Notes.open_file(tmp_path / "notes.sqlite", author="ada") as opened:
        yield opened


def test_result_reads_back_as_it_was_saved(notes: Notes) -> None:
    result = toy_result()
    made = notes.add_result(result, "cats", "look\nagain").result
    assert notes.steering_result(made) == result
    (saved,) = notes.saved_results()
    assert (saved.id, saved.sae, saved.heading, saved.note) == (made, SAE, "cats", "look\nagain")
    assert saved.contents.answers["steered"] == "a cat purrs."
    assert (saved.contents.features, saved.contents.clip) == (result.features, result.clip)
    assert saved.contents.author == "ada"


def test_result_without_a_title_is_called_by_its_features_and_clip(notes: Notes) -> None:
    notes.add_result(toy_result())
    assert notes.saved_results()[0].heading == "cat, feature 99 on dogs/one.wav"
    many = toy_result(features=tuple(Override(k, 1.0) for k in range(5)))
    assert default_title(many) == "feature 0, feature 1, feature 2 and 2 more on dogs/one.wav"


def test_results_stand_with_the_newest_first(notes: Notes) -> None:
    made = [notes.add_result(toy_result(seed=seed)).result for seed in range(3)]
    assert [one.id for one in notes.saved_results()] == made[::-1]


def test_result_without_a_time_gets_that_of_saving(notes: Notes) -> None:
    made = notes.add_result(toy_result(time="")).result
    assert notes.steering_result(made).time[:2] == "20"


def test_numbers_of_numpy_are_kept_as_numbers(notes: Notes) -> None:
    result = toy_result(features=(Override(np.int64(3), np.float32(0.5), np.float64(2.0)),), seed=np.int32(4))
    conditions = {"steered": replace(result.conditions["steered"], survived=(np.float32(1.0),))}
    made = notes.add_result(replace(result, conditions=conditions)).result
    kept = notes.steering_result(made)
    assert (kept.features, kept.seed, kept.conditions["steered"].survived) == ((Override(3, 0.5, 2.0),), 4, (1.0,))


def test_signs_that_cannot_be_stored_are_left_out_of_texts(notes: Notes) -> None:
    made = notes.add_result(toy_result(prompt="one\x00two\r\n\ud800")).result
    assert notes.steering_result(made).prompt == "onetwo\n?"


def spoilt(place: str, value: Any) -> dict[str, Any]:
    """The document of the toy result with one place replaced; `...` removes it."""
    document = copy.deepcopy(toy_result().to_json())
    *way, last = [int(word) if word.isdecimal() else word for word in place.split(".")]
    at: Any = document
    for step in way:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return document


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("v", 0, "v: 0 is no whole number"),
        ("v", True, "v: True is no whole number"),
        ("mode", "twist", "mode: 'twist' is none of pre_topk"),
        ("positions", "all", "positions: 'all' is none of none, audio, prompt"),
        ("decode", None, "decode: None is none of"),
        ("add_error", 1, "add_error: 1 is neither true nor false"),
        ("temperature", math.inf, "temperature: inf is no finite number"),
        ("temperature", -1.0, "temperature: -1.0 is no finite number from 0"),
        ("seed", 1.5, "seed: 1.5 is no whole number"),
        ("max_new_tokens", -1, "max_new_tokens: -1 is no whole number"),
        ("prompt", "x" * 100_001, "prompt: 100001 characters"),
        ("time", "yesterday", "time: 'yesterday' is no time"),
        ("clip.end", math.nan, "clip.end: nan is no finite number"),
        ("clip.record", ..., "clip: 'record' is missing"),
        ("clip.colour", "red", "clip: there is no field 'colour'"),
        ("features.0.value", math.nan, "features[0].value: nan is no finite number"),
        ("features.0.value", "3", "features[0].value: '3' is no finite number"),
        ("features.1.feature", -1, "features[1].feature: -1 is no whole number"),
        ("features", {}, "features: it is no list"),
        ("features", [{}] * 1025, "features: 1025 entries"),
        ("conditions", {}, "conditions: there is none"),
        ("conditions.twisted", {}, "conditions: 'twisted' is none of"),
        ("conditions.steered.kl.first", math.inf, "conditions.steered.kl.first: inf is no finite number"),
        ("conditions.steered.tokens.0.probability", 1.5, "tokens[0].probability: 1.5 is not between 0 and 1"),
        ("conditions.steered.tokens.0.top.0", ["a"], "tokens[0].top[0]: it is no text with its probability"),
        ("conditions.steered.survived", [1.0], "conditions.steered.survived: 1 numbers for 2 features"),
        ("conditions.steered.coherent", "yes", "coherent: 'yes' is neither true nor false"),
        ("made_with", [], "made_with: no object"),
    ],
)
def test_wrong_field_is_refused_by_its_place(place: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        checked_document(spoilt(place, value))


def test_nan_is_refused_with_its_field_and_nothing_is_saved(notes: Notes) -> None:
    with pytest.raises(ArdError, match=r"cannot be kept: features\[0\].value: nan is no finite number"):
        notes.add_result(toy_result(features=(Override(1, math.nan),)))
    assert not any(notes.dump().values())


def test_shares_that_rounding_left_beyond_one_are_one() -> None:
    document = spoilt("conditions.steered.tokens.0.probability", 1.0000001)
    assert from_json(document).conditions["steered"].tokens[0].probability == 1.0


def test_document_of_more_than_eight_megabytes_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 8 MB"):
        checked_document({"v": 2, "text": "x" * 9_000_000})


def test_same_content_has_the_same_id_and_another_content_another() -> None:
    one, other = (checked_document(toy_result(seed=seed).to_json()) for seed in (7, 8))
    shuffled = dict(reversed(one.items()))
    assert result_id(one) == result_id(shuffled) != result_id(other)
    assert len(result_id(one)) == 36


def test_saving_editing_and_deleting_are_taken_back_and_made_again(notes: Notes) -> None:
    saved = notes.add_result(toy_result(), "cats")
    edits = [notes.title_result(saved.result, "purring"), notes.note_result(saved.result, "good one")]
    edits.append(notes.delete_result(saved.result))
    assert notes.saved_results() == []
    undone = [notes.revert(change) for change in reversed([saved, *edits])]
    assert notes.saved_results(deleted=True) == []
    for change in reversed(undone):
        notes.revert(change)
    (found,) = notes.saved_results(deleted=True)
    assert (found.title, found.note, found.deleted) == ("purring", "good one", True)


def test_deleted_result_is_kept_and_comes_back_with_its_note(notes: Notes) -> None:
    made = notes.add_result(toy_result(), note="mine").result
    notes.delete_result(made)
    assert [one.deleted for one in notes.saved_results(deleted=True)] == [True]
    assert notes.steering_result(made) == toy_result()
    notes.restore_result(made)
    assert [one.note for one in notes.saved_results()] == ["mine"]


def test_saving_the_same_again_brings_a_deleted_one_back_and_keeps_its_note(notes: Notes) -> None:
    made = notes.add_result(toy_result(), note="mine").result
    assert not notes.add_result(toy_result())
    notes.delete_result(made)
    assert notes.add_result(toy_result()).result == made
    assert [one.note for one in notes.saved_results()] == ["mine"]


def test_result_is_found_by_id_beginning_or_title(notes: Notes) -> None:
    first = notes.add_result(toy_result(), "cats").result
    second = notes.add_result(toy_result(seed=8), "cats").result
    notes.title_result(second, "dogs")
    assert [notes.find_result(asked).id for asked in (first, first[:8], "cats", "dogs")] == [
        first, first, first, second,
    ]  # fmt: skip
    notes.title_result(second, "cats")
    with pytest.raises(ArdError, match="there are 2 saved results 'cats'"):
        notes.find_result("cats")
    with pytest.raises(ArdError, match="no saved result 'birds'"):
        notes.find_result("birds")
    for act in (notes.delete_result, notes.steering_result):
        with pytest.raises(ArdError, match="there is no saved result nothing"):
            act("nothing")


def test_contents_that_are_known_are_not_read_again(notes: Notes) -> None:
    made = notes.add_result(toy_result()).result
    (first,) = notes.saved_results()
    notes.title_result(made, "other")
    (again,) = notes.saved_results(known={made: first.contents})
    assert again.contents is first.contents
    assert again.title == "other"


def test_results_of_an_sae_that_is_gone_are_orphans_and_deleted_ones_are_not(notes: Notes) -> None:
    made = notes.add_result(toy_result()).result
    notes.add_result(toy_result(sae="b" * 64))
    assert [(one.sae, one.results) for one in notes.orphans(["b" * 64])] == [(SAE, 1)]
    notes.delete_result(made)
    assert notes.orphans(["b" * 64]) == []


def later(notes: Notes, path: Path) -> str:
    """The id of a result of version 2 that was imported into `notes`."""
    document = {"v": 2, "sae": SAE, "new": [1, {"deep": 0.5}]}
    key, stamp = {"sae": SAE, "result": "00000000-0000-4000-8000-000000000000"}, {"author": "eve", "time": TIMES[0]}
    rows = [
        {**key, **stamp, "field": "document", "value": document, "uuid": "u1"},
        {**key, **stamp, "field": "deleted", "value": False, "uuid": "u2"},
    ]
    path.write_text(json.dumps({"format": "ard-notes", "version": 1, "steering_results": rows}))
    import_notes(notes, path)
    return key["result"]


def test_result_of_a_later_version_is_listed_as_unreadable_and_passed_on_whole(notes: Notes, tmp_path: Path) -> None:
    made = later(notes, tmp_path / "n.json")
    (found,) = notes.saved_results()
    assert "later version of ARD" in found.contents.problem
    assert found.heading == "result 00000000"
    with pytest.raises(ArdError, match="later version"):
        notes.steering_result(made)
    notes.note_result(made, "what is it?")
    notes.delete_result(made)
    notes.restore_result(made)
    export_notes(notes, tmp_path / "on.json")
    with Notes.open_file(tmp_path / "eve.sqlite") as other:
        import_notes(other, tmp_path / "on.json")
        assert other.steering_document(made) == {"v": 2, "sae": SAE, "new": [1, {"deep": 0.5}]}
    with pytest.raises(LaterVersion):
        from_json(notes.steering_document(made))


def test_content_that_does_not_fit_its_uuid_is_refused(notes: Notes, tmp_path: Path) -> None:
    notes.add_result(toy_result())
    export_notes(notes, tmp_path / "n.json")
    text = (tmp_path / "n.json").read_text(encoding="utf-8")
    (tmp_path / "n.json").write_text(text.replace("a cat purrs.", "a cat barks."))
    with Notes.open_file(tmp_path / "eve.sqlite") as other:
        with pytest.raises(ArdError, match="not the content that its SAE and its uuid stand for"):
            import_notes(other, tmp_path / "n.json")
        assert other.saved_results(deleted=True) == []


def test_document_that_was_damaged_in_the_file_is_listed_with_the_reason(notes: Notes) -> None:
    made = notes.add_result(toy_result(), "cats").result
    notes.database.execute("UPDATE steering_results SET value = '{\"v\":1}' WHERE field = 'document'", ())
    (found,) = notes.saved_results()
    assert (found.heading, found.contents.problem) == ("cats", "its content is damaged: 'sae' is missing")
    with pytest.raises(ArdError, match="cannot be read: 'sae' is missing"):
        notes.steering_result(made)


def test_file_from_before_results_were_saved_gains_them_and_keeps_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with Notes.open_file(path) as notes:
        notes.set_name(SAE, 3, "dog")
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE steering_results")
    assert read_loosely(path)["steering_results"] == []
    with Notes.open_file(path) as notes:
        notes.add_result(toy_result())
        assert (len(notes.saved_results()), notes.features(SAE)[3].name) == (1, "dog")


def test_colleagues_exchange_results_titles_and_deletions(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    with (
        Notes.open_file(tmp_path / "ada.sqlite", author="ada") as ada,
        Notes.open_file(tmp_path / "eve.sqlite", author="eve") as eve,
    ):
        hers = ada.add_result(toy_result(), "cats").result
        eve.add_result(toy_result(seed=8), "dogs")
        for one, other in ((ada, eve), (eve, ada)):
            export_notes(one, path)
            import_notes(other, path)
        assert {(one.title, one.contents.author) for one in ada.saved_results()} == {("cats", "ada"), ("dogs", "eve")}
        eve.title_result(hers, "lions")
        ada.note_result(hers, "roar")
        ada.delete_result(hers)
        for one, other in ((ada, eve), (eve, ada)):
            export_notes(one, path)
            import_notes(other, path)
        assert ada.dump() == eve.dump()
        (gone,) = [one for one in eve.saved_results(deleted=True) if one.deleted]
        assert (gone.title, gone.note) == ("lions", "roar")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.floats(0, 1)
TEXTS = st.text(max_size=8)
TOKENS = st.builds(
    AnswerToken, TEXTS, st.integers(0, 2**31 - 1), SHARES,
    st.lists(st.tuples(TEXTS, SHARES), max_size=3).map(tuple),
)  # fmt: skip


@st.composite
def some_result(draw: st.DrawFn) -> SteeringResult:
    overrides = st.builds(Override, st.integers(0, 2**31 - 1), NUMBERS, st.none() | NUMBERS, TEXTS)
    features = draw(st.lists(overrides, max_size=3).map(tuple))
    survived = st.just(()) | st.tuples(*[st.none() | SHARES for _ in features])
    condition = st.builds(
        Condition, TEXTS, st.lists(TOKENS, max_size=2).map(tuple), st.none() | NUMBERS, st.none() | NUMBERS,
        st.none() | SHARES, st.none() | st.booleans(), st.booleans(), survived,
    )  # fmt: skip
    conditions = draw(st.dictionaries(st.sampled_from(CONDITIONS), condition, min_size=1))
    return toy_result(
        features=features, conditions=conditions, prompt=draw(TEXTS), mode=draw(st.sampled_from(MODES)),
        positions=draw(st.sampled_from(POSITIONS)), decode=draw(st.sampled_from(DECODE)),
        temperature=draw(st.floats(0, 1e300)), seed=draw(st.integers(0, 2**64)),
    )  # fmt: skip


@settings(deadline=None)
@given(some_result())
def test_any_result_reads_back_from_its_document_as_text(result: SteeringResult) -> None:
    document = checked_document(result.to_json())
    again = json.loads(json.dumps(document))
    assert from_json(again) == result
    assert result_id(again) == result_id(document)


DOCUMENTS = [checked_document(toy_result(seed=seed).to_json()) for seed in (1, 2)]
FIELDS = st.one_of(
    st.tuples(st.just("title"), st.sampled_from(["cats", "dogs", ""])),
    st.tuples(st.just("deleted"), st.booleans()),
    st.tuples(st.just("document"), st.just(None)),
    st.tuples(st.just("document"), st.just(...)),
)


@st.composite
def some_rows(draw: st.DrawFn) -> Rows:
    """Rows of two results with so few times and identities that all kinds of ties come about."""
    rows = []
    for _ in range(draw(st.integers(0, 5))):
        document, (name, value) = draw(st.sampled_from(DOCUMENTS)), draw(FIELDS)
        text = json.dumps(document if value is ... else value)
        author, time, identity = (draw(st.sampled_from(one)) for one in (["ada", "eve"], TIMES, ["u1", "u2"]))
        rows.append((SAE, result_id(document), name, text, author, time, identity))
    return {"steering_results": rows}


def merged(*several: Rows) -> Rows:
    """What a file holds after these were merged into it one after the other."""
    with tempfile.TemporaryDirectory() as folder, Notes.open_file(Path(folder) / "notes.sqlite") as notes:
        for rows in several:
            notes.merge(rows)
        for one in notes.saved_results(deleted=True):
            assert not one.contents.problem
        return notes.dump()


@settings(max_examples=15, deadline=None)
@given(some_rows(), some_rows(), some_rows(), st.data())
def test_merging_results_is_idempotent_commutative_and_associative(
    a: Rows, b: Rows, c: Rows, data: st.DataObject
) -> None:
    expected = merged(a, b, c)
    order = data.draw(st.permutations((a, b, c)))
    assert merged(*order, order[0]) == expected
    assert merged(a, merged(b, c), a) == expected
