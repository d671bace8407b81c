"""The steerability profile in the real window: measured by a real process, shown, read cell by cell, stopped, told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.theme import apply_theme
from ard_gui.views.steering.profile import NONE_YET, SteerabilityProfile
from backend.steer.shares import Share
from backend.steer.steerability.recommendation import recommend
from backend.store.steerability import folder, name
from backend.study.folder import Study
from backend.study.manifest import read_manifest, write_manifest

Make = Callable[..., MainWindow]
LAYERS, STRENGTHS = ["decoder.0", "decoder.1"], [1.0, 2.0]


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    """A copy of the tiny study that may be written to."""
    return Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")).resolve())


def written(study: Study, hits: int = 18) -> None:
    """A profile whose first layer is steered at the audio positions, and whose second is not steered at all."""
    cells = [
        {
            "layer": layer, "place": place, "strength": strength,
            "steered": Share(hits if (layer, strength) == ("decoder.0", 2.0) else 0, 20).as_json(),
            "control": Share(1, 20).as_json(), "coherent": Share(19, 20).as_json(), "displacement": 3.0,
            "by_target": {},
        }
        for layer in LAYERS for place in ("audio", "prompt", "answer") for strength in STRENGTHS
    ]  # fmt: skip
    path = folder(study) / f"{hits:016d}.json"
    write_manifest(
        path, stage="steerability", fingerprint=path.stem,
        settings={
            "label": "folder", "classes": ["noise", "tone"], "layers": LAYERS, "strengths": STRENGTHS,
            "prompt": "What is it?", "outcome": "target",
        },
        inputs={"clips": read_manifest(study.index_manifest)["outputs"]["clip_list"]},
        outputs={"cells": cells, "recommendation": recommend(LAYERS, cells), "left_out": {}},
        figures={"clips": 20, "right": 15, "already_target": 0}, seconds=1.0,
    )  # fmt: skip
    name(study, path)


def view_of(window: MainWindow) -> SteerabilityProfile:
    window.actions_table["steering.profile"].trigger()
    found = window.view("steerability")
    assert isinstance(found, SteerabilityProfile)
    assert window.docks["steerability"].isVisible()
    return found


def filled(view: SteerabilityProfile) -> bool:
    return view.cells.isVisible() and view.cells.rowCount() > 0


def test_profile_is_offered_with_its_command_and_measured_in_another_process(make_window: Make, study: Study) -> None:
    view = view_of(make_window(study))
    until(lambda: view.offer.text() == NONE_YET)
    assert view.command.text() == f"ard steerability {study.root} --label folder"
    assert view.label.currentText() == "folder"
    QTest.mouseClick(view.measure, Qt.MouseButton.LeftButton)
    assert view.stop.isVisible()
    assert not view.measure.isEnabled()
    until(lambda: filled(view) and not view.measuring.running, 120)
    assert view.cells.rowCount() == 3
    # the tiny study's model is a Whisper: nobody can read a class from its transcripts
    assert "transcripts that change" in view.head.text()
    assert view.cells.verticalHeaderItem(0).text() == "encoder.0\naudio"
    assert not view.progress.isVisible()
    assert view.measure.isEnabled()


def test_cells_say_share_interval_control_and_coherence(make_window: Make, study: Study) -> None:
    written(study)
    view = view_of(make_window(study))
    until(lambda: filled(view))
    assert view.cells.item(0, 1).text() == "90%\n70–97"
    assert view.cells.item(0, 1).font().bold()
    assert not view.cells.item(0, 0).font().bold()
    view.cells.setFocus()
    view.cells.setCurrentCell(0, 0)
    QTest.keyClick(view.cells, Qt.Key.Key_Right)
    assert view.details.text().startswith(
        "decoder.0, audio, 2x: 18 of 20 answers shifted to the target, 90% (95 %: 70%"
    )
    assert "Random directions of the same norm: 5%" in view.details.text()
    assert "15 answered right without steering" in view.head.text()
    assert 'model.tokens = "audio"' in view.words.text()
    assert "Do not bother with decoder.1" in view.words.text()


def test_stronger_share_is_darker_in_every_theme(make_window: Make, study: Study, application: object) -> None:
    written(study)
    view = view_of(make_window(study))
    until(lambda: filled(view))
    view.cells.setCurrentCell(5, 0)

    def colours() -> tuple[int, int]:
        image = view.cells.viewport().grab().toImage()
        corners = [view.cells.visualItemRect(view.cells.item(0, column)).topLeft() for column in (0, 1)]
        none, strong = (image.pixelColor(one.x() + 3, one.y() + 3).blue() for one in corners)
        return none, strong

    try:
        assert colours()[0] > colours()[1]
        apply_theme(application, "dark")  # type: ignore[arg-type]
        until(lambda: colours()[0] < 80)
        assert colours()[0] < colours()[1]
    finally:
        apply_theme(application, "light")  # type: ignore[arg-type]


def test_newer_profile_of_the_command_line_is_shown_by_itself(make_window: Make, study: Study) -> None:
    written(study)
    window = make_window(study)
    view = view_of(window)
    until(lambda: filled(view))
    written(study, 10)
    window.session.watch.runs_changed.emit()
    until(lambda: view.cells.item(0, 1).text().startswith("50%"))


def test_damaged_profile_is_told_and_another_can_be_measured(make_window: Make, study: Study) -> None:
    written(study)
    (folder(study) / "current.json").write_text("{}")
    view = view_of(make_window(study))
    until(lambda: "which steerability profile is meant" in view.offer.text())
    assert view.command.text().startswith("ard steerability")


def test_measurement_can_be_stopped_and_a_failure_says_why(make_window: Make, study: Study) -> None:
    window = make_window(study)
    view = view_of(window)
    until(lambda: view.measure.isEnabled())
    view.measure.click()
    view.stop.click()
    until(lambda: not view.measuring.running, 60)
    assert view.measure.isEnabled()
    study.toml.write_text(study.toml.read_text().replace('device = "cpu"', 'device = "cuda:99"'))
    view.measure.click()
    until(lambda: not view.measuring.running, 60)
    until(lambda: any("was not measured: the device" in one.text for one in window.session.notices.all))


def test_study_that_is_closed_leaves_no_profile(make_window: Make, study: Study) -> None:
    written(study)
    window = make_window(study)
    view = view_of(window)
    until(lambda: filled(view))
    window.session.close_study()
    assert view.offer.text() == "No study is open."
    assert not view.measure.isEnabled()
    assert not view.command.isVisible()
