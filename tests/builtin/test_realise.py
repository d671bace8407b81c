from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_builders import example, hiss, recording, tone, wave_file

from backend.builtin import realise
from backend.builtin.examples import RATE, Example, Part
from backend.builtin.realise import PEAK, Realiser, faded, level
from backend.errors import ArdError


def heard(folder: Path, one: Example, *names: str) -> np.ndarray:
    return Realiser([recording(name) for name in names], folder).waveform(one)


def test_a_stretch_is_brought_to_the_asked_level_whatever_its_own(tmp_path: Path) -> None:
    wave_file(tmp_path, "soft", tone(440, amplitude=0.004))
    wave_file(tmp_path, "strong", tone(440, amplitude=0.9))
    for name in ("soft", "strong"):
        for asked in (-20.0, -10.0, -35.0):
            one = example(Part(name, 0.0, 0.0, 2.0), level_db=asked)
            assert level(heard(tmp_path, one, name)) == pytest.approx(asked, abs=0.01)


def test_gains_set_the_ratio_of_two_sounds(tmp_path: Path) -> None:
    wave_file(tmp_path, "low", tone(300, amplitude=0.9))
    wave_file(tmp_path, "high", tone(3000, amplitude=0.01))
    one = example(Part("low", 0.0, 0.0, 2.0), Part("high", 0.0, 0.0, 2.0, gain_db=-6.0))
    spectrum = np.abs(np.fft.rfft(heard(tmp_path, one, "low", "high")))
    assert 20 * np.log10(spectrum[600] / spectrum[6000]) == pytest.approx(6.0, abs=0.05)


def test_noise_has_its_own_level_and_the_whole_has_the_whole_level(tmp_path: Path) -> None:
    wave_file(tmp_path, "late", tone(440, 1.0))
    one = example(Part("late", 1.0, 0.0, 1.0), level_db=-30.0, noise_db=-45.0)
    wave = heard(tmp_path, one, "late")
    assert level(wave[:RATE]) == pytest.approx(-45.0, abs=0.3)
    assert level(wave) == pytest.approx(-30.0, abs=0.1)


def test_noise_as_loud_as_the_whole_is_refused(tmp_path: Path) -> None:
    wave_file(tmp_path, "tone", tone(440))
    with pytest.raises(ArdError, match="noise of example one is as loud as the whole"):
        heard(tmp_path, example(Part("tone", 0.0, 0.0, 2.0), level_db=-20.0, noise_db=-20.0), "tone")


@pytest.mark.parametrize(("offset", "start"), [(0.0, 0.0), (0.25, 0.5), (0.1234, 0.0371)])
def test_offset_and_start_are_right_to_a_sample(tmp_path: Path, offset: float, start: float) -> None:
    source = hiss(1.0)
    wave_file(tmp_path, "hiss", source)
    wave = heard(tmp_path, example(Part("hiss", offset, start, 0.4), seconds=1.0), "hiss")
    first, begin, count = round(start * RATE), round(offset * RATE), round(0.4 * RATE)
    assert not wave[:begin].any()
    assert not wave[begin + count :].any()
    fade = round(realise.FADE * RATE)
    inside = slice(fade, count - fade)
    ratio = wave[begin : begin + count][inside] / source[first : first + count][inside]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
    assert abs(wave[begin + 1]) > 0


def test_cutting_a_tone_leaves_no_click(tmp_path: Path) -> None:
    wave_file(tmp_path, "tone", tone(440, 2.0))
    # 0.5006 s into a 440 Hz tone is near a peak of it
    wave = heard(tmp_path, example(Part("tone", 0.5, 0.5006, 1.0002), seconds=2.0), "tone")
    steps = np.abs(np.diff(wave))
    inside = steps[round(0.6 * RATE) : round(1.4 * RATE)].max()
    assert steps.max() <= inside * 1.01
    octave_above = np.abs(np.fft.rfft(wave))[(4000 * 2) :].max()
    assert octave_above < 1e-3 * np.abs(np.fft.rfft(wave)).max()


def test_the_shortest_stretches_are_heard(tmp_path: Path) -> None:
    assert faded(np.ones(3)).tolist() == [1, 1, 1]
    wave_file(tmp_path, "click", np.ones(3) / 2)
    wave = heard(tmp_path, example(Part("click", 0.1, 0.0, 3 / RATE), seconds=0.2), "click")
    assert np.flatnonzero(wave).tolist() == [1600, 1601, 1602]


def peaky() -> np.ndarray:
    """Hiss with bursts: a crest of 20 dB."""
    wave = hiss(2.0)
    for start in range(4000, 32000, 8000):
        wave[start : start + 400] *= 6
    return wave


def test_a_normal_sound_with_high_peaks_is_scaled_and_keeps_its_shape(tmp_path: Path) -> None:
    wave_file(tmp_path, "peaky", peaky())
    quiet, normal = (
        heard(tmp_path, example(Part("peaky", 0.0, 0.0, 2.0), level_db=asked), "peaky") for asked in (-35.0, -14.0)
    )
    assert np.abs(normal).max() == pytest.approx(PEAK)
    np.testing.assert_allclose(normal / np.abs(normal).max(), quiet / np.abs(quiet).max(), atol=1e-6)


def test_a_loud_sound_with_high_peaks_is_loud_and_not_clipped(tmp_path: Path) -> None:
    wave_file(tmp_path, "peaky", peaky())
    quiet, loud = (
        heard(tmp_path, example(Part("peaky", 0.0, 0.0, 2.0), level_db=asked), "peaky") for asked in (-35.0, -10.0)
    )
    assert np.abs(loud).max() <= PEAK + 1e-6
    assert level(loud) == pytest.approx(-10.0, abs=1.0)
    inside = np.abs(quiet) > 1e-4
    gain = loud[inside] / quiet[inside]
    assert gain.min() > 0
    assert np.abs(np.diff(gain)).max() < 0.05 * gain.max()


def test_silence_is_digital_silence(tmp_path: Path) -> None:
    assert heard(tmp_path, example(seconds=1.5)).tolist() == [0.0] * 24000
    wave_file(tmp_path, "silent", np.zeros(RATE))
    assert not heard(tmp_path, example(Part("silent", 0.0, 0.0, 1.0)), "silent").any()


def test_hiss_of_a_recording_is_not_raised_without_bound(tmp_path: Path) -> None:
    wave_file(tmp_path, "nothing", hiss(2.0) * 1e-5)
    wave_file(tmp_path, "tone", tone(440, 2.0))
    one = example(Part("nothing", 0.0, 0.0, 2.0), Part("tone", 2.0, 0.0, 2.0), seconds=4.0)
    wave = heard(tmp_path, one, "nothing", "tone")
    assert level(wave[: 2 * RATE]) - level(wave[2 * RATE :]) == pytest.approx(-120 + 40 + 20, abs=0.3)


def test_lone_noise_has_its_level_in_every_colour() -> None:
    slopes = set()
    for number in range(12):
        wave = heard(Path(), example(name=f"noise-{number}", seconds=4.0, noise_db=-30.0, level_db=-30.0))
        assert level(wave) == pytest.approx(-30.0, abs=0.01)
        power = np.abs(np.fft.rfft(wave)) ** 2
        low, high = (power[round(4 * a) : round(4 * b)].mean() for a, b in ((200, 400), (3200, 6400)))
        slopes.add(round(10 * np.log10(low / high) / 4 / 3))
    assert slopes == {0, 1, 2}  # times 3 dB an octave


def test_waveforms_do_not_depend_on_what_was_made_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realise, "CACHED_SECONDS", 3.0)
    known = [wave_file(tmp_path, f"hiss{number}", hiss(2.0, number)) for number in range(4)]
    ones = [example(Part(row.id, 0.0, 0.0, 2.0), name=row.id, noise_db=-50.0, level_db=-25.0) for row in known]
    together = Realiser(known, tmp_path)
    alone = [Realiser(known, tmp_path).waveform(one) for one in ones]
    for _ in range(2):
        for one, wave in zip(ones, alone, strict=True):
            np.testing.assert_array_equal(together.waveform(one), wave)
    assert len(together._decoded) == 1


def test_what_does_not_fit_the_recordings_is_named(tmp_path: Path) -> None:
    wave_file(tmp_path, "tone", tone(440, 1.0))
    with pytest.raises(ArdError, match=r"example one asks for 1 s from 2 s on of 'tone', which has 1\.00 s"):
        heard(tmp_path, example(Part("tone", 0.0, 2.0, 1.0)), "tone")
    with pytest.raises(ArdError, match="example one names the recording 'other', which is not in the manifest"):
        heard(tmp_path, example(Part("other", 0.0, 0.0, 1.0)), "tone")


def test_faster_is_shorter_and_higher_by_the_same_factor(tmp_path: Path) -> None:
    wave_file(tmp_path, "a", tone(400, 2.0))
    one = example(Part("a", 0.0, 0.0, 2.0, speed=1.25), seconds=1.6)
    wave = heard(tmp_path, one, "a")
    assert len(wave) == 1.6 * RATE
    assert np.argmax(np.abs(np.fft.rfft(wave))) / 1.6 == pytest.approx(500, abs=1)


def test_tilt_raises_the_octave_above_by_its_decibels(tmp_path: Path) -> None:
    low, high = tone(1000, 2.0, amplitude=0.3), tone(2000, 2.0, amplitude=0.3)
    wave_file(tmp_path, "a", low + high)
    spectrum = np.abs(np.fft.rfft(heard(tmp_path, example(Part("a", 0.0, 0.0, 2.0, tilt_db=3.0)), "a")))
    assert 20 * np.log10(spectrum[4000] / spectrum[2000]) == pytest.approx(3.0, abs=0.05)
