"""Hearing clips in the real window: real files, real engine, a silent clock in place of a sound card."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gui.ears import Ears, card, joined, line, playing, press, read
from gui.waiting import until
from playback.sound_systems import LABEL, PacedEngine, has_alsa, plugged
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.services import play_on_move
from ard_gui.services.playback import portaudio
from ard_gui.services.playback import sound as prepared
from ard_gui.services.playback.outputs import open_output
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Audio
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Make = Callable[..., MainWindow]
Key = Qt.Key


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    return Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")))


@pytest.fixture
def feature(study: Study) -> int:
    """One whose most representative clip is active in several separate parts, and not everywhere."""
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        for k in np.argsort(-file.table()["support"]).tolist():
            clips, _ = file.most_list(k)
            if len(clips) > 2 and len(parts(file, k, int(clips[0]))) > 1:
                return int(k)
    raise AssertionError("no feature of the study is active in parts of a clip")


@pytest.fixture
def window(make_window: Make, study: Study, feature: int, ears: Ears) -> MainWindow:
    made = make_window(study, feature, ears)
    until(lambda: made.page.feature == feature)
    read(made)
    return made


def parts(file: RetrievalFile, feature: int, clip: int) -> list[tuple[float, float]]:
    """Seconds in which a feature is active in a clip."""
    trace = file.feature(feature).traces[clip]
    seconds = file.trace_seconds(clip, trace.token[trace.value > 0])
    return joined([(float(a), float(b)) for a, b in seconds])


def said(window: MainWindow, text: str) -> bool:
    return any(text in notice.text for notice in window.session.notices.all)


def point(window: MainWindow, number: int, seconds: float) -> QPoint:
    canvas = card(window, number).canvas
    return QPoint(round(canvas.scene.x_of(seconds, canvas.plot)), canvas.plot.center().y())


def click(window: MainWindow, number: int, seconds: float) -> None:
    QTest.mouseClick(card(window, number).canvas, Qt.MouseButton.LeftButton, pos=point(window, number, seconds))


def first_clip(window: MainWindow, feature: int) -> int:
    assert window.session.ranking is not None
    return int(window.session.ranking.file.most_list(feature)[0][0])


def test_space_plays_the_first_clip_and_space_again_pauses_it(window: MainWindow, ears: Ears) -> None:
    first = line(window).clip
    press(window, Key.Key_Space)
    until(lambda: playing(window, first))
    assert card(window).play.accessibleName() == "Pause"
    press(window, Key.Key_Space)
    assert not ears.playing
    assert card(window).play.accessibleName() == "Play"
    assert len(ears.played) == 1
    place = ears.position()
    press(window, Key.Key_Space)
    until(lambda: ears.position() > place)
    assert len(ears.played) == 1


def test_playhead_goes_with_what_the_engine_has_written_and_rests_with_it(window: MainWindow, ears: Ears) -> None:
    told: list[tuple[int, float, float]] = []

    def note(row: int, seconds: float | None) -> None:
        if seconds is not None and ears._line.engine is not None:
            told.append((row, seconds, ears.engine.history.at(ears.engine.written - 1).seconds))

    window.session.listening.playhead.connect(note)
    first = line(window).clip
    press(window, Key.Key_Space)
    until(lambda: bool(told) and told[-1][1] > 0.15)
    assert {row for row, _, _ in told} == {first}
    places = [seconds for _, seconds, _ in told]
    assert places == sorted(places)
    assert len(set(places)) > 4
    assert all(seconds <= written + 1e-4 for _, seconds, written in told)
    assert card(window).canvas.playhead == places[-1]
    assert card(window, 1).canvas.playhead is None
    press(window, Key.Key_Space)
    until(lambda: not window.session.listening._place._frame.isActive())
    assert card(window).canvas.playhead == pytest.approx(ears.position())


def test_playhead_is_gone_after_stop_and_at_the_end(window: MainWindow, ears: Ears) -> None:
    press(window, Key.Key_Space)
    until(lambda: card(window).canvas.playhead is not None and ears.position() > 0)
    window.actions_table["listen.stop"].trigger()
    assert card(window).canvas.playhead is None
    window.session.listening.play_clip(line(window).clip, ears.sound.seconds - 0.05)  # type: ignore[union-attr]
    until(lambda: card(window).canvas.playhead is not None)
    until(lambda: not ears.playing)
    assert card(window).canvas.playhead is None


def test_arrow_leaves_the_sound_alone_and_space_then_plays_the_new_clip(window: MainWindow) -> None:
    window.session.preferences.set("loop", True)
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    press(window, Key.Key_Right)
    assert playing(window, line(window).clip)
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window, 1).clip) and card(window, 1).canvas.playhead is not None)
    assert card(window).canvas.playhead is None


def test_with_play_on_move_the_arrow_plays_the_next_clip(window: MainWindow, ears: Ears) -> None:
    press(window, Key.Key_P)
    press(window, Key.Key_Right)
    until(lambda: playing(window, line(window, 1).clip))
    press(window, Key.Key_Right)
    until(lambda: playing(window, line(window, 2).clip))
    assert len(ears.played) == 2


def test_opening_a_study_plays_nothing_by_itself(make_window: Make, study: Study, ears: Ears) -> None:
    window = make_window(player=ears)
    window.session.preferences.set("autoplay", True)
    window.open_study(study.root)
    until(lambda: window.session.lines is not None)
    read(window)
    rested: list[bool] = []
    window.session.listening.rested.connect(lambda: rested.append(True))
    window.session.listening.show(window.session.lines)  # type: ignore[arg-type]
    until(lambda: bool(rested))
    assert ears.played == []


def test_held_arrow_over_fifty_features_plays_only_the_last(window: MainWindow, ears: Ears) -> None:
    window.session.preferences.set("autoplay", True)
    table = window.view("concepts").table  # type: ignore[attr-defined]
    table.setFocus()
    QTest.keyClick(table, Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    for _ in range(50):
        QTest.keyClick(table, Key.Key_Down)
    last = window.session.selection.feature
    assert table.currentIndex().row() == 50
    until(lambda: playing(window, first_clip(window, last)))
    assert len(ears.played) == 1


def test_features_whose_pages_are_shown_on_the_way_stay_silent_until_the_person_rests(
    window: MainWindow, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play_on_move, "AFTER_MS", 3000)
    window.session.preferences.set("autoplay", True)
    table = window.view("concepts").table  # type: ignore[attr-defined]
    for _ in range(6):
        before = window.session.selection.feature
        QTest.keyClick(table, Key.Key_Down)
        wanted = window.session.selection.feature
        assert wanted != before
        until(lambda wanted=wanted: window.page.feature == wanted)  # type: ignore[misc]
        assert ears.played == []
    until(lambda: playing(window, first_clip(window, wanted)))
    assert len(ears.played) == 1


def test_space_pressed_before_the_page_is_there_plays_the_new_feature(window: MainWindow, ears: Ears) -> None:
    table = window.view("concepts").table  # type: ignore[attr-defined]
    table.setFocus()
    QTest.keyClick(table, Key.Key_Down)
    QTest.keyClick(table, Key.Key_Space)
    wanted = window.session.selection.feature
    assert window.page.feature != wanted
    until(lambda: playing(window, first_clip(window, wanted)))
    assert len(ears.played) == 1


def test_only_where_active_plays_exactly_the_intervals_of_the_trace(
    window: MainWindow, ears: Ears, study: Study, feature: int
) -> None:
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        wanted = parts(file, feature, line(window).clip)
    press(window, Key.Key_A)
    press(window, Key.Key_Space)
    until(lambda: bool(ears.played) and not ears.playing)
    length = ears.sound.seconds  # type: ignore[union-attr]
    wanted = [(a, min(b, length)) for a, b in wanted if a < length]
    heard = ears.spells()
    assert len(heard) == len(wanted) > 1
    for spell, (start, end) in zip(heard, wanted, strict=True):
        assert spell.first == pytest.approx(start, abs=0.0011)
        assert spell.last == pytest.approx(end, abs=0.0011)


def test_clip_without_an_active_token_says_so_instead_of_playing_nothing(
    window: MainWindow, ears: Ears, study: Study
) -> None:
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        support = file.table()["support"]
        rare = int(np.flatnonzero((support > 0) & (support < file.clips))[0])
    window.session.selection.choose(rare)
    until(lambda: window.page.feature == rare)
    least = next(group for group in window.page.cards.groups if group.id == "random").lines[0]
    window.session.preferences.set("only_active", True)
    window.page.cards.choose_clip(least.clip)
    press(window, Key.Key_Space)
    assert said(window, f"nowhere active in {least.name}")
    assert ears.played == []
    press(window, Key.Key_A)
    press(window, Key.Key_Space)
    until(lambda: playing(window, least.clip))
    press(window, Key.Key_A)
    assert not ears.playing


def test_loop_begins_again_and_a_region_is_what_is_looped(window: MainWindow, ears: Ears) -> None:
    canvas = card(window).canvas
    left, middle, right = (point(window, 0, at) for at in (0.1, 0.2, 0.3))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=left)
    QTest.mouseMove(canvas, middle)
    QTest.mouseMove(canvas, right)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=right)
    start, end = window.page.cards.media.regions[line(window).clip]
    assert (start, end) == pytest.approx((0.1, 0.3), abs=0.02)
    press(window, Key.Key_L)
    press(window, Key.Key_Space)
    until(lambda: bool(ears.played) and ears._line.engine is not None and len(ears.spells()) > 2)
    assert ears.playing
    for spell in ears.spells()[:-1]:
        assert spell.first == pytest.approx(start, abs=0.0015)
        assert spell.last == pytest.approx(end, abs=0.0015)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=left)
    assert ears.region is None
    assert ears.loop


def test_region_goes_with_its_feature(window: MainWindow, ears: Ears) -> None:
    window.session.listening.set_region(line(window).clip, (0.1, 0.3))
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    assert ears.region == (0.1, 0.3)
    press(window, Key.Key_Right)
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window, 1).clip))
    assert ears.region is None


def test_comparison_goes_to_the_other_clip_at_the_same_place_and_back(window: MainWindow, ears: Ears) -> None:
    window.session.preferences.set("loop", True)
    first, second = line(window, 0), line(window, 1)
    press(window, Key.Key_Space)
    until(lambda: playing(window, first.clip))
    press(window, Key.Key_Right)
    for wanted in (second, first, second):
        before = ears.position()
        until(lambda before=before: 0.1 < ears.position() < 0.3 and ears.position() != before)  # type: ignore[misc]
        press(window, Key.Key_B)
        until(lambda wanted=wanted: playing(window, wanted.clip))  # type: ignore[misc]
        number = ears._number
        until(lambda number=number: any(spell.sound == number for spell in ears.spells(8)))  # type: ignore[misc]
        spells = ears.spells(8)
        new = next(i for i, spell in enumerate(spells) if spell.sound == number)
        assert spells[new].first == pytest.approx(spells[new - 1].last, abs=0.001)
        assert window.session.selection.clip == wanted.clip
    assert window.page.cards.current is not None
    assert window.page.cards.current.clip == second.clip


def test_click_before_playing_is_where_it_begins_and_while_playing_goes_there(window: MainWindow, ears: Ears) -> None:
    click(window, 0, 0.2)
    assert not ears.playing
    assert card(window).canvas.playhead == pytest.approx(0.2, abs=0.02)
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    assert ears.spells()[0].first == pytest.approx(0.2, abs=0.02)
    press(window, Key.Key_Space)
    click(window, 0, 0.1)
    assert ears.position() == pytest.approx(0.1, abs=0.02)
    assert card(window).canvas.playhead == pytest.approx(0.1, abs=0.02)


def test_play_button_of_a_card_plays_it_and_makes_it_current(window: MainWindow) -> None:
    QTest.mouseClick(card(window, 1).play, Qt.MouseButton.LeftButton)
    assert window.page.cards.place == (0, 1)
    until(lambda: playing(window, line(window, 1).clip))


def test_how_it_plays_is_kept_over_a_restart(make_window: Make, ears: Ears) -> None:
    before = make_window(player=ears)
    wanted = {
        "volume": 0.3, "mute": True, "speed": 1.5, "loop": True, "only_active": True, "autoplay": True,
        "match_loudness": False, "latency_ms": 35.0, "device": "silent",
    }  # fmt: skip
    for name, value in wanted.items():
        before.session.preferences.set(name, value)
    assert (ears.volume, ears.muted, ears.speed, ears.loop) == (0.3, True, 1.5, True)
    assert (ears.active_only, ears.match_loudness, ears.device) == (True, False, "silent")
    assert ears.latency_offset == pytest.approx(0.035)
    ears.set_volume(0.25)
    assert before.session.preferences.values.volume == 0.3
    before.close()
    assert before.session.ended(5)
    again = Ears()
    values = make_window(player=again).session.preferences.values
    assert {name: getattr(values, name) for name in wanted} == wanted
    assert (again.volume, again.muted, again.speed, again.loop) == (0.3, True, 1.5, True)
    assert (again.active_only, again.match_loudness, again.device) == (True, False, "silent")
    assert again.latency_offset == pytest.approx(0.035)
    assert again._line.output is None


def test_sound_that_cannot_be_made_ready_becomes_a_message(
    window: MainWindow, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Audio:
        raise MemoryError("no room for the sound")

    monkeypatch.setattr(prepared, "stretch", refuse)
    press(window, Key.Key_Space)
    until(lambda: said(window, "no room for the sound"))
    assert not ears.playing
    assert card(window).play.accessibleName() == "Play"


def test_sound_that_is_gone_says_so_and_is_played_once_its_folder_is_found(
    window: MainWindow, ears: Ears, tmp_path: Path
) -> None:
    ranking = window.session.ranking
    assert ranking is not None
    window.session.preferences.set("roots", dict.fromkeys(ranking.clips.roots, str(tmp_path / "nowhere")))
    press(window, Key.Key_Space)
    until(lambda: said(window, "Find moved sounds"))
    assert ears.played == []
    moved = {root: shutil.copytree(root, tmp_path / f"moved-{n}") for n, root in enumerate(ranking.clips.roots)}
    window.session.preferences.set("roots", {root: str(path) for root, path in moved.items()})
    press(window, Key.Key_Space)
    until(lambda: playing(window, line(window).clip))
    assert str(tmp_path / "moved-0") in ears.key


def test_clip_of_one_sample_plays_and_ends(window: MainWindow, ears: Ears, tmp_path: Path) -> None:
    ranking, clip = window.session.ranking, line(window).media
    assert ranking is not None
    assert clip is not None
    moved = Path(shutil.copytree(clip.root, tmp_path / "moved"))
    soundfile.write(moved / clip.path, np.full(1, 0.5, np.float32), 16000)
    window.session.preferences.set("roots", {clip.root: str(moved)})
    press(window, Key.Key_Space)
    until(lambda: bool(ears.played) and not ears.playing)
    assert ears.sound is not None
    assert len(ears.sound.samples) == 1
    assert [notice for notice in window.session.notices.all if notice.level != "info"] == []


def test_another_study_stops_the_sound_and_forgets_it(window: MainWindow, ears: Ears) -> None:
    window.session.preferences.set("loop", True)
    press(window, Key.Key_Space)
    until(lambda: ears.playing)
    window.session.close_study()
    assert not ears.playing
    assert window.session.listening.row == -1


@pytest.mark.skipif(not has_alsa(), reason="PortAudio with ALSA is not installed")
def test_device_that_is_unplugged_shows_a_banner_and_playing_goes_on(
    make_window: Make, study: Study, feature: int, tmp_path: Path
) -> None:
    unplugged: list[bool] = []
    abort = portaudio.library().CallbackAbort

    class Unpluggable(PacedEngine):
        def render(self, out: Audio) -> None:
            # the silent output asks for one channel
            if unplugged and out.shape[1] > 1:
                raise abort
            super().render(out)

    with plugged(tmp_path, "ardnull"):
        player = Player(lambda label, engine: open_output(label, engine or Unpluggable(44_100)))
        window = make_window(study, feature, player)
        window.session.preferences.set("device", LABEL)
        window.session.preferences.set("loop", True)
        read(window)
        press(window, Key.Key_Space)
        until(lambda: player.position() > 0.05)
        assert not window.page.transport.banner.isVisible()
        unplugged.append(True)
        until(lambda: window.page.transport.banner.isVisible())
        assert f"{LABEL} was unplugged or stopped" in window.page.transport.banner.text()
        heads: list[float] = []
        window.session.listening.playhead.connect(lambda _row, seconds: heads.append(seconds))
        until(lambda: len(heads) > 5)
        assert player.playing
        window.close()
        assert window.session.ended(5)
