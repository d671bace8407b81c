"""`ard rating` draws a blind study, shows how far it is without lifting the blind, sums it up and writes it out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.store.notes.notes import Notes
from backend.store.notes.rating_book import Listened, RatingBook
from backend.study.folder import Study
from builders.rating_studies import name_by_hand

Ard = Callable[..., tuple[int, str, str]]


@pytest.fixture
def methods(copied: Study) -> list[str]:
    found = copied.feature_ids()
    for one in found:
        name_by_hand(copied, one)
    return found


@pytest.fixture
def key(ard: Ard, copied: Study, methods: list[str]) -> str:
    """A study of two methods with three concepts each, rated by two people as far as item 2."""
    words = [word for one in methods for word in ("--method", one)]
    status, out, err = ard("rating", "new", copied.root, *words, "--concepts", 3, "--seed", 1, "--name", "mine")
    assert (status, "6 concepts of 2 methods, 2 clips each: mine" in err) == (0, True)
    with Notes.open(copied) as notes:
        book = RatingBook(notes)
        for rater, ratings in (("ada", (2, 4)), ("eve", (3,))):
            for item, rating in enumerate(ratings, start=1):
                book.set_label(out.strip(), item, rater, f"a bell, {rater}", Listened((1, 2), 10.0, heard=(0.4, 0.5)))
                book.set_rating(out.strip(), item, rater, rating, "", Listened((0, 0), 2.5))
                book.close(out.strip(), item, rater)
    return out.strip()


def test_new_twice_and_with_too_few_names_is_refused(ard: Ard, copied: Study, key: str, methods: list[str]) -> None:
    words = [word for one in methods for word in ("--method", one)]
    status, _, err = ard("rating", "new", copied.root, *words, "--concepts", 3, "--seed", 1)
    assert (status, key in err) == (1, True)
    status, _, err = ard("rating", "new", copied.root, "--method", methods[0], "--concepts", 9999)
    assert (status, "9999 are wanted" in err) == (1, True)


def test_list_and_show_tell_progress_and_no_item(ard: Ard, copied: Study, key: str) -> None:
    status, out, _ = ard("rating", "list", copied.root, "--json")
    (found,) = json.loads(out)["ratings"]
    assert (status, found["key"], found["items"], found["raters"]) == (0, key, 6, {"ada": 2, "eve": 1})
    for words in (("list",), ("show",), ("show", "--json"), ("show", "--rating", "mine")):
        status, out, _ = ard("rating", words[0], copied.root, *words[1:])
        assert (status, "mine" in out, "sound " in out) == (0, True, False)


def test_summary_gives_the_figures_of_each_method(ard: Ard, copied: Study, key: str) -> None:
    with Notes.open(copied) as notes:
        items = RatingBook(notes).find(key).items
    expected: dict[str, list[int]] = {}
    for item, rating in ((items[0], 2), (items[1], 4), (items[0], 3)):
        expected.setdefault(item.method, []).append(rating)
    status, out, _ = ard("rating", "summary", copied.root, "--json")
    found = {one["method"]: one for one in json.loads(out)["methods"]}
    assert status == 0
    for method, ratings in expected.items():
        assert found[method]["ratings"] == len(ratings)
        assert found[method]["mean"] == pytest.approx(sum(ratings) / len(ratings))
    status, out, _ = ard("rating", "summary", copied.root, "--rating", key)
    assert (status, "alpha_interval" in out) == (0, True)


def test_export_has_one_row_per_rater_and_item_with_the_method(
    ard: Ard, copied: Study, key: str, tmp_path: Path
) -> None:
    status, _, err = ard("rating", "export", copied.root, "--out", tmp_path / "r.csv")
    assert (status, "3 ratings" in err) == (0, True)
    with Notes.open(copied) as notes:
        items = RatingBook(notes).find(key).items
    with open(tmp_path / "r.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["rater"], row["order"], row["rating"]) for row in rows] == [
        ("ada", "1", "2"), ("ada", "2", "4"), ("eve", "1", "3"),
    ]  # fmt: skip
    first = rows[0]
    assert (first["method"], first["feature"], first["name"]) == (
        items[0].method, str(items[0].feature), items[0].name,
    )  # fmt: skip
    assert (first["label"], first["plays"], first["heard"], first["replays"]) == (
        "a bell, ada",
        "1 2",
        "0.4 0.5",
        "0 0",
    )
    assert (first["label_seconds"], first["rating_seconds"], first["closed"]) == ("10.0", "2.5", "true")
    assert first["clips"] == " | ".join(one.record for one in items[0].clips)
    assert first["labelled"] < first["rated"]
    ard("rating", "export", copied.root, "--out", tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [one["plays"] for one in found["ratings"]] == [[1, 2], [1, 2], [1, 2]]
    assert found["plan"]["key"] == key
    status, _, err = ard("rating", "export", copied.root, "--out", tmp_path / "r.txt")
    assert (status, ".csv or .json" in err) == (1, True)


def test_study_nothing_was_noted_on_says_how_to_begin(ard: Ard, copied: Study) -> None:
    (copied.root / "notes.sqlite").unlink(missing_ok=True)
    status, _, err = ard("rating", "summary", copied.root)
    assert (status, "ard rating new" in err) == (1, True)
