"""The bar under the clips: by mouse, by keys, and as wide as there is room for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.ears import Ears, line, playing, press, read
from gui.waiting import until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QSlider

from ard_gui.main_window import MainWindow
from ard_gui.theme import apply_theme
from ard_gui.views.glyphs import GlyphButton
from ard_gui.views.transport import SWITCHES, Transport, clock
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Make = Callable[..., MainWindow]
Key = Qt.Key
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(make_window: Make, tiny_study: Study, tmp_path: Path) -> MainWindow:
    """On the feature with the largest support, its first clips read."""
    study = Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")))
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        feature = int(file.table()["support"].argmax())
    made = make_window(study, feature, Ears())
    until(lambda: made.page.feature == feature)
    read(made)
    return made


@pytest.fixture
def bar(window: MainWindow) -> Transport:
    return window.page.transport


def test_play_plays_the_current_clip_and_pauses_what_is_heard_although_another_clip_is_chosen(
    window: MainWindow, bar: Transport
) -> None:
    window.session.preferences.set("loop", True)
    QTest.mouseClick(bar.play, LEFT)
    until(lambda: playing(window, line(window).clip))
    assert bar.play.accessibleName() == "Pause"
    assert bar.name.text() == line(window).name
    press(window, Key.Key_Right)
    QTest.mouseClick(bar.play, LEFT)
    assert not window.session.player.playing
    QTest.mouseClick(bar.play, LEFT)
    until(lambda: playing(window, line(window).clip))
    QTest.mouseClick(bar.halt, LEFT)
    assert not window.session.player.playing
    assert bar.time.text().startswith("0:00.0 / ")


def test_time_is_the_players_and_the_length_that_of_the_clip(window: MainWindow, bar: Transport) -> None:
    media = window.session.media.find(line(window).clip)
    assert media is not None
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    until(lambda: bar.time.text().startswith("0:00.2"))
    assert bar.time.text().endswith(f"/ {clock(media.seconds)}")
    assert bar.seek.maximum() == round(media.seconds * 1000)
    assert 0 < bar.seek.value() <= bar.seek.maximum()


def test_click_on_the_slider_goes_there_and_keys_go_a_second_on(window: MainWindow, bar: Transport) -> None:
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    press(window, Key.Key_Space)
    player = window.session.player
    assert player.sound is not None
    QTest.mouseClick(bar.seek, LEFT, pos=QPoint(bar.seek.width() // 2, bar.seek.height() // 2))
    assert player.position() == pytest.approx(player.sound.seconds / 2, rel=0.1)
    assert not player.playing
    before = player.position()
    press(window, Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert player.position() == pytest.approx(max(0.0, before - 1))
    press(window, Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert player.position() == pytest.approx(min(player.sound.seconds, max(0.0, before - 1) + 1))


def test_keys_buttons_and_menu_agree_on_every_switch(window: MainWindow, bar: Transport) -> None:
    keys = {"loop": Key.Key_L, "only_active": Key.Key_A, "autoplay": Key.Key_P, "match_loudness": Key.Key_E}
    for name, id_, *_ in SWITCHES:
        before = getattr(window.session.preferences.values, name)
        press(window, keys[name])
        assert getattr(window.session.preferences.values, name) is not before
        assert bar.toggles[name].isChecked() is not before
        assert window.actions_table[id_].isChecked() is not before
        QTest.mouseClick(bar.toggles[name], LEFT)
        assert getattr(window.session.preferences.values, name) is before
        assert bar.toggles[name].isChecked() is before
        assert window.actions_table[id_].isChecked() is before
    press(window, Key.Key_M)
    assert bar.mute.isChecked()
    assert window.session.player.muted
    QTest.mouseClick(bar.mute, LEFT)
    assert not window.session.player.muted


def test_speed_and_volume_reach_the_player_and_the_preferences(window: MainWindow, bar: Transport) -> None:
    press(window, Key.Key_Less)
    assert window.session.player.speed == 0.75
    assert bar.speed.text() == "0.75 ×"
    press(window, Key.Key_Greater)
    assert window.session.player.speed == 1.0
    next(action for action in bar.speeds.actions() if action.text() == "2 ×").trigger()
    assert window.session.player.speed == 2.0
    assert bar.speed.accessibleName() == "Speed 2 ×"
    bar.volume.setValue(35)
    assert window.session.player.volume == pytest.approx(0.35)
    assert window.session.preferences.values.volume == pytest.approx(0.35)


def test_menu_of_devices_offers_silence_a_missing_device_and_another_look(window: MainWindow, bar: Transport) -> None:
    window.session.preferences.set("device", "USB & <b>card</b>")
    bar.devices.aboutToShow.emit()
    texts = [action.text() for action in bar.devices.actions()]
    assert texts[:2] == ["The system's output", "USB && <b>card</b> (not there)"]
    assert window.actions_table["listen.rescan"] in bar.devices.actions()
    silent = next(action for action in bar.devices.actions() if action.text().startswith("Silent"))
    silent.trigger()
    assert window.session.player.device == "silent"
    assert window.session.preferences.values.device == "silent"


def test_banner_says_what_is_wrong_with_the_output(window: MainWindow, bar: Transport) -> None:
    assert not bar.banner.isVisible()
    press(window, Key.Key_Space)
    until(lambda: bar.banner.isVisible())
    assert bar.banner.text() == "Playing silently, no sound device: tests are silent"
    assert [notice for notice in window.session.notices.all if notice.level != "info"] == []


def test_clicks_leave_the_keyboard_with_the_clips_and_tab_reaches_every_control(
    window: MainWindow, bar: Transport
) -> None:
    window.page.cards.setFocus()
    controls = [*bar.findChildren(QAbstractButton), *bar.findChildren(QSlider)]
    for control in controls:
        assert control.focusPolicy() == Qt.FocusPolicy.TabFocus, control.accessibleName()
    for button in (bar.play, bar.halt, bar.compare, *bar.toggles.values(), bar.mute):
        QTest.mouseClick(button, LEFT)
        assert window.page.cards.hasFocus()


def test_every_control_has_a_name_and_a_tip_with_its_keys(window: MainWindow, bar: Transport) -> None:
    for control in (*bar.findChildren(QAbstractButton), *bar.findChildren(QSlider)):
        assert control.accessibleName()
        assert control.toolTip(), control.accessibleName()
    for button, id_ in ((bar.play, "listen.toggle"), (bar.halt, "listen.stop"), (bar.compare, "listen.compare")):
        assert f"({window.actions_table.all_shortcuts(id_)})" in button.toolTip()


@pytest.mark.parametrize("points", [0.0, 16.0])
@pytest.mark.parametrize("width", [700, 1400])
def test_nothing_is_cut_at_any_width_and_text_size(
    window: MainWindow, bar: Transport, application: QApplication, width: int, points: float
) -> None:
    apply_theme(application, "light", points)
    try:
        press(window, Key.Key_Space)
        until(lambda: window.session.player.sound is not None)
        bar.setParent(None)
        bar.resize(width, bar.sizeHint().height())
        bar.show()
        QApplication.processEvents()
        assert bar.minimumSizeHint().width() <= 700
        assert bar.width() == width
        for one in (*bar.findChildren(QAbstractButton), *bar.findChildren(QSlider), *bar.findChildren(QLabel)):
            if one.isVisible():
                left = one.mapTo(bar, QPoint(0, 0)).x()
                assert left >= 0
                assert left + one.width() <= bar.width()
                assert isinstance(one, GlyphButton) or one.width() >= one.minimumSizeHint().width()
    finally:
        bar.setParent(window.page)
        apply_theme(application, "light")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (3.2, "0:03.2"), (59.99, "0:59.9"), (60, "1:00.0"), (754.25, "12:34.2"), (3723.4, "1:02:03.4")],
)
def test_time_has_minutes_and_tenths(seconds: float, text: str) -> None:
    assert clock(seconds) == text
