"""Recording from ALSA's null device, and the take by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clicks import sine
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication
from sound_systems import LABEL, has_alsa, plugged, until

from ard_gui.services.playback.recorder import Recorder, Take
from backend.errors import ArdError

alsa = pytest.mark.skipif(not has_alsa(), reason="PortAudio with ALSA is not installed")


@pytest.fixture(scope="module")
def application() -> QCoreApplication:
    return QApplication.instance() or QApplication([])


@pytest.fixture
def recorder(application: QCoreApplication) -> Iterator[Recorder]:
    before = threading.active_count()
    made = Recorder()
    yield made
    made.close()
    assert threading.active_count() == before


def test_take_is_the_mean_of_the_channels_saved_as_float(tmp_path: Path) -> None:
    samples = sine(0.5, rate=16_000)
    take = Take(16_000, longest=2.0)
    for start in range(0, len(samples), 300):
        block = samples[start : start + 300]
        take.write(np.stack([block, 0.5 * block], axis=1))
    assert take.seconds == 0.5
    assert take.level() == pytest.approx(0.75, abs=0.01)
    assert take.level() == 0.0
    take.save(tmp_path / "new" / "take.wav")
    read, rate = soundfile.read(tmp_path / "new" / "take.wav", dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(read, 0.75 * samples, atol=1e-6)
    assert soundfile.info(tmp_path / "new" / "take.wav").subtype == "FLOAT"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["take.wav"]


def test_garbage_of_a_driver_becomes_silence() -> None:
    take = Take(1000)
    take.write(np.array([[np.nan, 0.5], [np.inf, 0.5], [0.5, 0.5], [3e38, 3e38]], np.float32))
    assert take.samples.tolist() == [0.0, 0.0, 0.5, 0.0]


def test_take_ends_where_its_room_ends() -> None:
    take = Take(1000, longest=0.1)
    for _ in range(3):
        take.write(np.ones((70, 1), np.float32))
    assert take.full
    assert len(take.samples) == 100


def test_take_that_cannot_be_saved_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ArdError, match="could not be saved"):
        Take(1000).save(tmp_path / "file" / "take.wav")


@alsa
def test_recording_runs_to_its_longest_and_is_saved(recorder: Recorder, tmp_path: Path) -> None:
    saved: list[str] = []
    levels: list[tuple[float, float]] = []
    failures: list[str] = []
    recorder.saved.connect(saved.append)
    recorder.failed.connect(failures.append)
    recorder.level.connect(lambda peak, seconds: levels.append((peak, seconds)))
    with plugged(tmp_path, "ardnull"):
        recorder.start(tmp_path / "take.wav", LABEL, longest=0.5)
        until(lambda: bool(saved or failures), "the file")
        assert failures == []
        assert saved == [str(tmp_path / "take.wav")]
        assert soundfile.info(saved[0]).duration == pytest.approx(0.5)
        assert levels[-1][1] == 0.5
        assert not recorder.recording
        recorder.start(tmp_path / "other.wav", LABEL)
        recorder.cancel()
        recorder.start(tmp_path / "third.wav", LABEL, longest=0.2)
        until(lambda: len(saved) == 2, "the second file")
        assert not (tmp_path / "other.wav").exists()


@alsa
def test_microphone_that_ends_by_itself_leaves_what_it_recorded(recorder: Recorder, tmp_path: Path) -> None:
    saved: list[str] = []
    failures: list[str] = []
    recorder.saved.connect(saved.append)
    recorder.failed.connect(failures.append)
    with plugged(tmp_path, "ardnull"):
        recorder.start(tmp_path / "take.wav", LABEL, longest=600.0)
        until(lambda: recorder._take is not None and recorder._take.seconds > 0, "sound")
        recorder._stream.abort()
        until(lambda: bool(saved and failures), "the file")
    assert "unplugged" in failures[0]
    assert soundfile.info(saved[0]).frames > 0


@alsa
def test_missing_microphone_is_explained(recorder: Recorder, tmp_path: Path) -> None:
    failures: list[str] = []
    recorder.failed.connect(failures.append)
    with plugged(tmp_path):
        recorder.start(tmp_path / "take.wav", "A microphone, ALSA")
        until(lambda: bool(failures), "the message")
    assert "no sound input was found" in failures[0] or "'A microphone, ALSA' was not found" in failures[0]
    assert not recorder.recording
