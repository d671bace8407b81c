"""The map in the real window: made by a real process, coloured, lassoed, gone when the SAE changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gui.waiting import until
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.main_window import MainWindow
from ard_gui.services.map_reading import common_labels, commonest, label_names
from ard_gui.services.study_reading import OpenRanking
from ard_gui.theme import apply_theme
from ard_gui.views.map_view import MapView
from backend.cli.main import run
from backend.store.map import MapFile
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    """A copy of the tiny study that may be written to."""
    return Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")).resolve())


@pytest.fixture
def mapped(study: Study) -> Study:
    assert run(["map", str(study.root)]) == 0
    return study


def view_of(window: MainWindow) -> MapView:
    window.docks["map"].show()
    view = window.view("map")
    assert isinstance(view, MapView)
    return view


def points(view: MapView) -> int:
    return len(view.canvas.plot.places_x)


def move(plot: QWidget, place: QPoint, button: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """Move the pointer; straight to the widget, because the window is larger than the screen of the tests."""
    at, none = place.toPointF(), Qt.MouseButton.NoButton
    event = QMouseEvent(
        QEvent.Type.MouseMove, at, plot.mapToGlobal(at), none, button, Qt.KeyboardModifier.NoModifier
    )  # fmt: skip
    QApplication.sendEvent(plot, event)


def choose_colour(view: MapView, kind: str, name: str) -> None:
    view.colour.setCurrentIndex(next(i for i in range(view.colour.count()) if view.colour.itemData(i) == (kind, name)))
    view.colour.activated.emit(view.colour.currentIndex())


def test_map_is_offered_made_in_another_process_and_shown(make_window: Make, study: Study) -> None:
    view = view_of(make_window(study))
    until(lambda: view.make.isVisible())
    assert view.offer.text() == "There is no map of this SAE yet."
    QTest.mouseClick(view.make, Qt.MouseButton.LeftButton)
    assert view.stop.isVisible()
    until(lambda: points(view) > 0 and not view.maker.running, 60)
    path = study.map(study.sae_ids()[0])
    assert path is not None
    assert np.array_equal(view.canvas.plot.places_x, MapFile(path).x)
    assert view.canvas.isVisible()
    assert not view.stop.isVisible()
    assert "decoder directions" in view.told.text()


def test_map_that_is_being_made_can_be_stopped(make_window: Make, study: Study) -> None:
    view = view_of(make_window(study))
    until(lambda: view.make.isVisible())
    view.make.click()
    view.stop.click()
    until(lambda: not view.maker.running, 60)
    assert view.make.isEnabled()
    assert not view.progress.isVisible()


def test_window_that_closes_ends_the_process_that_makes_a_map(make_window: Make, study: Study) -> None:
    window = make_window(study)
    view = view_of(window)
    until(lambda: view.make.isVisible())
    view.make.click()
    assert view.maker.running
    window.close()
    assert not view.maker.running
    assert study.map(study.sae_ids()[0]) is None


def test_failure_of_the_map_is_told_with_what_to_do(make_window: Make, study: Study) -> None:
    config = study.sae(study.sae_ids()[0]) / "config.json"
    write_json(config, {**read_json(config), "weights_hash": "0" * 64})
    window = make_window(study)
    view = view_of(window)
    until(lambda: view.make.isVisible())
    view.make.click()
    until(lambda: not view.maker.running, 60)
    until(lambda: any("Run: ard retrieve" in notice.text for notice in window.session.notices.all))


def test_map_of_an_sae_that_changed_is_not_shown(make_window: Make, mapped: Study) -> None:
    config = mapped.sae(mapped.sae_ids()[0]) / "config.json"
    write_json(config, {**read_json(config), "weights_hash": "0" * 64})
    view = view_of(make_window(mapped))
    until(lambda: view.make.isVisible())
    assert points(view) == 0


def test_damaged_map_is_told_and_another_can_be_made(make_window: Make, mapped: Study) -> None:
    path = mapped.map(mapped.sae_ids()[0])
    assert path is not None
    path.write_bytes(b"damaged")
    window = make_window(mapped)
    view = view_of(window)
    until(lambda: any("map file is damaged" in notice.text for notice in window.session.notices.all))
    assert view.make.isVisible()


def test_click_on_a_point_opens_its_page_and_the_open_feature_is_ringed(make_window: Make, mapped: Study) -> None:
    window = make_window(mapped, 3)
    view = view_of(window)
    until(lambda: points(view) > 0)
    assert view.canvas.plot.current == window.session.selection.feature
    view.canvas.plot.zoom(4)
    seen = [k for k in range(points(view)) if view.canvas.plot.rect().contains(view.canvas.plot.place_of(k).toPoint())]
    place = view.canvas.plot.place_of(seen[0]).toPoint()
    meant = view.canvas.plot.feature_at(place.toPointF())
    move(view.canvas.plot, place)
    assert view.told.text().startswith(f"Feature {meant}: ")
    QTest.mouseClick(view.canvas.plot, Qt.MouseButton.LeftButton, pos=place)
    until(lambda: window.session.selection.feature == meant)
    assert view.canvas.plot.current == meant


def test_lasso_lists_its_features_and_fades_the_others(make_window: Make, mapped: Study) -> None:
    window = make_window(mapped)
    view = view_of(window)
    until(lambda: points(view) > 0)
    plot = view.canvas.plot
    view.lasso.click()
    middle, right, low = plot.width() // 2, plot.width() - 2, plot.height() - 2
    path = [QPoint(middle, 2), QPoint(right, 2), QPoint(right, low), QPoint(middle, low)]
    QTest.mousePress(plot, Qt.MouseButton.LeftButton, pos=path[0])
    for place in path[1:]:
        move(plot, place, Qt.MouseButton.LeftButton)
    QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=path[-1])
    wanted = tuple(k for k in range(points(view)) if plot.place_of(k).x() > middle)
    assert 0 < len(wanted) < points(view)
    assert window.session.query.value.chosen == wanted
    assert window.session.selection.features == wanted
    assert np.flatnonzero(plot._kept).tolist() == list(wanted)
    window.session.selection.choose_several(())
    window.session.query.clear()
    assert plot._kept is None


def test_features_are_coloured_by_columns_labels_and_own_judgements(make_window: Make, mapped: Study) -> None:
    window = make_window(mapped)
    view = view_of(window)
    until(lambda: points(view) > 0 and window.session.notes.available)
    assert view.colour.currentData() == ("number", "m")
    choose_colour(view, "number", "support")
    assert view.canvas.legend.accessibleDescription().startswith("support, clips, from ")
    choose_colour(view, "column", "status")
    assert "ok  " in view.canvas.legend.accessibleDescription()
    choose_colour(view, "own", "star")
    window.session.notes.write(lambda notes, sae: notes.set_star(sae, 5, True))
    until(lambda: "starred  1" in view.canvas.legend.accessibleDescription())
    label = next(view.colour.itemData(i) for i in range(view.colour.count()) if view.colour.itemData(i)[0] == "label")
    choose_colour(view, *label)
    until(lambda: f"{label[1]}, the commonest of H" in view.canvas.legend.accessibleDescription())
    assert "tone  " in view.canvas.legend.accessibleDescription()


def test_theme_repaints_the_map(make_window: Make, mapped: Study, application: object) -> None:
    window = make_window(mapped)
    view = view_of(window)
    until(lambda: points(view) > 0)
    try:
        apply_theme(application, "dark")  # type: ignore[arg-type]
        until(lambda: view.canvas.plot.grab().toImage().pixelColor(3, 3).lightness() < 80)
    finally:
        apply_theme(application, "light")  # type: ignore[arg-type]


def test_study_that_is_closed_leaves_no_map(make_window: Make, mapped: Study) -> None:
    window = make_window(mapped)
    view = view_of(window)
    until(lambda: points(view) > 0)
    window.session.close_study()
    assert view.offer.text() == "No study is open."
    assert not view.make.isVisible()


def test_commonest_label_is_that_of_most_clips_and_the_first_of_equals() -> None:
    codes = np.array([[1, 2, 2], [2, 1, -1], [-1, -1, -1], [0, 0, 1], [0, 0, 0]])
    assert commonest(codes, ["", "a", "b"]).tolist() == [2, 2, -1, 1, -1]


def test_label_of_a_feature_is_found_among_its_most_representative_clips(mapped: Study) -> None:
    ranking = OpenRanking(mapped, mapped.feature_ids()[0])
    assert label_names(ranking) == ("folder",)
    found = common_labels(ranking, "folder")
    with RetrievalFile(mapped.retrieval(ranking.name)) as file:
        p, k = int(file.settings["p"]), int(file.table()["support"].argmax())
        labels = [ranking.clips.labels(int(i))["folder"] for i in file.feature(k).most_clips[:p]]
    assert found[k] == max(labels, key=labels.count)
    ranking.file.close()
