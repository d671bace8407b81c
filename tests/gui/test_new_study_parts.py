"""The parts of the new-study form about model and sound: real widgets, real `ard` processes, a silent player."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gui.ears import Ears
from gui.fitting import clipped
from gui.test_accessible_names import nameless
from gui.waiting import until
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from ard_gui.services.sample_sound import key_of
from ard_gui.session import Session
from ard_gui.state.model_words import count_words, found_words, size_words
from ard_gui.state.sound_sources import SoundSource, hours_words, joined, split_line
from ard_gui.theme import apply_theme
from ard_gui.views.new_study_parts.model_part import ModelPart
from ard_gui.views.new_study_parts.sound_part import SoundPart
from backend.resources import BUILTIN_CLIPS, resource
from backend.study.settings import AudioSection
from builders.tiny_study import recordings

Key = Qt.Key
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def session(application: QApplication, ears: Ears) -> Iterator[Session]:
    found = Session(player=ears)
    yield found
    found.close()
    assert found.ended(5)


@pytest.fixture
def shown(session: Session) -> Iterator[Callable[[QWidget], None]]:
    """Shows a part and closes it at the end."""
    parts: list[QWidget] = []

    def show(part: QWidget) -> None:
        parts.append(part)
        part.resize(640, 720)
        part.show()

    yield show
    for part in parts:
        part.close()
        part.deleteLater()


@pytest.fixture
def model(session: Session, shown: Callable[[QWidget], None]) -> ModelPart:
    part = ModelPart(session)
    shown(part)
    return part


@pytest.fixture
def sound(session: Session, shown: Callable[[QWidget], None]) -> SoundPart:
    part = SoundPart(session)
    shown(part)
    return part


# the model


def test_a_model_is_found_told_looked_at_again_and_named_anew(
    application: QApplication, model: ModelPart, tmp_path: Path
) -> None:
    changes: list[str] = []
    model.changed.connect(lambda: changes.append(model.model))
    # the answer about the built-in model is on its way, and never heard
    assert model.looking
    model.set_model(str(tmp_path))
    until(lambda: not model.looking)
    assert "has no config.json" in model.problems.text()
    assert model.inspection is None
    model.builtin.click()
    until(lambda: model.inspection is not None)
    assert model.inspection is not None
    assert [one["name"] for one in model.inspection["stacks"]] == ["decoder", "encoder"]
    assert model.found.text() == (
        "qwen2_audio: decoder of 8 layers (d = 256) and encoder of 2 layers (d = 384), 11.6 million parameters, 23 MB. "
        "All of it is on this disk."
    )
    assert not model.problems.isVisible()
    folder = tmp_path / ("a long name " * 12).strip()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", "d_model": 8, "encoder_layers": 3}))
    model.folder.line.clear()
    QTest.keyClicks(model.folder.line, str(folder))
    assert model.local.isChecked()
    assert model.inspection is None
    until(lambda: model.inspection is not None)
    assert changes[-1] == str(folder)
    assert "It cannot be loaded as it is." in model.found.text()
    assert "lacks: model.safetensors" in model.problems.text()
    assert "Copy the missing files into it" in model.problems.text()
    assert unfitting(application, model) == []
    for name, content in (("model.safetensors", b"\2\0\0\0\0\0\0\0{}"), ("preprocessor_config.json", b"{}")):
        (folder / name).write_bytes(content)
    (folder / "tokenizer.json").touch()
    QTest.mouseClick(model.again, LEFT)
    until(lambda: model.inspection is not None and model.inspection["complete"])
    assert not model.again.isVisible()


def test_a_name_on_a_hub_a_relative_folder_and_no_name_at_all(model: ModelPart) -> None:
    QTest.keyClicks(model.name, "nobody/has-this-model")
    assert model.hub.isChecked()
    assert model.model == "nobody/has-this-model"
    model.name.clear()
    assert (model.model, model.found.text(), model.looking) == ("", "Say which model.", False)
    model.local.setChecked(True)
    assert model.model == ""
    model.folder.line.setText("weights")
    assert model.model == str(Path("weights").absolute())


def test_words_for_sizes_and_downloads() -> None:
    assert [size_words(one) for one in (7, 23_100_000, 1_620_000_000)] == ["7 bytes", "23 MB", "1.6 GB"]
    assert [count_words(one) for one in (999, 11_554_304, 8_400_000_000)] == ["999", "11.6 million", "8.4 billion"]
    told = {
        "model_type": "hubert", "stacks": [{"name": "encoder", "layers": 1, "d": 8}], "parameters": None,
        "place": "hub", "weight_bytes": None, "complete": False, "to_download_bytes": 3_000_000_000,
    }  # fmt: skip
    words = "hubert: encoder of 1 layer (d = 8)."
    assert found_words(told) == f"{words} 3.0 GB will be downloaded when it is first used."
    assert found_words({**told, "to_download_bytes": None}) == f"{words} Its weights are not on this disk."


# sound


def test_clips_are_counted_chosen_by_label_and_heard(sound: SoundPart, ears: Ears) -> None:
    assert sound.sources() == []
    assert "Add a folder of sound" in sound.summary.text()
    QTest.mouseClick(sound.builtin, LEFT)
    until(lambda: sound.previews()[0] is not None)
    assert sound.summary.text() == "167 clips, 9.8 minutes."
    first = sound.table.current()
    assert first is not None
    sound.table.setFocus()
    QTest.keyClick(sound.table, Key.Key_Space)
    until(lambda: ears.playing)
    assert ears.played == [key_of(first)]
    assert sound.play.text() == "Pause"
    assert texts(sound, Qt.ItemDataRole.AccessibleTextRole)[0] == f"{first['record']}, playing"
    QTest.keyClick(sound.table, Key.Key_Space)
    assert not ears.playing
    QTest.keyClick(sound.table, Key.Key_Down)
    QTest.mouseClick(sound.play, LEFT)
    second = sound.table.current()
    assert second is not None
    until(lambda: ears.playing and ears.key == key_of(second))
    before = texts(sound)
    assert len(before) == 10
    QTest.mouseClick(sound.others, LEFT)
    until(lambda: texts(sound) != before)
    assert sound.summary.text().startswith("167 clips")
    menu = sound.form.labels
    menu.fill_menu()
    (category,) = [one.menu() for one in menu.menu.actions() if one.text() == "category"]
    entries = category.actions()
    assert {one.text() for one in entries[:3]} == {"speech (40)", "music (40)", "environment (40)"}
    next(one for one in entries if one.data() == "category=animal").trigger()
    assert sound.sources()[0]["labels"] == ["category=animal"]
    AudioSection(**sound.sources()[0])
    until(lambda: sound.previews()[0] is not None)
    assert sound.summary.text().startswith("27 clips")
    QTest.mouseClick(sound.builtin, LEFT)
    assert len(sound.sources()) == 1


def test_a_folder_is_dropped_its_table_chosen_and_a_part_of_a_recording_heard(
    sound: SoundPart, ears: Ears, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(32000, np.float32), 8000)
    (tmp_path / "parts.csv").write_text("path,start,end\nlong.wav,1,1.5\n")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(one)) for one in (tmp_path, tmp_path / "long.wav")])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), action, data, LEFT, none)
    QApplication.sendEvent(sound, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(sound, QDropEvent(QPointF(9, 9), action, data, LEFT, none))
    assert [one["path"] for one in sound.sources()] == [str(tmp_path)]
    until(lambda: sound.previews()[0] is not None)
    table = sound.form.manifest
    table.fill_menu()
    assert [one.text() for one in table.menu.actions()][1:] == ["parts.csv", "Another file …"]
    table.menu.actions()[2].trigger()
    dialog = sound.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "parts.csv"))
    dialog.close()
    assert sound.sources()[0]["manifest"] == "parts.csv"
    until(lambda: sound.summary.text().startswith("1 clip,"))
    assert not sound.others.isEnabled()
    sound.play.click()
    until(lambda: ears.sound is not None)
    assert ears.sound is not None
    assert ears.sound.seconds == 0.5
    (tmp_path / "long.wav").unlink()
    ears.stop()
    ears.sound = None
    sound.play.click()
    until(lambda: "long.wav" in sound.problem.text())


def test_several_sources_are_kept_with_what_the_form_does_not_show_and_say_what_is_wrong(
    application: QApplication, sound: SoundPart, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    clips, gone = str(resource(BUILTIN_CLIPS)), "/no/such/folder/" + "long/" * 40
    tables = [
        {"path": clips, "manifest": "clips.jsonl", "labels": ["category=cow"], "weight": 2.0, "domain": "sounds"},
        {"path": str(tmp_path / "empty"), "use": "probe"}, {"path": gone}, {"path": ""},
    ]  # fmt: skip
    sound.set_sources(tables)
    assert sound.problems()[3] == "Say which folder."
    until(lambda: all(sound.problems()))
    assert [one and one["clips"] for one in sound.previews()] == [0, 0, None, None]
    assert "No clip has category=cow; values of category and their clips: speech (40)" in sound.problem.text()
    assert not sound.table.isVisible()
    assert "There is no sound in this folder" in sound.problems()[1]
    assert "There is no such folder" in sound.problems()[2]
    assert all(sound.list.item(row).text().startswith("! ") for row in range(4))
    assert unfitting(application, sound) == []
    sound.form.labels.fill_menu()
    assert "category" in [one.text() for one in sound.form.labels.menu.actions()]
    sound.form.use.setCurrentIndex(sound.form.use.findData("train"))
    sound.form.use.activated.emit(0)
    assert sound.previews()[0] is not None
    found = sound.sources()
    assert (found[0]["use"], found[0]["weight"], found[0]["domain"]) == ("train", 2.0, "sounds")
    assert found[1]["use"] == "probe"
    # one that is left while somebody types is looked at all the same
    sound.list.setCurrentRow(2)
    assert "There is no such folder" in sound.problem.text()
    sound.form.folder.line.setFocus()
    sound.form.folder.line.selectAll()
    QTest.keyClicks(sound.form.folder.line, str(recordings(tmp_path / "two", count=2)))
    sound.list.setCurrentRow(3)
    until(lambda: sound.previews()[2] is not None)
    QTest.mouseClick(sound.remove, LEFT)
    assert [one["path"] for one in sound.sources()] == [clips, str(tmp_path / "empty"), str(tmp_path / "two")]


def texts(sound: SoundPart, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole) -> list[object]:
    """The first column of the clips."""
    return [sound.table.model().index(row, 0).data(role) for row in range(sound.table.rowCount())]


def unfitting(application: QApplication, part: QWidget) -> list[str]:
    """What has no name, or does not fit where it stands, at usual and at large letters."""
    found = nameless(part)
    try:
        for theme, points in (("light", 0.0), ("high contrast", 18.0)):
            apply_theme(application, theme, points)
            part.resize(part.minimumSizeHint().width(), 1600)
            application.processEvents()
            found += clipped(part)
    finally:
        apply_theme(application, "light")
    return found


def test_closing_the_window_ends_what_looks(session: Session) -> None:
    parts = (ModelPart(session), SoundPart(session))
    parts[1].add_folder(resource(BUILTIN_CLIPS))
    session.closing.emit()
    for part in parts:
        part.close()
        part.deleteLater()


def test_a_source_previews_with_the_words_of_its_table() -> None:
    source = SoundSource.of({"path": "-odd", "labels": ["a=b c"], "split": ["x"], "manifest": "m.csv"})
    assert source.words() == [
        "preview-sound", "--json", "--seed", "0", "--adapter", "folder", "--manifest", "m.csv", "--label=a=b c",
        "--split=x", "--", "-odd",
    ]  # fmt: skip


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), unique=True))
def test_names_in_a_line_come_back_as_they_were(names: list[str]) -> None:
    assert split_line(joined(names)) == names


def test_hours_are_told_as_people_say_them() -> None:
    assert [hours_words(one) for one in (0, 0.01, 0.163, 2.71, 1234)] == [
        "0.0 seconds", "36 seconds", "9.8 minutes", "2.7 hours", "1,234 hours",
    ]  # fmt: skip
