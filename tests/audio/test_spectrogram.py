"""Mel spectrograms to look at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from backend.audio.spectrogram import hertz_to_mel, mel_filters, mel_power, mel_spectrogram, mel_to_hertz

RATE = 16000


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize("hertz", [220.0, 1000.0, 3000.0, 6500.0])
def test_pure_tone_is_loudest_in_the_filter_that_holds_it(hertz: float) -> None:
    found = mel_spectrogram(tone(hertz), RATE)
    loudest = found.db[:, 2:-2].argmax(axis=0)
    assert np.all(found.hertz[loudest] < hertz)
    assert np.all(hertz < found.hertz[loudest + 2])
    assert found.db.max() == 0


def test_filters_are_those_of_transformers() -> None:
    theirs = mel_filter_bank(101, 10, 0.0, 4000.0, 8000, norm="slaney", mel_scale="slaney").T
    np.testing.assert_allclose(mel_filters(8000, 200, 10), theirs, rtol=1e-9, atol=1e-15)


def test_spectrogram_is_that_of_transformers_on_a_short_sound() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    power = spectrogram(
        wave, window_function(1024, "hann"), 1024, 160, power=2.0, center=True, pad_mode="constant",
        mel_filters=mel_filters(RATE, 1024, 40).T, mel_floor=1e-30,
    )  # fmt: skip
    expected = np.maximum(10 * np.log10(power / power.max()), -80)
    found = mel_spectrogram(wave, RATE, bins=40)
    np.testing.assert_allclose(found.db, expected[:, : found.db.shape[1]], atol=2e-3)


def test_click_lies_in_the_frame_of_its_time() -> None:
    wave = np.zeros(RATE, np.float32)
    wave[8000] = 1
    found = mel_spectrogram(wave, RATE)
    assert found.db.shape == (80, 101)
    assert found.db.sum(axis=0).argmax() * found.seconds_per_frame == pytest.approx(0.5)


def test_silence_and_very_short_sounds_have_a_picture_too() -> None:
    assert np.all(mel_spectrogram(np.zeros(800, np.float32), RATE).db == -80)
    one = mel_spectrogram(np.ones(1, np.float32), RATE).db
    assert one.shape == (80, 1)
    assert np.isfinite(one).all()


def test_loudness_does_not_change_the_picture() -> None:
    wave = np.random.default_rng(1).normal(0, 0.1, 9000).astype(np.float32)
    np.testing.assert_allclose(mel_spectrogram(wave, RATE).db, mel_spectrogram(wave * 0.01, RATE).db, atol=1e-2)


def test_long_sound_is_computed_in_blocks_that_leave_no_seam() -> None:
    wave = np.tile(tone(440, 0.01), 1200)
    db = mel_spectrogram(wave, RATE).db
    assert db.shape[1] == 1201
    np.testing.assert_allclose(db[:, 1020:1028], db[:, 500:508], atol=1e-2)


@given(st.floats(0, 24000))
def test_mel_scale_is_undone_by_its_inverse(hertz: float) -> None:
    assert mel_to_hertz(hertz_to_mel(hertz)) == pytest.approx(hertz, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("cut", [1, 7, 50, 100])
def test_piece_of_a_long_sound_is_the_same_as_in_the_whole(cut: int) -> None:
    wave = np.random.default_rng(3).normal(0, 0.1, RATE).astype(np.float32)
    whole = mel_power(wave, RATE, 0, 101)
    parts = [mel_power(wave, RATE, 0, cut), mel_power(wave, RATE, cut * 160, 101 - cut)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-12)
