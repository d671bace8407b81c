"""Hearing clips from the page: keys, mouse, transport bar and playhead, on the silent clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gui.waiting import until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.services.feature_lines import ClipLine, TraceLine
from ard_gui.services.listening import active_intervals, joined
from ard_gui.views.clip_card import ClipCard
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture
def window(make_window: Make, tiny_study: Study, tmp_path: Path) -> MainWindow:
    """On the feature with the largest support, its first cards pictured, silent on purpose."""
    study = Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")))
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        feature = int(file.table()["support"].argmax())
    made = make_window()
    made.session.preferences.set("device", "silent")
    made.open_study(study.root, feature)
    until(lambda: made.page.feature == feature and bool(made.page.cards.cards()))
    until(lambda: all(card.canvas.scene.pictures for card in made.page.cards.cards()))
    return made


def press(window: MainWindow, key: Qt.Key) -> None:
    window.page.cards.setFocus()
    QTest.keyClick(window.page.cards, key)


def card(window: MainWindow, number: int = 0) -> ClipCard:
    return window.page.cards.cards()[number]


def line(window: MainWindow, number: int = 0) -> ClipLine:
    found = card(window, number).line
    assert found is not None
    return found


def playing(window: MainWindow, clip: int) -> bool:
    sounding = window.session.listening.sounding
    return window.session.player.playing and sounding is not None and sounding.clip == clip


def click(window: MainWindow, number: int, seconds: float) -> None:
    canvas = card(window, number).canvas
    x = round(canvas.scene.x_of(seconds, canvas.plot))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, canvas.plot.center().y()))


def test_space_plays_the_current_clip_and_the_playhead_moves_on_its_card_alone(window: MainWindow) -> None:
    heads: list[float] = []
    window.session.listening.moved.connect(lambda _clip, seconds: heads.append(seconds))
    press(window, Qt.Key.Key_Space)
    until(lambda: playing(window, line(window).clip) and bool(heads) and heads[-1] > 0.05)
    assert card(window).canvas.playhead == pytest.approx(heads[-1])
    assert card(window, 1).canvas.playhead is None
    assert card(window).play.accessibleName() == "Pause"
    assert window.page.transport.play.accessibleName() == "Pause"
    press(window, Qt.Key.Key_Space)
    assert not window.session.player.playing
    assert card(window).play.accessibleName() == "Play"
    assert heads == sorted(heads)


def test_playhead_is_where_the_player_is(window: MainWindow) -> None:
    press(window, Qt.Key.Key_Space)
    until(lambda: window.session.player.position() > 0.1)
    press(window, Qt.Key.Key_Space)
    player, canvas = window.session.player, card(window).canvas
    until(lambda: canvas.playhead == player.position() and not window.session.listening._settle.isActive())
    assert 0.1 < player.position() < 0.5


def test_arrow_leaves_the_sound_alone_and_space_then_plays_the_new_clip(window: MainWindow) -> None:
    first = line(window).clip
    window.session.preferences.set("loop", True)
    press(window, Qt.Key.Key_Space)
    until(lambda: playing(window, first))
    press(window, Qt.Key.Key_Right)
    assert playing(window, first)
    press(window, Qt.Key.Key_Space)
    until(lambda: playing(window, line(window, 1).clip))


def test_autoplay_plays_what_is_moved_to(window: MainWindow) -> None:
    press(window, Qt.Key.Key_P)
    assert window.session.preferences.values.autoplay
    press(window, Qt.Key.Key_Right)
    until(lambda: playing(window, line(window, 1).clip))


def test_play_button_of_a_card_plays_it_and_makes_it_current(window: MainWindow) -> None:
    QTest.mouseClick(card(window, 1).play, Qt.MouseButton.LeftButton)
    assert window.page.cards.place == (0, 1)
    until(lambda: playing(window, line(window, 1).clip))


def test_click_before_playing_is_where_it_begins(window: MainWindow) -> None:
    click(window, 0, 0.2)
    assert not window.session.player.playing
    assert card(window).canvas.playhead == pytest.approx(0.2, abs=0.02)
    press(window, Qt.Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    assert window.session.player.position() >= 0.18


def test_click_while_playing_goes_there(window: MainWindow) -> None:
    window.session.preferences.set("loop", True)
    press(window, Qt.Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    window.session.player.pause()
    click(window, 0, 0.3)
    assert window.session.player.position() == pytest.approx(0.3, abs=0.02)
    assert card(window).canvas.playhead == pytest.approx(0.3, abs=0.02)


def test_region_drawn_with_the_mouse_is_what_is_played(window: MainWindow) -> None:
    canvas = card(window).canvas
    y = canvas.plot.center().y()
    left, right = (QPoint(round(canvas.scene.x_of(at, canvas.plot)), y) for at in (0.1, 0.3))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=left)
    QTest.mouseMove(canvas, QPoint((left.x() + right.x()) // 2, y))
    QTest.mouseMove(canvas, right)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=right)
    heads: list[float] = []
    window.session.listening.moved.connect(lambda _clip, seconds: heads.append(seconds))
    press(window, Qt.Key.Key_Space)
    until(lambda: window.session.player.playing)
    assert window.session.player.region == pytest.approx((0.1, 0.3), abs=0.02)
    until(lambda: not window.session.player.playing)
    assert min(heads) >= 0.08
    assert max(heads) <= 0.33
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=left)
    assert window.session.player.region is None


def test_comparison_goes_to_the_other_clip_at_the_same_second_and_back(window: MainWindow) -> None:
    window.session.preferences.set("loop", True)
    first, second = line(window, 0), line(window, 1)
    press(window, Qt.Key.Key_Space)
    until(lambda: playing(window, first.clip))
    press(window, Qt.Key.Key_Right)
    press(window, Qt.Key.Key_B)
    until(lambda: playing(window, second.clip))
    assert window.page.cards.current is second
    press(window, Qt.Key.Key_B)
    until(lambda: playing(window, first.clip))
    assert window.page.cards.current is not None
    assert window.page.cards.current.clip == first.clip


def test_keys_and_buttons_and_menu_agree_on_loop_mute_and_only_active(window: MainWindow) -> None:
    actions, bar, values = window.actions_table, window.page.transport, window.session.preferences
    for key, name, id_ in ((Qt.Key.Key_L, "loop", "listen.loop"), (Qt.Key.Key_A, "only_active", "listen.active")):
        before = getattr(values.values, name)
        press(window, key)
        assert getattr(values.values, name) is not before
        assert bar.toggles[name].isChecked() is not before
        assert actions[id_].isChecked() is not before
        QTest.mouseClick(bar.toggles[name], Qt.MouseButton.LeftButton)
        assert getattr(values.values, name) is before
        assert actions[id_].isChecked() is before
    press(window, Qt.Key.Key_M)
    assert bar.mute.isChecked()
    assert window.session.player.muted
    QTest.mouseClick(bar.mute, Qt.MouseButton.LeftButton)
    assert not window.session.player.muted


def test_speed_and_volume_reach_the_player(window: MainWindow) -> None:
    press(window, Qt.Key.Key_Less)
    assert window.session.player.speed == 0.75
    assert window.page.transport.speed.currentText() == "0.75 ×"
    press(window, Qt.Key.Key_Greater)
    assert window.session.player.speed == 1.0
    window.page.transport.volume.setValue(35)
    assert window.session.player.volume == pytest.approx(0.35)
    assert window.session.preferences.values.volume == pytest.approx(0.35)


def test_only_where_active_plays_the_active_parts(window: MainWindow) -> None:
    window.session.preferences.set("only_active", True)
    press(window, Qt.Key.Key_Space)
    until(lambda: window.session.player.playing)
    until(lambda: not window.session.player.playing)
    intervals = active_intervals(line(window))
    assert intervals
    assert window.session.player.position() == pytest.approx(
        min(intervals[-1][1], card(window).canvas.scene.seconds), abs=0.05
    )


def test_sound_that_is_gone_becomes_a_message(window: MainWindow, tmp_path: Path) -> None:
    ranking = window.session.ranking
    assert ranking is not None
    window.session.preferences.set("roots", dict.fromkeys(ranking.clips.roots, str(tmp_path / "nowhere")))
    press(window, Qt.Key.Key_Space)
    until(lambda: any("Find moved sounds" in notice.text for notice in window.session.notices.all))
    assert not window.session.player.playing


def test_device_menu_offers_silence_and_another_look(window: MainWindow) -> None:
    menu = window.page.transport.menu
    menu.aboutToShow.emit()
    texts = [action.text() for action in menu.actions()]
    assert texts[0] == "The system's choice"
    assert "Look for devices again" in texts
    silent = next(action for action in menu.actions() if action.text().startswith("Silent"))
    assert silent.isChecked()


def test_another_study_stops_the_sound(window: MainWindow) -> None:
    window.session.preferences.set("loop", True)
    press(window, Qt.Key.Key_Space)
    until(lambda: window.session.player.playing)
    window.session.close_study()
    assert not window.session.player.playing
    assert window.session.listening.sounding is None


def trace(*tokens: tuple[float, float, float]) -> TraceLine:
    start, end, value = (np.array(part) for part in zip(*tokens, strict=True))
    return TraceLine(start, end, value)


def test_tokens_that_meet_are_one_interval_and_those_without_a_time_are_left_out() -> None:
    nan = float("nan")
    found = joined(trace((0.0, 0.04, 1), (0.04, 0.08, 2), (0.2, 0.24, 1), (nan, nan, 9), (0.3, 0.4, 0)))
    assert found == ((0.0, 0.08), (0.2, 0.24))


def test_clip_without_activation_has_no_interval_and_an_unknown_one_is_played_whole() -> None:
    silent = ClipLine(0, "", "", "", 0.0, 10, mean=0.0)
    unknown = ClipLine(0, "", "", "", 0.0, 10)
    assert active_intervals(silent) == ()
    assert active_intervals(unknown) is None
