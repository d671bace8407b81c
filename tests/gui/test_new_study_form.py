"""The form for a new study in the real window: what is typed, what is said of it, what is made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from gui.fitting import clipped
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from ard_gui.main_window import MainWindow
from ard_gui.views.new_study.all_settings import AllSettings
from ard_gui.views.new_study.form import NewStudy
from ard_gui.views.new_study.section_lines import KIND, TOLD
from ard_gui.views.new_study.toml_dialog import TomlDialog
from backend.study import queue
from backend.study.configuration import load_settings
from backend.study.folder import Study
from builders.tiny_study import recordings

Make = Callable[..., MainWindow]
NO_GPU = {"devices": [{"id": "cpu", "name": "a CPU"}]}
SMALL_DISK: dict[str, Any] = {
    "clips": 3, "hours": 0.001, "measured": False, "device": "cpu", "stages": [
        {"stage": "extract", "tokens": 75, "bytes_to_write": 2**40, "memory_bytes": 2**20, "device_bytes": 0,
         "seconds": 100.0, "seconds_low": 40.0, "seconds_high": 400.0, "state": "to do"},
    ], "bytes_to_write": 2**40, "free_bytes": 2**30, "memory_bytes": 2**20, "memory_total_bytes": 2**33,
    "seconds": 100.0, "seconds_low": 40.0, "seconds_high": 400.0,
    "warnings": [{"what": "the disk is full", "todo": ""}],
}  # fmt: skip


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Studies whose supervisor would have been started: here nothing is run."""
    started: list[Path] = []
    monkeypatch.setattr("backend.study.launch.start_supervisor", started.append)
    return started


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    return recordings(tmp_path / "sounds", count=3)


def opened(window: MainWindow, *sounds: Path) -> NewStudy:
    """A form that hears of this machine, and of what a run would cost, only what a test tells it."""
    found = asking(window, *sounds)
    found._answer.close()
    found.panel.service.close()
    return found


def asking(window: MainWindow, *sounds: Path) -> NewStudy:
    window.openers.new_study(list(sounds))
    until(lambda: isinstance(QApplication.activeModalWidget(), NewStudy))
    found = QApplication.activeModalWidget()
    assert isinstance(found, NewStudy)
    return found


def ready(window: MainWindow, sounds: Path, folder: Path) -> NewStudy:
    """A form that could be made."""
    found = opened(window, sounds)
    found.folder.line.setText(str(folder))
    until(found.make.isEnabled)
    return found


def test_study_that_is_made_is_the_text_that_was_shown_and_waits_in_the_queue(
    make_window: Make, sounds: Path, tmp_path: Path, supervised: list[Path]
) -> None:
    window = make_window()
    dialog = ready(window, sounds, tmp_path / "made")
    dialog.form.set("sae.seeds", [0, 1])
    dialog.show_toml.click()
    until(lambda: isinstance(QApplication.activeModalWidget(), TomlDialog))
    shown = QApplication.activeModalWidget()
    assert isinstance(shown, TomlDialog)
    text = shown.text.toPlainText()
    shown.command.copy.click()
    assert QApplication.clipboard().text() == dialog.form.command()
    assert "--set 'sae.seeds=[0, 1]'" in dialog.form.command()
    shown.close()
    dialog.make.click()
    until(lambda: window.session.overview is not None)
    study = Study(tmp_path / "made")
    assert study.toml.read_text() == text
    until(lambda: bool(supervised))
    assert [(one.command, one.arguments) for one in queue.requests(study)] == [("run", ())]
    assert supervised == [study.root]


def test_what_is_wrong_stands_beside_its_field_and_in_the_list(make_window: Make, sounds: Path, tmp_path: Path) -> None:
    dialog = ready(make_window(), sounds, tmp_path / "made")
    dialog.show_section("SAE")
    steps, told = dialog.recipe.fields.fields["train.steps"], dialog.recipe.fields.told["train.steps"]
    steps.setFocus()
    QTest.keyClick(steps, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(steps, "many")
    assert told.isVisible()
    assert told.text() == "“many” cannot be used here. Write auto or a whole number."
    assert dialog.nav.item(3).data(KIND) == "bad"
    assert not dialog.make.isEnabled()
    assert "many" in dialog.make.toolTip()
    QTest.keyClick(steps, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(steps, "120")
    assert told.isHidden()
    assert dialog.make.isEnabled()
    assert dialog.form.own == {"train.steps": 120}
    dialog.recipe.fields.resets["train.steps"].click()
    assert dialog.form.own == {}


def test_values_are_added_and_taken_away_as_chips_by_keyboard(make_window: Make, sounds: Path, tmp_path: Path) -> None:
    dialog = ready(make_window(), sounds, tmp_path / "made")
    dialog.show_section("SAE")
    chips = dialog.recipe.fields.fields["sae.expansion"]
    QTest.keyClicks(chips.entry, "16,")  # type: ignore[attr-defined]
    QTest.keyClicks(chips.entry, "4 , 16")  # type: ignore[attr-defined]
    QTest.keyClick(chips.entry, Qt.Key.Key_Return)  # type: ignore[attr-defined]
    assert dialog.form.value("sae.expansion") == [8, 16, 4]
    assert dialog.isVisible(), "Enter belongs to the field"
    QTest.keyClick(chips.chips[0], Qt.Key.Key_Space)  # type: ignore[attr-defined]
    assert dialog.form.value("sae.expansion") == [16, 4]
    assert "2 SAEs on 1 layer" in dialog.recipe.count.text()
    assert dialog.nav.item(3).data(TOLD) == "default, 1 changed; 2 SAEs"


def test_another_profile_keeps_own_changes_and_can_be_gone_back_to(
    make_window: Make, sounds: Path, tmp_path: Path
) -> None:
    dialog = ready(make_window(), sounds, tmp_path / "made")
    dialog.recipe.architectures.boxes["jumprelu"].click()
    dialog.recipe.profiles["ard-paper"].click()
    assert dialog.form.value("sae.architecture") == ["batchtopk", "jumprelu"]
    assert dialog.form.value("model.layers") == ["decoder.5", "decoder.16", "decoder.26"]
    assert dialog.recipe.own.text() == "Changed from the profile: sae.architecture."
    dialog.recipe.back.click()
    assert dialog.form.value("sae.architecture") == ["topk"]
    assert [name for name, box in dialog.recipe.architectures.boxes.items() if box.isChecked()] == ["topk"]


def test_fields_that_mean_nothing_beside_the_choice_are_not_shown(make_window: Make, sounds: Path) -> None:
    dialog = opened(make_window(), sounds)
    dialog.show_section("Describe")
    fields = dialog.describe.fields.fields
    assert not fields["captions.url"].isVisible()
    dialog.form.set("captions.captioner", "endpoint")
    assert fields["captions.url"].isVisible()
    assert dialog.describe.fields.told["captions.url"].isVisible()
    dialog.form.set("captions.captioner", "none")
    assert not fields["names.namer"].isVisible()


def test_missing_gpu_is_said_at_once_and_asked_about_before_a_run(
    make_window: Make, sounds: Path, tmp_path: Path, supervised: list[Path]
) -> None:
    window = make_window()
    dialog = ready(window, sounds, tmp_path / "made")
    dialog.form.set("model.device", "cuda:1")
    dialog.form.learn(choices=NO_GPU)
    assert "no GPU" in dialog.model.fields.told["model.device"].text()
    assert dialog.nav.item(0).data(KIND) == "warning"
    dialog.make.click()
    box = dialog.findChild(QMessageBox)
    assert box is not None
    assert "no GPU" in box.text()
    box.defaultButton().click()
    assert not (tmp_path / "made").exists()
    assert dialog.isVisible()
    dialog.only_make.click()
    until(lambda: window.session.overview is not None)
    assert load_settings(tmp_path / "made" / "study.toml").model.device == "cuda:1"
    assert supervised == []
    assert queue.requests(Study(tmp_path / "made")) == []


def test_disk_that_does_not_suffice_is_said_before_and_asked_about_once_more(
    make_window: Make, sounds: Path, tmp_path: Path, supervised: list[Path]
) -> None:
    dialog = ready(make_window(), sounds, tmp_path / "made")
    dialog.panel.service.answered.emit(SMALL_DISK)
    assert "1.0 TB of disk are needed and 1.0 GB are free" in dialog.panel.warnings.text()
    assert "2 min (40 s to 7 min)" in dialog.panel.lines[0].text()
    dialog.make.click()
    box = dialog.findChild(QMessageBox)
    assert box is not None
    next(one for one in box.buttons() if "all the same" in one.text()).click()
    until(lambda: bool(supervised))
    assert supervised == [tmp_path / "made"]


def test_estimate_is_asked_for_as_soon_as_nothing_is_wrong_and_its_draft_goes_with_the_form(
    make_window: Make, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drafts").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "drafts"))
    dialog = asking(make_window(), sounds)
    dialog.recipe.profiles["tiny"].click()
    until(lambda: dialog.panel.estimate is not None or bool(dialog.panel.failure.text()))
    assert dialog.panel.failure.text() == ""
    estimate = dialog.panel.estimate
    assert estimate is not None
    assert estimate.summary.startswith("3 clips")
    assert [one.stage for one in estimate.stages] == ["index", "extract", "train", "retrieve", "describe"]
    assert all(one.time != "–" for one in estimate.stages)
    assert [path.name for path in (tmp_path / "drafts").rglob("*.toml")] == ["study.toml"]
    dialog.close()
    assert not list((tmp_path / "drafts").iterdir())


def test_folder_that_holds_a_study_is_refused_while_it_is_typed(
    make_window: Make, sounds: Path, tmp_path: Path, tiny_study: Study
) -> None:
    dialog = ready(make_window(), sounds, tmp_path / "made")
    dialog.folder.line.setText(str(tiny_study.root))
    until(lambda: "there is a study in this folder already" in dialog.folder_told.text())
    assert not dialog.only_make.isEnabled()
    dialog.folder.line.setText(str(tmp_path / "another"))
    until(dialog.only_make.isEnabled)
    assert dialog.folder_told.isHidden()


def test_every_setting_can_be_found_changed_and_put_back(make_window: Make, sounds: Path, tmp_path: Path) -> None:
    dialog = ready(make_window(), sounds, tmp_path / "made")
    dialog.recipe.all.click()
    every = QApplication.activeModalWidget()
    assert isinstance(every, AllSettings)
    QTest.keyClicks(every.search, "fewer active clips mean")
    assert [dotted for dotted, item in every.items.items() if not item.isHidden()] == ["retrieve.p"]
    assert every.field is not None
    QTest.keyClick(every.field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(every.field, "90")
    assert every.problem.text() == "list_length must be at least p."
    assert "retrieve: list_length" in dialog.recipe.elsewhere.text()
    every.back.click()
    assert dialog.form.own == {}
    every.search.clear()
    every.choose("retrieve.score")
    every.field.setFocus()
    QTest.keyClick(every.field, Qt.Key.Key_Down)
    assert dialog.form.value("retrieve.score") == "mean"
    every.only_own.setChecked(True)
    assert [dotted for dotted, item in every.items.items() if not item.isHidden()] == ["retrieve.score"]
    every.close()


def test_layers_clicked_and_written_are_the_same(make_window: Make, sounds: Path) -> None:
    dialog = opened(make_window(), sounds)
    until(lambda: bool(dialog.form.inspection))
    assert dialog.layers.picture.layers() == ["decoder.7"]
    assert dialog.form.own == {}, "what the profile calls last is shown and not changed"
    dialog.layers.picture.set_layers(["decoder.1", "encoder.0"])
    dialog.layers.picture.changed.emit()
    assert sorted(dialog.form.value("model.layers")) == ["decoder.1", "encoder.0"]
    dialog.form.set("model.layers", ["3"])
    assert dialog.layers.picture.layers() == ["decoder.3"]
    dialog.form.set("model.layers", ["decoder.8"])
    assert "has no layer decoder.8" in dialog.layers.fields.told["model.layers"].text()


def test_nothing_is_clipped_in_any_section_of_a_small_window(make_window: Make, sounds: Path, tmp_path: Path) -> None:
    window, size = make_window(), (900, 600)
    window.resize(*size)
    dialog = ready(window, sounds, tmp_path / "/".join(["a long name of a folder"] * 6))
    assert dialog.width() <= size[0]
    assert dialog.height() <= size[1]
    dialog.form.set("model.device", "cuda")
    dialog.form.learn(choices=NO_GPU)
    for name in dialog.sections:
        dialog.show_section(name)
        dialog.panel.service.answered.emit(SMALL_DISK)
        with suppress(AssertionError):
            until(lambda: not clipped(dialog), 3)
        assert clipped(dialog) == [], name
