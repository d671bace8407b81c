"""Outputs: the silent clock in real time, and PortAudio over ALSA's null device."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clicks import RATE, ready, sine
from sound_systems import LABEL, PacedEngine, has_alsa, plug, plugged

from ard_gui.services.playback import outputs, portaudio
from ard_gui.services.playback.engine import Command, Engine
from ard_gui.services.playback.outputs import DeviceOutput, SilentOutput, open_output
from ard_gui.services.playback.portaudio import Device
from ard_gui.services.playback.programme import Audio, compose
from backend.errors import ArdError

alsa = pytest.mark.skipif(not has_alsa(), reason="PortAudio with ALSA is not installed")


def reached(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes to hold within ten seconds."""
    limit, pause = time.monotonic() + 10, threading.Event()
    while not condition() and time.monotonic() < limit:
        pause.wait(0.002)
    return condition()


def test_silent_output_renders_every_frame_once_and_never_hears_what_is_not_written() -> None:
    blocks: list[Audio] = []

    class Kept(SilentOutput):
        def take(self, block: Audio) -> None:
            blocks.append(block[:, 0].copy())

    engine, output = Engine(RATE), Kept(RATE)
    samples = sine(0.2)
    engine.command = Command(compose(ready(samples), 1), playing=True)
    output.start(engine)
    clocks = []
    assert reached(lambda: bool(clocks.append(output.clock()) or clocks[-1] > 10_000))
    output.close()
    assert clocks == sorted(clocks)
    assert output.clock() <= engine.written
    heard = np.concatenate(blocks)
    assert len(heard) == engine.written
    np.testing.assert_array_equal(heard[300:9000], samples[300:9000])
    assert output.is_silent
    assert output.lost() == ""


def test_silent_output_goes_on_from_the_frame_another_one_left() -> None:
    engine = Engine(RATE)
    engine.render(np.zeros((12_345, 2), np.float32))
    output = SilentOutput(RATE)
    output.start(engine)
    assert reached(lambda: output.clock() > 12_345 + 480)
    output.close()


class StandIn:
    """A stream whose clock is set by hand."""

    latency = 0.05
    time = 0.0


DEVICE = Device("card", "API", 0, RATE, 2, True)


def started(engine: Engine) -> tuple[DeviceOutput, StandIn]:
    stream = StandIn()
    output = DeviceOutput(DEVICE, open_stream=lambda *_: stream)
    output.start(engine)
    return output, stream


def asked(output: DeviceOutput, frames: int, current: float, heard: float) -> None:
    moments = SimpleNamespace(currentTime=current, outputBufferDacTime=heard)
    output._callback(np.zeros((frames, 2), np.float32), frames, moments, None)


def test_clock_of_a_device_is_what_its_own_time_says_and_stays_within_what_was_written() -> None:
    engine = Engine(RATE)
    output, stream = started(engine)
    asked(output, 4800, current=100.0, heard=100.5)
    for now, expected in ((100.0, 0), (100.5, 0), (100.51, 480), (100.505, 480), (101.0, 4800)):
        stream.time = now
        assert output.clock() == pytest.approx(expected, abs=1)
    asked(output, 4800, current=100.6, heard=100.6)


@pytest.mark.parametrize(("current", "heard"), [(0.0, 0.0), (100.0, 100.0), (100.0, 0.0), (100.0, 900.0)])
def test_device_that_does_not_say_when_it_is_heard_is_late_by_its_latency(
    current: float, heard: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [50.0]
    monkeypatch.setattr(outputs.time, "perf_counter", lambda: now[0])
    engine = Engine(RATE)
    output, _ = started(engine)
    asked(output, 48_000, current, heard)
    for moment, expected in ((50.0, 0), (50.05, 0), (50.06, 480), (50.55, 24_000), (60.0, 48_000)):
        now[0] = moment
        assert output.clock() == pytest.approx(expected, abs=1)


def test_device_that_asks_for_nothing_any_more_is_lost_and_pulls_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(RATE)
    output, _ = started(engine)
    asked(output, 480, 0.0, 0.0)
    assert output.lost() == ""
    monkeypatch.setattr(outputs, "STALE_SECONDS", -1.0)
    assert "card, API has stopped" in output.lost()
    asked(output, 480, 0.0, 0.0)
    assert engine.written == 480


def test_missing_portaudio_is_explained_and_played_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    output, engine = open_output("", None)
    output.close()
    assert output.is_silent
    assert "PortAudio library not found" in output.reason
    assert "libportaudio2" in output.reason
    assert engine.rate == output.rate


def test_chosen_silence_needs_no_reason() -> None:
    output, _ = open_output("silent", None)
    output.close()
    assert output.is_silent
    assert output.reason == ""


@alsa
def test_real_stream_pulls_the_engine_until_it_is_closed(tmp_path: Path) -> None:
    with plugged(tmp_path, "ardnull"):
        engine = PacedEngine(44_100)
        engine.command = Command(compose(ready(sine(9.0, rate=44_100), 44_100), 1), playing=True)
        output, same = open_output(LABEL, engine)
        assert same is engine
        assert output.name == LABEL
        assert reached(lambda: output.clock() > 4410)
        assert output.clock() <= engine.written
        assert output.lost() == ""
        output.close()
        after = engine.written
        assert not reached_soon(lambda: engine.written != after)
        assert output.lost() == ""


def reached_soon(condition: Callable[[], bool]) -> bool:
    threading.Event().wait(0.05)
    return condition()


@alsa
def test_stream_that_ends_by_itself_is_lost(tmp_path: Path) -> None:
    abort = portaudio.library().CallbackAbort

    class Unplugged(PacedEngine):
        def render(self, out: Audio) -> None:
            super().render(out)
            if self.written > 4410:
                raise abort

    with plugged(tmp_path, "ardnull"):
        output, _ = open_output(LABEL, Unplugged(44_100))
        assert reached(lambda: output.lost() != "")
        output.close()


@alsa
def test_scan_finds_what_was_plugged_in_and_devices_keep_their_names(tmp_path: Path) -> None:
    with plugged(tmp_path, "ardnull"):
        assert LABEL in [device.label for device in portaudio.devices("output")]
        plug(tmp_path, "another", "ardnull")
        portaudio.rescan()
        assert {LABEL, "another, ALSA"} <= {device.label for device in portaudio.devices("output")}
        assert portaudio.find(LABEL, "output").name == "ardnull"
        plug(tmp_path)
        portaudio.rescan()
        with pytest.raises(ArdError, match=r"no sound output was found|'ardnull, ALSA' was not found"):
            portaudio.find(LABEL, "output")


@alsa
def test_scan_is_refused_while_a_stream_is_open(tmp_path: Path) -> None:
    with plugged(tmp_path, "ardnull"):
        output, _ = open_output(LABEL, PacedEngine(44_100))
        with pytest.raises(ArdError, match="Stop the recording first"):
            portaudio.rescan()
        output.close()


@alsa
def test_device_that_is_not_there_is_named_in_the_reason(tmp_path: Path) -> None:
    with plugged(tmp_path, "ardnull"):
        output, _ = open_output("USB Headphones, ALSA", None)
        output.close()
        assert output.is_silent
        assert "USB Headphones, ALSA" in output.reason
