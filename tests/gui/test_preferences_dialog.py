"""Preferences hold at once, everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from gui.waiting import until
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.theme import COLOURS, PALETTES, apply_theme, row_height
from ard_gui.views.preferences_dialog import PreferencesDialog
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def usual_look(application: QApplication) -> Iterator[None]:
    yield
    apply_theme(application, "light")


def dialog_of(window: MainWindow) -> PreferencesDialog:
    window.actions_table["edit.preferences"].trigger()
    found = QApplication.activeModalWidget()
    assert isinstance(found, PreferencesDialog)
    return found


def window_colour() -> str:
    return QApplication.palette().color(QPalette.ColorRole.Window).name()


def test_theme_and_text_size_hold_at_once_and_are_kept(make_window: Make) -> None:
    window = make_window()
    dialog = dialog_of(window)
    dialog.theme.setCurrentText("high contrast")
    assert window_colour() == "#000000"
    before = window.start.title.font().pointSizeF()
    dialog.text_size.setValue(18)
    assert QApplication.font().pointSizeF() == 18
    until(lambda: window.start.title.font().pointSizeF() > before)
    assert window.start.title.font().pointSizeF() == pytest.approx(18 * 2.2)
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)
    assert dialog.theme.currentText() == "system"
    assert window_colour() == PALETTES["light"]["Window"]
    assert QApplication.font().pointSizeF() != 18


def test_rows_grow_with_the_text(make_window: Make) -> None:
    window = make_window()
    window.session.preferences.set("recent", ("/gone",))
    until(lambda: window.start.recent.count() == 1)
    before = window.start.recent.sizeHintForRow(0), row_height(window)
    for _ in range(6):
        window.actions_table["view.bigger"].trigger()
    until(lambda: row_height(window) > before[1])
    assert window.start.recent.sizeHintForRow(0) > before[0]


def test_values_changed_elsewhere_are_shown_and_each_field_is_kept(make_window: Make) -> None:
    window = make_window()
    dialog, preferences = dialog_of(window), window.session.preferences
    preferences.set("loop", True)
    assert dialog.boxes["loop"].isChecked()
    QTest.mouseClick(dialog.boxes["autoplay"], Qt.MouseButton.LeftButton)
    dialog.latency.setValue(-40)
    dialog.range.setValue(60)
    QTest.keyClicks(dialog.author, "Ada")
    QTest.keyClick(dialog.author, Qt.Key.Key_Return)
    assert dialog.isVisible()
    dialog.device_name.setText("silent")
    dialog.device_name.editingFinished.emit()
    values = preferences.values
    assert (values.latency_ms, values.range_db, values.author, values.device) == (-40, 60, "Ada", "silent")
    assert values.autoplay is dialog.boxes["autoplay"].isChecked()


def test_folder_of_sound_can_be_forgotten(make_window: Make) -> None:
    window = make_window()
    window.session.preferences.set("roots", {"/a": "/x", "/b": "/y"})
    dialog = dialog_of(window)
    dialog.roots.setCurrentCell(0, 0)
    QTest.mouseClick(dialog.forget, Qt.MouseButton.LeftButton)
    assert window.session.preferences.values.roots == {"/b": "/y"}
    assert dialog.roots.rowCount() == 1


def test_window_follows_the_system_where_that_is_wished(make_window: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make_window()
    hints = QGuiApplication.styleHints()
    monkeypatch.setattr(type(hints), "colorScheme", lambda _self: Qt.ColorScheme.Dark)
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert window_colour() == PALETTES["dark"]["Window"]


def test_change_of_the_displays_scale_leaves_the_window_usable(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    for widget in (window, window.page, window.view("concepts")):
        QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.DevicePixelRatioChange))
    window.session.selection.choose(3)
    until(lambda: window.page.feature == 3)


def contrast(first: str, second: str) -> float:
    """Ratio of luminances as WCAG 2 defines it."""

    def luminance(name: str) -> float:
        parts = [
            one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in QColor(name).getRgbF()[:3]
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", PALETTES)
def test_text_of_every_theme_can_be_read(name: str) -> None:
    wanted = 7.0 if name == "high contrast" else 4.5
    palette, own = PALETTES[name], COLOURS[name]
    pairs = [
        ("WindowText", "Window"), ("Text", "Base"), ("Text", "AlternateBase"), ("ButtonText", "Button"),
        ("HighlightedText", "Highlight"), ("ToolTipText", "ToolTipBase"), ("Link", "Base"), ("PlaceholderText", "Base"),
    ]  # fmt: skip
    found = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in pairs}
    for colour in ("good", "bad", "warning", "muted"):
        for ground in ("Window", "Base"):
            found[colour, ground] = contrast(getattr(own, colour), palette[ground])
    # A star is a sign and no text, for which 3 is enough.
    assert min(contrast(own.star, palette[ground]) for ground in ("Window", "Base")) >= 3
    assert {pair: round(ratio, 1) for pair, ratio in found.items() if ratio < wanted} == {}
