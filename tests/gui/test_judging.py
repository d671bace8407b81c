"""Stars, names, tags, notes, verdicts, lists and ratings: by keys and dialogs, saved at once, undone and redone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog

from ard_gui import table_joins
from ard_gui.main_window import MainWindow
from ard_gui.table_joins import differing
from ard_gui.views.concepts import ConceptsView
from ard_gui.views.list_chooser import ListChooser
from ard_gui.views.lists import ListsView
from ard_gui.views.tag_editor import TagEditor
from ard_gui.views.text_editor import TextEditor
from backend.store.notes.keys import sae_key
from backend.store.notes.notes import Notes
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    """A copy of the tiny study that may be written to."""
    return Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")))


@pytest.fixture
def window(make_window: Make, study: Study) -> MainWindow:
    made = make_window(study, 3)
    until(lambda: made.session.notes.available and made.session.selection.feature == 3)
    return made


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key in the table."""
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    view.table.setFocus()
    # a shortcut works in the active window only
    until(view.table.hasFocus)
    QTest.keyClick(view.table, key, modifier)


def dialog(kind: type[QDialog]) -> QDialog:
    """The open dialog of that kind."""

    def found() -> list[QDialog]:
        return [one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible()]

    until(lambda: bool(found()) and found()[0].isActiveWindow())
    return found()[0]


def on_disk(study: Study) -> Notes:
    return Notes.open(study)


def test_s_stars_the_feature_on_disk_and_undo_takes_it_back(window: MainWindow, study: Study) -> None:
    press(window, Qt.Key.Key_S)
    until(lambda: window.session.notes.feature(3).star)
    with on_disk(study) as notes:
        assert notes.features(sae_key(study, window.session.ranking_name))[3].star
    assert window.actions_table["edit.undo"].text() == "&Undo star feature 3"
    window.actions_table["edit.undo"].trigger()
    until(lambda: not window.session.notes.feature(3).star)
    window.actions_table["edit.redo"].trigger()
    until(lambda: window.session.notes.feature(3).star)


def test_undo_refuses_what_another_window_has_changed_since(window: MainWindow, study: Study) -> None:
    press(window, Qt.Key.Key_S)
    until(lambda: window.session.notes.feature(3).star)
    with on_disk(study) as other:
        other.set_star(sae_key(study, window.session.ranking_name), 3, False)
        other.set_star(sae_key(study, window.session.ranking_name), 3, True)
    window.actions_table["edit.undo"].trigger()
    until(lambda: any("cannot be taken back" in one.text for one in window.session.notices.all))
    assert window.session.undo.undo_label == ""
    assert window.session.undo.redo_label == ""


def test_what_another_window_writes_is_seen_here(window: MainWindow, study: Study) -> None:
    with on_disk(study) as other:
        other.set_name(sae_key(study, window.session.ranking_name), 3, "door bells")
    until(lambda: window.session.notes.feature(3).name == "door bells")


def test_many_noted_features_reach_the_table_in_portions(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_joins, "AT_ONCE", 3)
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    star = view.model.names.index("star")

    def starred() -> list[int]:
        return [k for k in range(window.session.features) if view.model.value(k, star)]

    window.session.notes.write(lambda notes, sae: notes.set_star(sae, range(8), True))
    until(lambda: starred() == list(range(8)))
    window.session.undo.undo()
    until(lambda: starred() == [])


def test_what_did_not_change_is_the_same_object_in_the_next_snapshot(window: MainWindow) -> None:
    notes = window.session.notes
    notes.write(lambda n, sae: n.set_star(sae, [1, 2], True))
    until(lambda: notes.feature(1).star)
    before = notes.now.features
    notes.write(lambda n, sae: n.set_name(sae, 2, "bells"))
    until(lambda: notes.feature(2).name == "bells")
    assert notes.now.features[1] is before[1]
    assert differing(before, notes.now.features) == [2]
    assert differing({}, before) == [1, 2]
    assert sorted(differing(before, {})) == [1, 2]


def test_own_name_is_typed_into_a_dialog_and_300_characters_of_any_script_are_kept(window: MainWindow) -> None:
    name = ("נקישות 🥁 " * 60)[:300].strip()
    press(window, Qt.Key.Key_F2)
    box = dialog(QInputDialog)
    assert isinstance(box, QInputDialog)
    box.setTextValue(name)
    box.accept()
    until(lambda: window.session.notes.feature(3).name == name)


def test_tags_are_added_and_taken_away_at_once(window: MainWindow) -> None:
    press(window, Qt.Key.Key_T)
    editor = dialog(TagEditor)
    assert isinstance(editor, TagEditor)
    QTest.keyClicks(editor.entry, "birds")
    QTest.keyClick(editor.entry, Qt.Key.Key_Return)
    until(lambda: window.session.notes.feature(3).tags == {"birds"})
    editor.tags.setCurrentRow(0)
    editor.tags.setFocus()
    QTest.keyClick(editor.tags, Qt.Key.Key_Return)
    until(lambda: not window.session.notes.feature(3).tags)
    editor.close()


def test_note_of_several_lines_is_saved_with_ctrl_enter(window: MainWindow) -> None:
    press(window, Qt.Key.Key_O)
    editor = dialog(TextEditor)
    assert isinstance(editor, TextEditor)
    editor.text.setPlainText("rain\nand wind")
    QTest.keyClick(editor.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    until(lambda: window.session.notes.feature(3).note == "rain\nand wind")


def test_x_marks_the_feature_as_not_monosemantic_and_x_again_takes_that_back(window: MainWindow) -> None:
    press(window, Qt.Key.Key_X)
    until(lambda: window.session.notes.feature(3).verdict == "not monosemantic")
    assert window.actions_table["judge.not_monosemantic"].isChecked()
    press(window, Qt.Key.Key_X)
    until(lambda: window.session.notes.feature(3).verdict == "")


def test_marked_features_go_into_a_new_list_that_is_made_by_typing_its_name(window: MainWindow) -> None:
    window.session.selection.choose_several((3, 5, 1))
    press(window, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    chooser = dialog(ListChooser)
    assert isinstance(chooser, ListChooser)
    QTest.keyClicks(chooser.entry, "for the paper")
    QTest.keyClick(chooser.entry, Qt.Key.Key_Return)
    until(lambda: len(window.session.notes.now.lists) == 1 and len(window.session.notes.now.lists[0][1]) == 3)
    found, entries = window.session.notes.now.lists[0]
    assert found.name == "for the paper"
    assert [one.feature for one in entries] == [3, 5, 1]


def test_list_is_ordered_noted_and_undone(window: MainWindow) -> None:
    notes = window.session.notes
    notes.write(lambda n, sae: n.add_entries(n.create_list("best").list, [(sae, 1), (sae, 2), (sae, 3)]))
    window.docks["lists"].show()
    view = window.view("lists")
    assert isinstance(view, ListsView)
    until(lambda: view.table.rowCount() == 3)
    view.table.selectRow(2)
    view.table.setFocus()
    QTest.keyClick(view.table, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    until(lambda: [view.table.item(row, 0).text() for row in range(3)] == ["1", "3", "2"])
    assert [one[1] for one in view.marked()] == [3]
    view.table.item(0, 2).setText("the clearest")
    until(lambda: notes.now.lists[0][1][0].note == "the clearest")
    for _ in range(2):
        window.session.undo.undo()
    until(lambda: [one.feature for one in notes.now.lists[0][1]] == [1, 2, 3])
    assert notes.now.lists[0][1][0].note == ""


def test_digits_rate_the_chosen_clip_and_u_and_d_are_thumbs(window: MainWindow) -> None:
    until(lambda: window.session.lines is not None)
    window.session.selection.choose_clip(4, "0123456789abcdef")
    press(window, Qt.Key.Key_4)
    press(window, Qt.Key.Key_U)
    until(lambda: window.session.notes.clip(3, "0123456789abcdef").thumb == 1)
    assert window.session.notes.clip(3, "0123456789abcdef").rating == 4
    press(window, Qt.Key.Key_0)
    press(window, Qt.Key.Key_U)
    until(lambda: window.session.notes.clip(3, "0123456789abcdef").thumb == 0)
    assert window.session.notes.clip(3, "0123456789abcdef").rating is None
