"""The player over the silent clock: real threads, real engine, no device."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from clicks import RATE, click_db, sine
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication
from sound_systems import LABEL, PacedEngine, has_alsa, plug, plugged, until

from ard_gui.services.playback import line, portaudio
from ard_gui.services.playback.engine import Engine
from ard_gui.services.playback.loudness import integrated_loudness
from ard_gui.services.playback.outputs import Output, SilentOutput, open_output
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Audio
from ard_gui.services.playback.sound import PreparedSounds, Sound

alsa = pytest.mark.skipif(not has_alsa(), reason="PortAudio with ALSA is not installed")


class Kept(SilentOutput):
    """Keeps what would be heard."""

    def __init__(self, rate: int = RATE) -> None:
        super().__init__(rate, "none in this test")
        self.blocks: list[Audio] = []

    def take(self, block: Audio) -> None:
        self.blocks.append(block[:, 0].copy())

    def everything(self) -> Audio:
        return np.concatenate(self.blocks)


class Room:
    """A player, the outputs it opened and the signals it sent."""

    def __init__(self) -> None:
        self.outputs: list[Kept] = []
        self.rates: dict[str, int] = {}
        self.finished: list[str] = []
        self.banners: list[str] = []
        self.failures: list[str] = []
        self.changes = 0
        self.player = Player(self.open)
        self.player.finished.connect(self.finished.append)
        self.player.banner.connect(self.banners.append)
        self.player.failed.connect(self.failures.append)
        self.player.changed.connect(self._count)

    def open(self, label: str, engine: Engine | None) -> tuple[Output, Engine]:
        output = Kept(self.rates.get(label, RATE))
        fitting = engine if engine is not None and engine.rate == output.rate else Engine(output.rate)
        output.start(fitting)
        self.outputs.append(output)
        return output, fitting

    def heard(self, seconds: float) -> Callable[[], bool]:
        return lambda: self.player.position() >= seconds

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture(scope="module")
def application() -> QCoreApplication:
    return QApplication.instance() or QApplication([])


@pytest.fixture
def room(application: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(line.portaudio, "devices", lambda kind: [])
    before = threading.active_count()
    made = Room()
    yield made
    made.player.close()
    assert threading.active_count() == before


def sound(key: str, seconds: float = 1.0, hertz: float = 440.0, level: float = 0.5, rate: int = RATE) -> Sound:
    return Sound(key, np.float32(level) * sine(seconds, hertz, rate=rate), rate)


def test_sound_is_played_to_its_end_and_then_says_so(room: Room) -> None:
    room.player.set_match_loudness(False)
    played = sound("a", 0.3)
    room.player.play(played)
    assert room.player.playing
    assert room.player.key == "a"
    until(lambda: room.finished == ["a"], "the end")
    assert not room.player.playing
    assert room.player.position() == pytest.approx(0.3)
    everything = room.outputs[0].everything()
    first = int(np.flatnonzero(everything)[0])
    np.testing.assert_array_equal(everything[first + 300 : first + 14_000], played.samples[300:14_000])
    room.player.toggle()
    assert room.player.position() == 0.0
    until(lambda: room.finished == ["a", "a"], "the end again")


def test_position_is_the_second_of_the_frame_that_is_heard(room: Room) -> None:
    room.player.play(sound("a", 5.0), start=1.0)
    until(room.heard(1.2), "the playhead")
    engine, output = room.player._line.engine, room.player._line.output
    assert engine is not None
    assert output is not None
    began = next(f for f in range(engine.written) if engine.history.at(f).moving)
    low, position, high = output.clock(), room.player.position(), output.clock()
    assert (low - began) / RATE - 1e-9 <= position - 1.0 <= (high - began) / RATE + 1e-9
    late = room.player.position()
    room.player.set_latency_offset(100.0)
    assert room.player.position() == pytest.approx(late - 0.1, abs=0.05)


def test_sound_of_another_rate_is_resampled_and_keeps_its_seconds(room: Room) -> None:
    room.player.play(sound("a", 0.3, rate=16_000))
    until(lambda: room.finished == ["a"], "the end")
    assert room.player.position() == pytest.approx(0.3, abs=1e-3)
    assert np.count_nonzero(room.outputs[0].everything()) == pytest.approx(0.3 * RATE, rel=0.01)


def test_newest_of_many_play_requests_wins(room: Room) -> None:
    for number in range(30):
        room.player.play(sound(f"{number}", 2.0))
    until(lambda: room.player.position() > 0.05, "the playhead")
    assert room.player.key == "29"
    assert room.player._command.programme is not None
    assert room.player._command.programme.sound == room.player._number


def test_pause_seek_and_stop_move_the_playhead_where_they_say(room: Room) -> None:
    room.player.play(sound("a", 5.0))
    until(room.heard(0.1), "the playhead")
    room.player.pause()
    until(lambda: not heard_moving(room), "the pause")
    rest = room.player.position()
    room.player.seek(3.0)
    until(lambda: room.player.position() == pytest.approx(3.0), "the seek")
    assert not room.player.playing
    room.player.toggle()
    until(room.heard(3.1), "playing on")
    assert rest < 1.0
    room.player.stop()
    until(lambda: room.player.position() == 0.0, "the beginning")
    assert not room.player.playing
    assert click_db(2 * room.outputs[0].everything()) < -50


def heard_moving(room: Room) -> bool:
    engine, output = room.player._line.engine, room.player._line.output
    assert engine is not None
    assert output is not None
    return engine.history.at(output.clock()).moving


def test_switch_keeps_the_second_and_does_not_click(room: Room) -> None:
    room.player.set_match_loudness(False)
    room.player.set_loop(True)
    first, second = sound("a", 3.0), Sound("b", 0.5 * sine(2.0, phase=2.5), RATE)
    room.player.preload([first, second])
    room.player.play(first)
    until(room.heard(0.2), "the playhead")
    before = room.player.position()
    room.player.switch_to(second)
    assert room.player.key == "b"
    assert room.player.position() >= before
    until(room.heard(0.4), "the other sound")
    assert room.player.position() < 1.5
    everything = room.outputs[0].everything()
    assert click_db(2 * everything) < -60
    end = everything[-480:] if everything[-480:].any() else everything[-960:-480]
    assert np.abs(end).max() == pytest.approx(0.5, abs=0.01)


def test_loop_goes_round_until_it_is_turned_off(room: Room) -> None:
    room.player.set_loop(True)
    room.player.play(sound("a", 0.15))
    until(room.heard(0.1), "the first round")
    until(lambda: room.player.position() < 0.05, "the second round")
    assert room.finished == []
    room.player.set_loop(False)
    until(lambda: room.finished == ["a"], "the end")


def test_region_is_played_alone_and_belongs_to_its_sound(room: Room) -> None:
    room.player.play(sound("a", 4.0))
    room.player.set_region((2.2, 2.0))
    assert room.player.region == (2.0, 2.2)
    until(lambda: room.finished == ["a"], "the end of the region")
    assert room.player.position() == pytest.approx(2.2)
    room.player.toggle()
    assert room.player.position() == 2.0
    room.player.play(sound("b", 0.1))
    assert room.player.region is None
    until(lambda: room.finished == ["a", "b"], "the other sound")


def test_only_where_active_plays_as_many_frames_as_the_intervals_have(room: Room) -> None:
    room.player.set_active_only(True)
    room.player.play(sound("a", 4.0), active=[(3.0, 3.1), (1.0, 1.05)])
    until(lambda: room.finished == ["a"], "the end")
    assert room.player.position() == pytest.approx(3.1)
    assert np.count_nonzero(room.outputs[0].everything()) == pytest.approx(0.15 * RATE, abs=8)


def test_nothing_active_is_said_and_not_played(room: Room) -> None:
    room.player.set_active_only(True)
    room.player.play(sound("a"), active=[])
    until(lambda: bool(room.failures), "the message")
    assert "not active" in room.failures[0]
    assert not room.player.playing
    room.player.play(Sound("empty", np.zeros(0, np.float32), RATE))
    until(lambda: len(room.failures) == 2, "the message")
    assert "empty" in room.failures[1]


def test_speed_changes_within_the_sound_and_keeps_the_seconds(room: Room) -> None:
    room.player.set_speed(9.0)
    assert room.player.speed == 2.0
    room.player.play(sound("a", 1.0))
    until(lambda: room.finished == ["a"], "the end")
    assert np.count_nonzero(room.outputs[0].everything()) == pytest.approx(0.5 * RATE, rel=0.01)
    assert room.player.position() == pytest.approx(1.0)
    room.player.play(sound("a", 1.0), start=0.5)
    until(room.heard(0.55), "the playhead")
    room.player.set_speed(0.25)
    until(lambda: bool(room.player._fits()), "the slow sound")
    assert 0.5 < room.player.position() < 1.0
    assert room.player.playing


def test_loudness_of_matched_sounds_is_within_half_a_unit_and_quiet_without_matching(room: Room) -> None:
    def loudness(number: int) -> float:
        room.player.play(sound(f"{number}", 1.0, 300.0 + 200 * number, level=0.03 * 4**number))
        until(lambda: room.player.key in room.finished, "the end")
        everything = room.outputs[0].everything()
        return integrated_loudness(everything[start:], RATE)

    start = 0
    matched = []
    for number in range(3):
        matched.append(loudness(number))
        start = len(room.outputs[0].everything())
    assert max(matched) - min(matched) < 0.5
    assert matched[0] == pytest.approx(-23.0, abs=0.5)
    room.player.set_match_loudness(False)
    assert loudness(0) < -30


def test_volume_and_mute_reach_the_samples_while_playing_goes_on(room: Room) -> None:
    room.player.set_match_loudness(False)
    room.player.set_volume(7.0)
    assert room.player.volume == 1.0
    room.player.set_volume(0.2)
    room.player.set_loop(True)
    room.player.play(sound("a", 5.0))
    until(room.heard(0.2), "the playhead")
    assert np.abs(room.outputs[0].everything()[-2000:]).max() == pytest.approx(0.1, abs=0.002)
    room.player.set_mute(True)
    later = room.player.position() + 0.2
    until(room.heard(later), "playing on")
    assert not room.outputs[0].everything()[-480:].any()


def test_other_device_of_another_rate_plays_on_at_the_same_second(room: Room) -> None:
    room.rates["slow card"] = 22_050
    room.player.play(sound("a", 9.0), start=2.0)
    until(room.heard(2.1), "the playhead")
    room.player.set_device("slow card")
    assert room.player.device == "slow card"
    until(lambda: len(room.outputs) == 2 and heard_moving(room), "the other device")
    assert 2.1 <= room.player.position() < 4.0
    assert room.outputs[1].rate == 22_050


def test_without_a_device_a_banner_says_why_and_chosen_silence_has_none(room: Room) -> None:
    room.player.play(sound("a", 0.05))
    until(lambda: room.finished == ["a"], "the end")
    assert room.banners == ["Playing silently, no sound device: none in this test"]
    assert room.player.message == room.banners[-1]
    room.player.set_device("silent")
    until(lambda: room.banners[-1] == "", "the banner's end")


def test_preloaded_sounds_are_ready_before_they_are_asked_for(room: Room) -> None:
    wanted = [sound(f"{n}", 0.2) for n in range(4)]
    room.player.preload(wanted)
    until(lambda: all(room.player._prepared.find(one, RATE, 1.0) for one in wanted), "all of them")
    room.player.play(wanted[3])
    assert room.player._command.programme is not None


def test_closing_in_the_middle_of_everything_leaves_no_thread(application: QCoreApplication) -> None:
    before = threading.active_count()
    made = Room()
    made.player.play(sound("a", 30.0, rate=44_100))
    made.player.preload([sound(f"{n}", 5.0) for n in range(20)])
    made.player.set_speed(0.5)
    made.player.close()
    assert threading.active_count() == before


def test_player_imports_sounddevice_only_when_it_opens_an_output_and_never_scipy() -> None:
    code = (
        "import sys; from PySide6.QtCore import QCoreApplication; application = QCoreApplication([]);"
        "from ard_gui.services.playback.player import Player; from ard_gui.services.playback.recorder import Recorder;"
        "Player().close(); Recorder().close();"
        "print([name for name in ('sounddevice', 'scipy', 'torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_prepared_sounds_are_forgotten_oldest_first_when_memory_is_short() -> None:
    kept = PreparedSounds(limit=3 * 4800 * 4)
    sounds = [sound(f"{n}", 0.1) for n in range(4)]
    for one in sounds[:3]:
        kept.prepare(one, RATE, 1.0)
    kept.find(sounds[0], RATE, 1.0)
    kept.prepare(sounds[3], RATE, 1.0)
    assert [kept.find(one, RATE, 1.0) is not None for one in sounds] == [True, False, True, True]
    assert PreparedSounds(limit=1).prepare(sounds[0], RATE, 1.0) is not None


@alsa
def test_unplugged_device_is_replaced_by_silence_while_playing_goes_on(
    application: QCoreApplication, tmp_path: Path
) -> None:
    unplugged = threading.Event()
    abort = portaudio.library().CallbackAbort

    class Unpluggable(PacedEngine):
        def render(self, out: Audio) -> None:
            if unplugged.is_set() and threading.current_thread().name != "silent-output":
                raise abort
            super().render(out)

    with plugged(tmp_path, "ardnull"):
        player = Player(lambda label, engine: open_output(label, engine or Unpluggable(44_100)))
        banners: list[str] = []
        player.banner.connect(banners.append)
        player.set_device(LABEL)
        player.play(sound("a", 20.0))
        until(lambda: player.position() > 0.1, "the playhead")
        assert banners == [""]
        assert [device.label for device in player.devices()] == [LABEL]
        unplugged.set()
        until(lambda: len(banners) == 2, "the banner")
        assert f"{LABEL} was unplugged or stopped" in banners[1]
        before = player.position()
        until(lambda: player.position() > before + 0.1, "playing on")
        assert player.playing
        unplugged.clear()
        plug(tmp_path, "other", "ardnull")
        player.rescan()
        until(lambda: banners[-1] == "" and len(player.devices()) == 2, "the device")
        before = player.position()
        until(lambda: player.position() > before + 0.1, "playing on")
        player.close()
