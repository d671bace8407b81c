"""Speed without pitch."""

from __future__ import annotations

import numpy as np
import pytest
from clicks import sine

from ard_gui.services.playback.programme import Audio
from ard_gui.services.playback.stretch import stretch

SPEEDS = [0.25, 0.5, 0.75, 1.25, 1.5, 2.0]


def pitch(samples: Audio, rate: int) -> float:
    """Frequency of the largest peak, between bins by a parabola."""
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) + 1e-12)
    k = int(spectrum.argmax())
    a, b, c = spectrum[k - 1 : k + 2]
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) * rate / len(samples))


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("speed", SPEEDS)
def test_pitch_and_level_are_kept_and_the_length_follows_the_speed(speed: float, rate: int) -> None:
    samples = sine(2.0, 311.0, rate=rate)
    slow = stretch(samples, rate, speed)
    assert len(slow) == round(len(samples) / speed)
    inner = slow[rate // 10 : -rate // 10]
    assert pitch(inner, rate) == pytest.approx(311.0, abs=0.5)
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(np.sqrt(0.5), abs=0.02)


@pytest.mark.parametrize("speed", SPEEDS)
def test_moment_of_an_event_lies_where_the_speed_says(speed: float) -> None:
    rate = 16_000
    samples = 0.001 * sine(2.0, 150.0, rate=rate)
    samples[rate : rate + 800] += sine(0.05, 700.0, rate=rate)
    slow = stretch(samples, rate, speed)
    loud = np.flatnonzero(np.abs(slow) > 0.5) * speed / rate
    assert loud.min() == pytest.approx(1.0, abs=0.03)
    assert loud.max() == pytest.approx(1.05, abs=0.03)


def test_speed_one_changes_nothing() -> None:
    samples = sine(0.3)
    np.testing.assert_array_equal(stretch(samples, 48_000, 1.0), samples)


@pytest.mark.parametrize("length", [0, 1, 2, 37, 700])
@pytest.mark.parametrize("speed", [0.25, 0.8, 2.0])
def test_very_short_sounds_survive(length: int, speed: float) -> None:
    slow = stretch(np.full(length, 0.5, np.float32), 48_000, speed)
    assert len(slow) == round(length / speed)
    assert np.isfinite(slow).all()
    assert np.abs(slow).max(initial=0.0) <= 0.51


def test_speed_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"between 0\.25 and 2"):
        stretch(sine(0.1), 48_000, 3.0)
