"""Clips are decoded and pictured on threads of their own, in the order in which they are wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gui.waiting import until
from PySide6.QtWidgets import QApplication

from ard_gui.services import clip_media
from ard_gui.services.clip_media import ClipMedia, Media, media_of, read_media
from ard_gui.services.mel_pictures import COLUMNS, RATE, MelPicture, detail, overview
from backend.errors import ArdError
from backend.store.clips import Clip

Made = Callable[..., ClipMedia]


def clip(folder: Path, number: int, samples: np.ndarray | None = None, rate: int = RATE) -> Clip:
    """A clip whose file is there if `samples` are given."""
    name = f"{number}.wav"
    if samples is not None:
        soundfile.write(folder / name, samples, rate, subtype="FLOAT")
    return Clip(record=name, path=name, index=number, root=str(folder), sample_rate=rate)


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.fixture
def make(application: QApplication) -> Iterator[Made]:
    made: list[ClipMedia] = []

    def build(**options: object) -> ClipMedia:
        made.append(ClipMedia(**options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for one in made:
        one.close()


def test_clip_is_decoded_at_its_own_rate_away_from_the_window(
    make: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    real = clip_media.read_media

    def watched(one: Clip, stopped: Callable[[], bool]) -> Media | None:
        threads.append(threading.current_thread().name)
        return real(one, stopped)

    monkeypatch.setattr(clip_media, "read_media", watched)
    media, found = make(), {}
    media.ready.connect(lambda row, one: found.update({row: one}))
    media.ask(clip(tmp_path, 7, tone(440, 0.5, 44100), 44100))
    until(lambda: 7 in found)
    assert found[7].rate == 44100
    assert found[7].seconds == pytest.approx(0.5)
    assert media.find(7) is found[7]
    assert threads
    assert all(name.startswith("clip-media-") for name in threads)


def test_missing_sound_says_where_it_was_looked_for_and_what_to_do(make: Made, tmp_path: Path) -> None:
    media, said = make(), {}
    media.failed.connect(lambda row, text: said.update({row: text}))
    media.ask(clip(tmp_path, 3))
    until(lambda: 3 in said)
    assert str(tmp_path / "3.wav") in said[3]
    assert "Find moved sounds" in said[3]
    assert media.problem(3) == said[3]


def test_moved_folder_is_found_by_the_persons_map(make: Made, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    clip(here, 1, tone(300, 0.1))
    media = make(roots=lambda: {str(tmp_path / "gone"): str(here)})
    media.ask(clip(tmp_path / "gone", 1))
    until(lambda: media.find(1) is not None)


def test_what_is_no_longer_wanted_is_dropped_and_the_most_urgent_comes_first(
    make: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = threading.Event(), []
    real = clip_media.read_media

    def slow(one: Clip, stopped: Callable[[], bool]) -> Media | None:
        begun.append(one.index)
        gate.wait(20)
        return real(one, stopped)

    monkeypatch.setattr(clip_media, "read_media", slow)
    monkeypatch.setattr(clip_media, "THREADS", 1)
    clips = [clip(tmp_path, i, tone(200, 0.05)) for i in range(6)]
    media = make()
    media.want("cards", clips[:4])
    until(lambda: begun == [0])
    media.want("cards", [clips[5], clips[3]])
    media.ask(clips[4], "cards")
    gate.set()
    until(lambda: all(media.find(i) is not None for i in (3, 4, 5)))
    assert begun == [0, 4, 5, 3]
    assert media.find(1) is None


def test_only_the_last_used_clips_are_kept_and_one_at_least(make: Made, tmp_path: Path) -> None:
    one = read_media(clip(tmp_path, 0, tone(200, 0.5)))
    assert one is not None
    media = make(limit=2 * one.size)
    for i in range(3):
        media.ask(clip(tmp_path, i, tone(200, 0.5)))
        until(lambda: media.find(i) is not None)  # noqa: B023
    assert [media.find(i) is not None for i in range(3)] == [False, True, True]
    small = make(limit=1)
    small.ask(clip(tmp_path, 0))
    until(lambda: small.find(0) is not None)


def test_another_study_forgets_clips_and_problems(make: Made, tmp_path: Path) -> None:
    media, ready = make(), []
    media.ready.connect(lambda row, _: ready.append(row))
    media.ask(clip(tmp_path, 0))
    until(lambda: media.problem(0) != "")
    media.forget()
    assert media.problem(0) == ""
    media.want("cards", [clip(tmp_path, 0, tone(100, 0.1))])
    until(lambda: ready == [0])


def test_zoom_is_computed_anew_and_the_last_wish_counts(make: Made, tmp_path: Path) -> None:
    media, found = make(), []
    media.detail_ready.connect(lambda row, picture: found.append((row, picture)))
    one = clip(tmp_path, 2, tone(1000, 1.0))
    media.ask(one)
    until(lambda: media.find(2) is not None)
    media.ask_detail(one, 0.2, 0.4, 100)
    until(lambda: len(found) == 1)
    row, picture = found[0]
    assert row == 2
    assert picture.start == pytest.approx(0.2, abs=0.002)
    assert picture.end == pytest.approx(0.4, abs=0.004)
    assert 95 <= picture.db.shape[1] <= 105


def test_file_that_is_no_sound_becomes_a_message(make: Made, tmp_path: Path) -> None:
    (tmp_path / "9.wav").write_bytes(b"this is not audio")
    media = make()
    media.ask(clip(tmp_path, 9))
    until(lambda: "cannot be decoded" in media.problem(9))


def test_clip_of_one_sample_and_one_of_ten_minutes_have_a_picture(tmp_path: Path) -> None:
    one = read_media(clip(tmp_path, 0, np.ones(1, np.float32)))
    assert one is not None
    assert one.picture.db.shape[1] == 1
    noise = np.random.default_rng(0).normal(0, 0.1, 600 * 8000).astype(np.float32)
    long = read_media(clip(tmp_path, 1, noise, 8000))
    assert long is not None
    assert COLUMNS / 2 < long.picture.db.shape[1] <= COLUMNS
    assert long.picture.end == pytest.approx(600, abs=0.5)


def test_clip_of_no_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no samples"):
        read_media(clip(tmp_path, 0, np.zeros(0, np.float32)))


def test_reading_stops_when_nobody_wants_it(tmp_path: Path) -> None:
    assert read_media(clip(tmp_path, 0, tone(100, 1.0)), lambda: True) is None


def click_at(moment: float, seconds: float, rate: int) -> np.ndarray:
    wave = np.zeros(round(seconds * rate), np.float32)
    wave[round(moment * rate)] = 1
    return wave


def loudest_moment(picture: MelPicture) -> float:
    power = (10 ** (picture.db.astype(float) / 10)).sum(axis=0)
    middle = (np.arange(len(power)) + 0.5) * power
    return picture.start + (picture.end - picture.start) * float(middle.sum() / power.sum()) / len(power)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_click_stands_at_its_moment_in_overview_and_detail(rate: int) -> None:
    wave = click_at(1.2345, 3.0, rate)
    whole = overview(wave, rate)
    assert whole is not None
    assert loudest_moment(whole) == pytest.approx(1.2345, abs=0.006)
    piece = detail(wave, rate, 1.1, 1.4, 300, whole.loudest)
    assert loudest_moment(piece) == pytest.approx(1.2345, abs=0.0015)


def test_detail_has_the_overviews_decibels() -> None:
    wave = tone(1000, 2.0) * np.linspace(0.1, 1, 2 * RATE).astype(np.float32)
    whole = overview(wave, RATE)
    assert whole is not None
    coarse = detail(wave, RATE, 0.5, 1.5, 100, whole.loudest)
    assert coarse.db.max() == pytest.approx(whole.db[:, 50:150].max(), abs=0.1)
    fine = detail(wave, RATE, 1.0, 1.02, 100, whole.loudest)
    assert fine.db.max() == pytest.approx(whole.db[:, 100:102].max(), abs=1.0)


def test_silence_has_no_loud_place() -> None:
    assert media_of(np.zeros(1000, np.float32), RATE, "x").picture.db.max() == -120
