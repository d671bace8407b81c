"""Every command by typing a few letters, from the one table of actions."""

from __future__ import annotations

from collections.abc import Callable

from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.state.command_search import feature_number, match, ranked
from ard_gui.views.palette import ID, Palette
from ard_gui.views.shortcut_sheet import ShortcutSheet
from backend.study.folder import Study

Make = Callable[..., MainWindow]
Key, Control = Qt.Key, Qt.KeyboardModifier.ControlModifier
COMMANDS = [("a", "File: ", "Open study"), ("b", "Go: ", "Go to feature"), ("c", "View: ", "Next theme")]


def test_letters_in_order_are_found_and_others_are_not() -> None:
    assert match("otf", "Go to feature") is not None
    assert match("fto", "Go to feature") is None
    assert match("", "Go to feature") == (0.0, ())


def test_letters_at_the_start_of_words_are_preferred() -> None:
    found = match("gf", "go to gif, feature")
    assert found is not None
    assert found[1] == (0, 11) or found[1] == (6, 11)


def test_what_fits_the_text_comes_before_what_needs_the_group() -> None:
    assert [one for one, _ in ranked("fe", COMMANDS, [])] == ["b", "a"]


def test_commands_used_last_come_first_where_nothing_is_typed() -> None:
    assert [one for one, _ in ranked("", COMMANDS, ["c", "b"])] == ["c", "b", "a"]


def test_positions_of_the_letters_count_the_group() -> None:
    assert ranked("Open", COMMANDS, []) == [("a", (6, 7, 8, 9))]


def test_numbers_ask_for_features() -> None:
    assert [feature_number(one) for one in ("12", " feature 12 ", "f12", "#7", "12a", "feature", "-3")] == [
        12, 12, 12, 7, None, None, None,
    ]  # fmt: skip


def opened(window: MainWindow) -> Palette:
    window.activateWindow()
    until(window.isActiveWindow)
    QTest.keyClick(window, Key.Key_K, Control)
    found = QApplication.activeModalWidget()
    assert isinstance(found, Palette)
    return found


def ids(palette: Palette) -> list[str]:
    return [str(palette.list.item(row).data(ID)) for row in range(palette.list.count())]


def test_typing_and_enter_run_a_command(make_window: Make) -> None:
    window = make_window()
    palette = opened(window)
    QTest.keyClicks(palette.field, "next theme")
    assert ids(palette)[0] == "view.theme"
    QTest.keyClick(palette.field, Key.Key_Return)
    until(lambda: window.session.preferences.values.theme == "light")
    assert QApplication.activeModalWidget() is None
    assert ids(opened(window))[0] == "view.theme"


def test_arrows_move_and_escape_closes(make_window: Make) -> None:
    window = make_window()
    palette = opened(window)
    QTest.keyClick(palette.field, Key.Key_Down)
    assert palette.list.currentRow() == 1
    QTest.keyClick(palette.field, Key.Key_Up)
    QTest.keyClick(palette.field, Key.Key_Up)
    assert palette.list.currentRow() == palette.list.count() - 1
    QTest.keyClick(palette.field, Key.Key_Escape)
    assert QApplication.activeModalWidget() is None


def test_a_number_goes_to_that_feature(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    palette = opened(window)
    QTest.keyClicks(palette.field, "5")
    QTest.keyClick(palette.field, Key.Key_Return)
    until(lambda: window.session.selection.feature == 5)


def test_a_feature_that_does_not_exist_is_explained(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    palette = opened(window)
    QTest.keyClicks(palette.field, "feature 999999")
    assert palette.list.item(0).text().startswith("There is no feature 999999")
    QTest.keyClick(palette.field, Key.Key_Return)
    assert QApplication.activeModalWidget() is palette
    assert window.session.selection.feature == 0


def test_actions_that_cannot_be_used_now_are_left_out(make_window: Make) -> None:
    window = make_window()
    assert "edit.undo" not in ids(opened(window))
    assert "file.open" in window.actions_table.usable()


def test_sheet_lists_every_bound_action_with_all_its_keys(make_window: Make) -> None:
    window = make_window()
    window.actions_table["help.shortcuts"].trigger()
    sheet = QApplication.activeModalWidget()
    assert isinstance(sheet, ShortcutSheet)
    rows = [group.child(n) for group in sheet._groups for n in range(group.childCount())]
    bound = [one for one in window.actions_table.entries if window.actions_table.is_bound(one)]
    texts = [window.actions_table.entries[one].text.replace("&", "") for one in bound]
    assert sorted(row.text(0) for row in rows) == sorted(texts)
    assert next(row.text(1) for row in rows if row.text(0) == "Commands …") == "Ctrl+K or F1"
    QTest.keyClicks(sheet.field, "ctrl+k")
    assert [row.text(0) for row in rows if not row.isHidden()] == ["Commands …"]


def test_no_two_actions_share_a_key(make_window: Make) -> None:
    window = make_window()
    keys = [key.toString() for one in window.actions_table.entries for key in window.actions_table[one].shortcuts()]
    assert sorted(keys) == sorted(set(keys))
