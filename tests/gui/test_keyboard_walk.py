"""The walk of docs/desktop-walk.md: from the start page to an exported list of ten judged concepts, by keys alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog, QLineEdit, QMenu, QPlainTextEdit, QWidget

from ard_gui.main_window import MainWindow
from ard_gui.state.preferences import Preferences
from ard_gui.views.concepts import ConceptsView
from ard_gui.views.export_dialog import ExportDialog
from ard_gui.views.list_chooser import ListChooser
from ard_gui.views.steering.feature_slider import FeatureSlider
from backend.study.folder import Study
from backend.study.user_data import user_data

Make = Callable[..., MainWindow]
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
CONCEPTS = 10


def focused() -> QWidget:
    """Where a person's keys go."""
    until(lambda: QApplication.activePopupWidget() is not None or QApplication.focusWidget() is not None)
    found = QApplication.activePopupWidget() or QApplication.focusWidget()
    assert found is not None
    return found


def press(key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
    QTest.keyClick(focused(), key, keys)


def type_in(text: str) -> None:
    where = focused()
    assert isinstance(where, QLineEdit | QPlainTextEdit)
    QTest.keyClicks(where, text)


def wait_for(kind: type[QDialog]) -> QDialog:
    """The dialog of this kind, once the keyboard is in it."""

    def found() -> list[QDialog]:
        return [one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isActiveWindow()]

    until(lambda: bool(found()) and found()[0].isAncestorOf(QApplication.focusWidget() or found()[0]))
    return found()[0]


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    return Study(Path(shutil.copytree(tiny_study.root, tmp_path / "walked")))


def test_ten_concepts_are_heard_named_rated_listed_and_exported_without_a_mouse(
    make_window: Make, study: Study, tmp_path: Path
) -> None:
    before = Preferences(user_data() / "preferences.json")
    before.visited(study.root)
    before.set("device", "silent")
    before.save()
    window = make_window()
    session = window.session
    until(window.start.recent.hasFocus)
    press(Qt.Key.Key_Return)
    until(lambda: session.lines is not None and session.notes.available)

    press(Qt.Key.Key_F, CTRL | SHIFT)
    type_in("support >= 4")
    press(Qt.Key.Key_Escape)
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    until(lambda: session.query.value.expression == "support >= 4" and len(view.model.rows) >= CONCEPTS)
    press(Qt.Key.Key_1, CTRL)
    until(view.table.hasFocus)
    press(Qt.Key.Key_Home)

    judged = []
    for number in range(CONCEPTS):
        judge_one(window, number)
        judged.append(session.selection.feature)
        press(Qt.Key.Key_Down)
    assert judged == view.model.rows[:CONCEPTS].tolist()

    export_by_keys(window, tmp_path / "ten.json")
    found = json.loads((tmp_path / "ten.json").read_text(encoding="utf-8"))["features"]
    assert [one["feature"] for one in found] == judged
    assert [one["own_name"] for one in found] == [f"concept {number}" for number in range(CONCEPTS)]
    assert all(one["most"][0]["rating"] == 4 for one in found)


def test_table_is_ordered_by_the_keyboard(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    press(Qt.Key.Key_S, CTRL | SHIFT)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    place = [action.text() for action in menu.actions()].index("m")
    for _ in range(place + 1):
        press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Return)
    until(lambda: window.session.query.value.sort == "m")


def back_in(window: MainWindow) -> None:
    """A window manager gives the keyboard back to the window when a dialog closes; the screenless platform does not."""
    until(lambda: QApplication.activeModalWidget() is None)
    window.activateWindow()
    until(lambda: window.isActiveWindow() and QApplication.focusWidget() is not None)
    press(Qt.Key.Key_1, CTRL)


def judge_one(window: MainWindow, number: int) -> None:
    """Hear the first clip, rate it, name the feature and put it into the list; the focus ends in the table."""
    session = window.session
    feature = int(window.view("concepts").model.rows[number])  # type: ignore[attr-defined]
    until(lambda: session.selection.feature == feature and window.page.feature == feature)
    until(lambda: session.selection.clip >= 0)
    press(Qt.Key.Key_Space)
    until(lambda: session.player.playing or bool(session.player.key))
    press(Qt.Key.Key_4)
    press(Qt.Key.Key_F2)
    wait_for(QInputDialog)
    type_in(f"concept {number}")
    press(Qt.Key.Key_Return)
    until(lambda: session.notes.feature(feature).name == f"concept {number}")
    back_in(window)
    press(Qt.Key.Key_L, SHIFT)
    wait_for(ListChooser)
    type_in("ten for the paper")
    press(Qt.Key.Key_Return)
    until(lambda: any(len(entries) == number + 1 for _, entries in session.notes.now.lists))
    back_in(window)


def export_by_keys(window: MainWindow, path: Path) -> None:
    press(Qt.Key.Key_E, CTRL)
    dialog = wait_for(ExportDialog)
    assert isinstance(dialog, ExportDialog)
    assert dialog.scope.currentText().startswith("list “ten for the paper”")
    while focused() is not dialog.kind:
        press(Qt.Key.Key_Tab)
    press(Qt.Key.Key_Down)
    assert dialog.kind.currentData() == "json"
    while focused() is not dialog.path:
        press(Qt.Key.Key_Tab)
    press(Qt.Key.Key_A, CTRL)
    type_in(str(path))
    press(Qt.Key.Key_Return)
    until(lambda: "written" in dialog.note.text())
    press(Qt.Key.Key_Escape)


def test_feature_is_steered_by_the_keyboard(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    state = window.session.steering
    until(lambda: window.session.selection.clip >= 0)
    press(Qt.Key.Key_1, CTRL)
    press(Qt.Key.Key_W)
    feature = window.session.selection.feature
    assert [row.feature for row in state.now.rows] == [feature]
    until(lambda: isinstance(focused(), FeatureSlider))
    press(Qt.Key.Key_PageUp)
    assert state.now.rows[0].amount == pytest.approx(1.5)
    press(Qt.Key.Key_Home)
    assert state.now.overrides == ((feature, 0.0),)
    while not isinstance(focused(), QPlainTextEdit):
        press(Qt.Key.Key_Backtab)
    type_in("What is heard?")
    assert state.now.prompt == "What is heard?"
    press(Qt.Key.Key_Return)
    assert window.session.answers.wanted is None or window.session.answers.wanted.setup.prompt == "What is heard?"
    press(Qt.Key.Key_Escape)
    assert not window.session.answers.busy
    press(Qt.Key.Key_1, CTRL)
    assert focused() is window.view("concepts").table  # type: ignore[attr-defined]
