"""Loudness against the standard's own examples and against its filters run sample by sample by scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr
from clicks import sine
from scipy.signal import lfilter

from ard_gui.services.playback.loudness import HIGH_PASS, SHELF, gain_to, integrated_loudness
from ard_gui.services.playback.programme import Audio

RATE = 48_000


def by_the_letter(samples: Audio) -> float:
    """BS.1770-4 at 48 kHz, one channel: filters by recursion, gating as two loops."""
    filtered = lfilter(*HIGH_PASS, lfilter(*SHELF, samples.astype(np.float64)))
    powers = [
        float(np.mean(filtered[i : i + 19_200] ** 2)) for i in range(0, len(filtered) - 19_200 + 1, 4800)
    ]  # fmt: skip
    loud = [p for p in powers if -0.691 + 10 * math.log10(p + 1e-30) > -70]
    gate = -0.691 + 10 * math.log10(sum(loud) / len(loud)) - 10
    kept = [p for p in loud if -0.691 + 10 * math.log10(p) > gate]
    return -0.691 + 10 * math.log10(sum(kept) / len(kept))


def changing(seconds: float, seed: int) -> Audio:
    """Coloured noise whose level wanders over 60 dB, with a pause of digital silence."""
    random = np.random.default_rng(seed)
    noise = np.cumsum(random.normal(size=round(seconds * RATE)) * 0.02)
    noise = noise - np.convolve(noise, np.ones(200) / 200, "same") + 0.05 * random.normal(size=len(noise))
    level = 10 ** (np.interp(np.arange(len(noise)), np.linspace(0, len(noise), 9), random.uniform(-60, 0, 9)) / 20)
    level[len(level) // 2 : len(level) // 2 + RATE] = 0
    return (noise * level * 0.3).astype(np.float32)


def test_sine_of_997_hertz_at_full_scale_measures_minus_3_01() -> None:
    assert integrated_loudness(sine(5.0, 997.0), RATE) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize(("seconds", "seed"), [(3.0, 0), (8.0, 1), (23.7, 2)])
def test_loudness_is_that_of_the_filters_run_sample_by_sample(seconds: float, seed: int) -> None:
    samples = changing(seconds, seed)
    assert integrated_loudness(samples, RATE) == pytest.approx(by_the_letter(samples), abs=1e-3)


@pytest.mark.parametrize("rate", [16_000, 44_100, 96_000])
def test_loudness_does_not_depend_on_the_rate(rate: int) -> None:
    samples = soxr.resample(changing(6.0, 3), RATE, 16_000)
    standard = by_the_letter(soxr.resample(samples, 16_000, RATE))
    assert integrated_loudness(soxr.resample(samples, 16_000, rate), rate) == pytest.approx(standard, abs=0.05)


def test_quiet_part_does_not_pull_the_loudness_down() -> None:
    loud = sine(4.0, 997.0)
    mixed = np.concatenate([loud, 0.01 * loud])
    assert integrated_loudness(mixed, RATE) == pytest.approx(-3.01, abs=0.2)


def test_silence_and_nothing_have_no_loudness_and_keep_their_level() -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(RATE, np.float32), 1e-6 * sine(1.0)):
        assert integrated_loudness(samples, RATE) == -math.inf
    assert gain_to(-math.inf, 0.0) == 1.0


def test_sound_shorter_than_a_block_is_one_block() -> None:
    # 100 ms hold the filters' onset, which the standard's long sine does not
    assert integrated_loudness(sine(0.1, 997.0), RATE) == pytest.approx(-3.01, abs=0.1)
    assert math.isfinite(integrated_loudness(np.ones(1, np.float32), RATE))


def test_gain_reaches_the_target_but_never_clips() -> None:
    assert gain_to(-33.0, 0.1) == pytest.approx(10 ** (10 / 20))
    assert gain_to(-33.0, 0.1, target_lufs=-27.0) == pytest.approx(10 ** (6 / 20))
    assert gain_to(-33.0, 0.8) == pytest.approx(1 / 0.8)
    assert gain_to(-13.0, 1.0) == pytest.approx(10 ** (-10 / 20))


def test_sounds_of_different_level_are_matched_within_half_a_unit() -> None:
    matched = []
    for seed, level in enumerate((0.1, 0.3, 1.0)):
        samples = level * changing(5.0, seed)
        gain = gain_to(integrated_loudness(samples, RATE), float(np.abs(samples).max()), -40.0)
        matched.append(integrated_loudness(np.float32(gain) * samples, RATE))
    assert max(matched) - min(matched) < 0.5
