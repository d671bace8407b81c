"""Opening: recent studies, new ones, dropped ones, and those that cannot be opened."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from ard_gui.main_window import MainWindow
from ard_gui.services.recent_studies import kind_of, recent_studies
from ard_gui.views.new_study.form import NewStudy
from backend.resources import BUILTIN_MODEL, resource
from backend.study.folder import Study
from builders.tiny_study import recordings

Make = Callable[..., MainWindow]


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, button, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), action, data, button, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(9, 9), action, data, button, none))


def test_recent_studies_say_model_and_what_is_missing(tmp_path: Path, tiny_study: Study) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "study.toml").write_text("= no toml")
    paths = [str(tiny_study.root), str(tmp_path / "gone"), str(empty), str(broken)]
    found = recent_studies(paths, {paths[0]: 0.0})
    assert [one.name for one in found] == ["study", "gone", "empty", "broken"]
    assert found[0].model.endswith("/model")
    assert found[0].opened is not None
    assert [one.problem for one in found[:3]] == ["", "it is no longer there", "study.toml is missing"]
    assert "cannot be read" in found[3].problem


def test_study_once_opened_is_listed_and_enter_opens_it_again(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    window.session.close_study()
    until(lambda: window.start.recent.count() == 1)
    assert window.start.recent.item(0).text() == tiny_study.root.name
    window.start.recent.setFocus()
    QTest.keyClick(window.start.recent, Qt.Key.Key_Return)
    until(lambda: window.session.lines is not None)


def test_delete_takes_a_study_off_the_list_and_leaves_the_folder(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    window.session.preferences.set("recent", (str(tmp_path), "/gone"))
    until(lambda: window.start.recent.count() == 2)
    window.start.recent.setCurrentRow(0)
    QTest.keyClick(window.start.recent, Qt.Key.Key_Delete)
    until(lambda: window.start.recent.count() == 1)
    assert window.session.preferences.values.recent == ("/gone",)
    assert tmp_path.is_dir()


def test_dropped_things_are_told_apart(tmp_path: Path, tiny_study: Study) -> None:
    sounds = recordings(tmp_path / "sounds", count=1)
    (tmp_path / "empty").mkdir()
    file = next(sounds.rglob("*.wav"))
    assert [kind_of(one) for one in (tiny_study.root, tiny_study.toml, sounds, file, tmp_path / "empty")] == [
        "study", "study", "sounds", "sound", "other",
    ]  # fmt: skip


def test_dropped_study_is_opened(make_window: Make, tiny_study: Study) -> None:
    window = make_window()
    drop(window, tiny_study.root)
    until(lambda: window.session.lines is not None)


def test_dropped_sound_is_offered_to_whoever_tests_sounds(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    file = next(recordings(tmp_path / "sounds", count=1).rglob("*.wav"))
    offered: list[Path] = []
    window.session.sound_offered.connect(offered.append)
    drop(window, file)
    until(lambda: offered == [file])


def test_dropped_folder_of_sound_becomes_a_study_that_says_what_to_run(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    sounds = recordings(tmp_path / "sounds", count=1)
    drop(window, sounds)
    until(lambda: isinstance(QApplication.activeModalWidget(), NewStudy))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, NewStudy)
    assert not dialog.make.isEnabled()
    QTest.keyClicks(dialog.folder.line, str(tmp_path / "made"))
    QTest.keyClicks(dialog.layers.layers.entry, "encoder.1, encoder.0,")
    QTest.mouseClick(dialog.layers.layers.chips[0], Qt.MouseButton.LeftButton)
    dialog.recipe.profiles["tiny"].click()
    QTest.mouseClick(dialog.only_make, Qt.MouseButton.LeftButton)
    until(lambda: window.session.overview is not None)
    settings = tomllib.loads((tmp_path / "made" / "study.toml").read_text())
    assert settings["audio"][0]["path"] == str(sounds)
    assert settings["model"]["path"] == str(resource(BUILTIN_MODEL))
    assert settings["model"]["layers"] == ["encoder.1", "encoder.0"]
    assert settings["study"]["profile"] == "tiny"
    until(lambda: "have not been listed" in window.unfinished.told.text())
    assert window.unfinished.command.text() == f"ard run {tmp_path / 'made'}"
    assert window.unfinished.isVisible()
    assert not (tmp_path / "made" / "runs").exists()


def test_study_that_cannot_be_made_keeps_the_dialog_and_says_why(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    sounds = recordings(tmp_path / "sounds", count=1)
    window.openers.new_study([sounds])
    until(lambda: isinstance(QApplication.activeModalWidget(), NewStudy))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, NewStudy)
    dialog.folder.line.setText(str(tmp_path / "made"))
    until(dialog.only_make.isEnabled)
    shutil.rmtree(sounds)
    dialog.only_make.click()
    until(lambda: "no such folder of sound" in dialog.note.text())
    assert dialog.isVisible()
    assert dialog.only_make.isEnabled()


def test_open_asks_for_a_folder(make_window: Make, tiny_study: Study) -> None:
    window = make_window()
    window.actions_table["file.open"].trigger()
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tiny_study.root))
    dialog.close()
    until(lambda: window.session.lines is not None)


def test_folder_that_is_nothing_is_explained(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    drop(window, tmp_path)
    until(window.notice_bar.isVisible)
    assert "neither a study nor" in window.notice_bar.text.text()


@pytest.mark.parametrize("part", ["clips.json", "features"])
def test_half_written_study_says_what_is_missing(
    make_window: Make, tiny_study: Study, tmp_path: Path, part: str
) -> None:
    root = shutil.copytree(tiny_study.root, tmp_path / "half")
    shutil.rmtree(root / "features")
    if part == "clips.json":
        (root / "clips.json").unlink()
    window = make_window()
    window.open_study(root)
    wanted = {"clips.json": "have not been listed", "features": "24 clips and has 1 SAE, but no ranked features"}
    until(lambda: wanted[part] in window.unfinished.told.text())
    assert window.unfinished.isVisible()
