"""The window notices what happens to the study's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until

from ard_gui.main_window import MainWindow
from ard_gui.views.concepts import ConceptsView
from backend.study.atomic import write_json
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    """A copy that a test may change."""
    return Study(shutil.copytree(tiny_study.root, tmp_path / "copy"))


def told(window: MainWindow) -> list[str]:
    return [one.text for one in window.session.notices.all]


def newer_retrieval(study: Study) -> None:
    """As a run that ranks anew leaves it: another file, then another `current.json`."""
    current = study.features(study.feature_ids()[0]) / "current.json"
    found = json.loads(current.read_text())
    for suffix in (".h5", ".json"):
        old = current.parent / str(found["retrieval"]).replace(".h5", suffix)
        shutil.copy(old, old.with_name(f"retrieval-0000{suffix}"))
    write_json(current, found | {"retrieval": "retrieval-0000.h5"})


def test_newer_results_are_shown_with_feature_query_and_history_kept(make_window: Make, study: Study) -> None:
    window = make_window(study)
    window.session.selection.choose(2)
    window.session.selection.choose(5)
    window.session.query.update(expression="support > 0")
    before = window.session.ranking
    newer_retrieval(study)
    until(lambda: window.session.ranking is not before)
    assert window.session.ranking is not None
    assert window.session.ranking.path.name == "retrieval-0000.h5"
    assert window.session.selection.feature == 5
    assert window.session.query.value.expression == "support > 0"
    window.session.selection.back()
    assert window.session.selection.feature == 2
    assert any("newer results" in one for one in told(window))
    assert not window.notice_bar.isVisible()


def test_features_that_come_while_the_window_waits_are_shown(make_window: Make, study: Study) -> None:
    features = study.root / "features"
    features.rename(study.root / "later")
    window = make_window()
    window.open_study(study.root)
    until(window.unfinished.isVisible)
    (study.root / "later").rename(features)
    until(lambda: window.session.lines is not None)
    assert window.page.isVisible()
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    assert view.model.rowCount() == window.session.features


def test_study_deleted_while_open_is_told_and_the_window_lives_on(make_window: Make, study: Study) -> None:
    window = make_window(study)
    kept = study.root.with_name("moved")
    study.root.rename(kept)
    until(window.notice_bar.isVisible)
    assert "the study's folder is gone" in window.notice_bar.text.text()
    assert window.session.features > 0
    kept.rename(study.root)
    until(lambda: any("there again" in one for one in told(window)))


def test_a_new_run_is_noticed(make_window: Make, study: Study) -> None:
    window = make_window(study)
    seen: list[bool] = []
    window.session.watch.runs_changed.connect(lambda: seen.append(True))
    folder = study.runs / "20990101T000000000-run-1"
    folder.mkdir(parents=True)
    write_json(folder / "request.json", {"command": "run"})
    until(lambda: bool(seen))


def test_results_of_a_later_version_are_explained(make_window: Make, study: Study) -> None:
    import h5py

    with h5py.File(study.retrieval(study.feature_ids()[0]), "r+") as file:
        file.attrs["version"] = 999
    window = make_window()
    window.open_study(study.root)
    until(window.notice_bar.isVisible)
    assert "found retrieval 999" in window.notice_bar.text.text()
    assert "Update ARD" in window.notice_bar.text.text()


def test_damaged_results_are_explained(make_window: Make, study: Study) -> None:
    path = study.retrieval(study.feature_ids()[0])
    path.write_bytes(path.read_bytes()[:2000])
    window = make_window()
    window.open_study(study.root)
    until(window.notice_bar.isVisible)
    assert "damaged" in window.notice_bar.text.text()


def test_two_windows_show_the_same_study(make_window: Make, study: Study) -> None:
    first, second = make_window(study), make_window(study)
    first.session.selection.choose(1)
    second.session.selection.choose(2)
    until(lambda: first.page.feature == 1 and second.page.feature == 2)
