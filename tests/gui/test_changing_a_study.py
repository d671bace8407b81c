"""More SAEs, layers and names for the open study, in the real window: shown before, never over somebody's change."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gui.test_accessible_names import nameless
from gui.waiting import until
from gui.walking import said
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.starting_runs import ACTIONS
from ard_gui.views.existing_study.change_dialog import ChangeDialog
from ard_gui.views.existing_study.grid_parts import AddLayerPart, NewSaePart
from ard_gui.views.existing_study.name_part import NamePart
from backend.study import queue
from backend.study.configuration import digest, edit
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def supervised(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Studies whose supervisor would have been started: here nothing is run."""
    started: list[Path] = []
    monkeypatch.setattr("backend.study.launch.start_supervisor", started.append)
    return started


def shown(window: MainWindow, action: str) -> ChangeDialog:
    """The form behind an action; what a run would cost is left out, the new-study form's tests have it."""
    window.actions_table[action].trigger()
    until(lambda: bool(window.findChildren(ChangeDialog)))
    (found,) = window.findChildren(ChangeDialog)
    found.panel.service.close()
    found._answer.close()
    return found


def asked(study: Study) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.command, one.arguments) for one in queue.requests(study)]


def values(study: Study) -> dict[str, Any]:
    return tomllib.loads(study.toml.read_text(encoding="utf-8"))


def test_another_sae_is_shown_added_to_the_file_and_queued(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    dialog = shown(window, "run.new_sae")
    part = dialog.part
    assert isinstance(part, NewSaePart)
    assert nameless(dialog) == []
    assert not dialog.run.isEnabled()
    assert not part.architectures.boxes["batchtopk"].isEnabled(), "what the study has stays"
    entry = part.lists["sae.expansion"].entry
    QTest.keyClicks(entry, "8")
    QTest.keyClick(entry, Qt.Key.Key_Return)
    assert "+expansion = [4, 8]" in dialog.diff.toPlainText()
    until(lambda: part.saes.found is not None and part.saes.found.new == 1)
    assert part.saes.found is not None
    assert part.saes.found.saes == {
        "encoder.2-batchtopk-e4-k8-s0": "trained", "encoder.2-batchtopk-e8-k8-s0": "new",
    }  # fmt: skip
    assert dialog.command.line.text() == f"ard run {tiny_study.root}"
    dialog.run.click()
    until(lambda: asked(tiny_study) == [("run", ())])
    assert values(tiny_study)["sae"]["expansion"] == [4, 8]
    until(lambda: QApplication.activeModalWidget() is None)


def test_change_of_somebody_else_is_told_kept_and_built_upon(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    dialog = shown(window, "run.new_sae")
    dialog.edit.add("sae.seeds", [1])
    edit(tiny_study.toml, {"sae.seeds": [0, 5], "train.steps": 77}, seen=digest(tiny_study.toml))
    dialog.only.click()
    until(lambda: "changed by another program" in dialog.note.text())
    assert values(tiny_study)["sae"]["seeds"] == [0, 5]
    assert "+seeds = [0, 5, 1]" in dialog.diff.toPlainText()
    assert dialog.isVisible()
    dialog.only.click()
    until(lambda: QApplication.activeModalWidget() is None)
    assert (values(tiny_study)["sae"]["seeds"], values(tiny_study)["train"]["steps"]) == ([0, 5, 1], 77)
    assert asked(tiny_study) == []
    until(lambda: "study.toml was changed" in said(window))


def test_second_window_is_told_that_the_first_was_faster(make_window: Make, tiny_study: Study) -> None:
    first, second = make_window(tiny_study), make_window(tiny_study)
    one, other = shown(first, "run.new_sae"), shown(second, "run.new_sae")
    one.edit.add("sae.k", [4])
    other.edit.add("sae.k", [4])
    one.run.click()
    until(lambda: asked(tiny_study) == [("run", ())])
    other.run.click()
    until(lambda: "changed by another program" in other.note.text())
    assert other.diff.toPlainText() == "", "the first window's wish was the same"
    assert not other.run.isEnabled()
    assert values(tiny_study)["sae"]["k"] == [8, 4]
    other.close()


def test_layer_is_added_by_a_click_and_the_study_keeps_its_own(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    dialog = shown(window, "run.add_layer")
    part = dialog.part
    assert isinstance(part, AddLayerPart)
    until(lambda: part.picture.isVisible())
    assert part.picture.layers() == ["encoder.2"]
    part.picture.set_layers([])
    part.picture.changed.emit()
    assert part.picture.layers() == ["encoder.2"], "a layer of the study stays"
    part.picture.set_layers(["encoder.2", "encoder.0"])
    part.picture.changed.emit()
    assert '+layers = ["encoder.last", "encoder.0"]' in dialog.diff.toPlainText()
    dialog.edit.add("model.layers", ["encoder.9"])
    assert "has no layer encoder.9" in part.fields.told["model.layers"].text()
    assert not dialog.run.isEnabled()
    dialog.close()


def test_marked_features_are_named_beside_the_best(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    sae = tiny_study.feature_ids()[0]
    window.session.selection.choose_several((3, 11, 7))
    dialog = shown(window, "run.name_features")
    part = dialog.part
    assert isinstance(part, NamePart)
    assert nameless(dialog) == []
    assert part.also.currentText() == "3 marked features"
    dialog.edit.set("scores.top", 20)
    dialog.edit.set("names.namer", "causal-lm")
    assert dialog.problems() == {"names.model": "Name the language model: a folder, an id on a hub or a .gguf file."}
    assert part.fields.told["names.model"].isVisible()
    dialog.edit.set("names.namer", "consensus")
    assert dialog.command.line.text() == f"ard describe {tiny_study.root}"
    dialog.run.click()
    until(lambda: asked(tiny_study) == [("describe", ())])
    found = values(tiny_study)
    assert found["scores"]["top"] == 20
    assert found["names"]["features"] == [f"{sae}:{one}" for one in (3, 11, 7)]


def test_run_that_goes_on_does_not_keep_the_change_from_being_run(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    running = queue.add(tiny_study, "run")
    with queue.changing(tiny_study):
        queue.write(tiny_study, replace(running, state="running"))
    dialog = shown(window, "run.new_sae")
    dialog.edit.add("sae.seeds", [1])
    dialog.run.click()
    until(lambda: len(queue.requests(tiny_study)) == 2)


def test_window_can_be_closed_under_a_form_that_is_asking(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    window.actions_table["run.add_layer"].trigger()
    until(lambda: bool(window.findChildren(ChangeDialog)))
    window.close()
    assert window.session.ended(5)
    until(lambda: not window.findChildren(ChangeDialog))


def test_forms_need_an_open_study(make_window: Make, tiny_study: Study) -> None:
    window = make_window()
    assert [window.actions_table[one].isEnabled() for one in ACTIONS] == [False] * 3
    window.open_study(tiny_study.root)
    until(lambda: window.session.lines is not None)
    assert all(window.actions_table[one].isEnabled() for one in ACTIONS)
    tiny_study.toml.write_text("= nothing", encoding="utf-8")
    window.actions_table["run.add_layer"].trigger()
    until(lambda: "not valid TOML" in said(window))
    window.session.close_study()
    assert not window.actions_table["run.new_sae"].isEnabled()
