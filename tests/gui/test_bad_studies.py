"""Studies of another version, half-written, empty, dead or deleted: the window says so and lives on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from gui.waiting import until
from gui.walking import concepts, copied, made_later, opened, refused, sae, said, shows, truncated

from ard_gui.main_window import MainWindow
from backend.study.atomic import write_json
from backend.study.folder import Study
from builders.synthetic_study import TINY, synthetic_study

Make = Callable[..., MainWindow]


@pytest.fixture(scope="session")
def named_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Ranked, scored and named; tests do not write to it."""
    return synthetic_study(tmp_path_factory.mktemp("named"), TINY)


@pytest.fixture
def study(named_study: Study, tmp_path: Path) -> Study:
    return copied(named_study, tmp_path / "copy")


def test_features_of_a_later_version_are_refused_with_what_to_do(make_window: Make, study: Study) -> None:
    made_later(study.retrieval(sae(study)))
    text = refused(make_window(), study)
    assert "retrieval" in text
    assert "Update ARD" in text


def test_clip_table_of_a_later_version_is_refused_with_what_to_do(make_window: Make, study: Study) -> None:
    made_later(study.clips())
    text = refused(make_window(), study)
    assert "clips" in text
    assert "Update ARD" in text


@pytest.mark.parametrize("kind", ["scores", "concepts"])
@pytest.mark.parametrize("spoil", [made_later, truncated])
def test_features_are_shown_without_scores_or_names_that_cannot_be_read(
    make_window: Make, study: Study, kind: str, spoil: Callable[[Path | None], None]
) -> None:
    path = getattr(study, kind)(sae(study))
    spoil(path)
    window = opened(make_window(), study)
    until(lambda: path.name in said(window))
    assert ("Update ARD" if spoil is made_later else "run") in said(window)
    assert ("m" in window.session.ranking.columns) == (kind == "concepts")  # type: ignore[union-attr]
    assert ("name" in window.session.ranking.columns) == (kind == "scores")  # type: ignore[union-attr]
    assert window.page.cards.cards()


def test_notes_of_a_later_version_are_left_alone_and_the_study_is_shown(make_window: Make, study: Study) -> None:
    notes = study.root / "notes.sqlite"
    from backend.store.notes.notes import Notes

    Notes.open_file(notes).close()
    with sqlite3.connect(notes) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = notes.read_bytes()
    window = opened(make_window(), study)
    until(lambda: "later version" in said(window))
    assert not window.session.notes.available
    first = window.page.cards.cards()[0]
    assert not first.up.isEnabled()
    window.close()
    assert notes.read_bytes() == before


@pytest.mark.parametrize("text", ["= no toml", "\x00\x01", "a = '\udcff'"])
def test_study_toml_that_is_no_toml_is_told_with_its_path(make_window: Make, study: Study, text: str) -> None:
    study.toml.write_bytes(text.encode("utf-8", "surrogateescape"))
    text = refused(make_window(), study)
    assert str(study.toml) in text
    assert "cannot be read" in text


def test_study_toml_without_what_the_window_needs_is_shown_all_the_same(make_window: Make, study: Study) -> None:
    study.toml.write_text("study = 3")
    assert opened(make_window(), study).page.isVisible()


def test_manifest_of_a_later_format_is_refused_with_what_to_do(make_window: Make, study: Study) -> None:
    found = json.loads(study.index_manifest.read_text())
    write_json(study.index_manifest, found | {"format": 999})
    text = refused(make_window(), study)
    assert "newer version" in text
    assert "Update ARD" in text


def test_study_without_an_index_says_what_to_run(make_window: Make, study: Study) -> None:
    study.index_manifest.unlink()
    shutil.rmtree(study.root / "features")
    window = make_window()
    window.open_study(study.root)
    until(lambda: "not been listed" in window.unfinished.told.text())
    assert window.unfinished.isVisible()
    assert window.unfinished.command.text().startswith("ard run ")


def test_index_without_features_says_what_to_run(make_window: Make, study: Study) -> None:
    shutil.rmtree(study.root / "features")
    window = make_window()
    window.open_study(study.root)
    until(lambda: "no ranked features" in window.unfinished.told.text())
    assert window.unfinished.isVisible()


def test_features_without_the_index_they_speak_of_are_refused(make_window: Make, study: Study) -> None:
    study.index_manifest.unlink()
    assert "ard index" in refused(make_window(), study)


def test_named_results_that_are_not_there_are_told_with_their_path(make_window: Make, study: Study) -> None:
    path = study.retrieval(sae(study))
    path.unlink()
    text = refused(make_window(), study)
    assert str(path) in text
    assert "missing" in text


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"retrieval": 3}'])
def test_damaged_list_of_results_is_told(make_window: Make, study: Study, text: str) -> None:
    current = study.features(sae(study)) / "current.json"
    current.write_text(text)
    found = refused(make_window(), study)
    assert str(current.parent) in found
    assert "Error:" not in found


@pytest.mark.parametrize("spoiled", ["retrieval", "clips"])
def test_truncated_results_are_told_with_their_path(make_window: Make, study: Study, spoiled: str) -> None:
    path = study.clips() if spoiled == "clips" else study.retrieval(sae(study))
    truncated(path)
    text = refused(make_window(), study)
    assert str(path) in text
    assert "damaged" in text


def test_nothing_readable_leaves_no_empty_page_without_a_word(make_window: Make, study: Study) -> None:
    truncated(study.retrieval(sae(study)))
    window = make_window()
    text = refused(window, study)
    assert concepts(window).empty.text.text() == text
    assert window.unfinished.isVisible()
    assert window.unfinished.told.text() == text
    assert "no features yet" not in window.unfinished.title.text()


def test_study_with_one_readable_sae_shows_that_one(make_window: Make, study: Study) -> None:
    first = sae(study)
    shutil.copytree(study.features(first), study.features("a-broken-one"))
    truncated(study.retrieval("a-broken-one"))
    window = make_window()
    refused(window, study)
    view = concepts(window)
    view.rankings.setCurrentIndex(view.rankings.findData(first))
    view.rankings.activated.emit(view.rankings.currentIndex())
    until(lambda: window.session.lines is not None)
    assert window.page.isVisible()
    view.rankings.setCurrentIndex(view.rankings.findData("a-broken-one"))
    view.rankings.activated.emit(view.rankings.currentIndex())
    until(lambda: view.rankings.currentData() == first)
    assert window.page.isVisible()


def test_features_of_another_list_of_clips_are_refused(make_window: Make, study: Study) -> None:
    found = json.loads(study.index_manifest.read_text())
    found["outputs"]["clip_list"] = "another"
    write_json(study.index_manifest, found)
    assert "another list of clips" in refused(make_window(), study)


def test_page_that_cannot_be_read_is_told_and_the_next_one_is_shown(make_window: Make, study: Study) -> None:
    path = study.retrieval(sae(study))
    with h5py.File(path, "r+") as file:
        file["most/clip"][3] = 1_000_000
    window = opened(make_window(), study, 90)
    window.session.selection.choose(3)
    until(window.notice_bar.isVisible)
    assert "damaged" in said(window)
    shows(window, 91)


def test_study_deleted_while_open_keeps_the_window_alive(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study)
    shutil.rmtree(study.root)
    until(lambda: "the study's folder is gone" in said(window))
    for feature in (5, 9, 2):
        window.session.selection.choose(feature)
    window.session.notes.write(lambda notes, key: notes.set_star(key, 2, True))
    window.keeper.keep()
    until(lambda: len(window.session.notices.all) > 1)
    window.session.open_study(study.root)
    until(lambda: "not a study" in said(window))
    assert not study.root.exists()
