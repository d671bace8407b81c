"""Make the waveform of an example."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from backend.audio.augment import power
from backend.audio.load import Audio, load_wave
from backend.builtin.dice import dice
from backend.builtin.examples import RATE, Example, Part, Recording
from backend.errors import ArdError
from backend.store.clips import Clip

Wave = npt.NDArray[np.float64]

NORMAL_DB = -20.0
"""RMS in dBFS that every stretch is brought to before its gain."""

MOST_GAIN_DB = 40.0
"""A stretch that is quieter than -60 dBFS stays quiet: what it holds is the noise of its recording."""

FADE = 0.005
"""Seconds of the raised-cosine fades at the ends of a stretch; a quarter of it where that is shorter."""

PEAK = 0.99
"""Largest magnitude of a waveform."""

LOUD_DB = -13.0
"""Up to this level a waveform that exceeds `PEAK` is scaled down as a whole, which leaves its shape and lowers its
level; above it the level is what matters, and its peaks are pressed down instead."""

PRESS = 0.005
"""Seconds over which the gain goes down before a peak and up after it."""

PRESS_ROUNDS = 4
"""Pressing peaks down lowers the level; that many times it is raised again and the peaks pressed down once more."""

CACHED_SECONDS = 1800.0
"""Decoded audio kept in memory: about 115 MB."""

TILT_FROM = 60.0
"""Hertz below which a tilted spectrum is not tilted further."""

TILTS = (0.0, 0.5, 1.0)
"""Exponents of the noise that stands alone: its amplitude falls as 1/f to this power (white, pink, brown)."""


class Realiser:
    """Makes waveforms; keeps the recordings it decoded last.

    Parameters
    ----------
    recordings : iterable of Recording
        All that the examples name.
    folder : Path
        What relative paths of recordings are relative to.
    """

    def __init__(self, recordings: Iterable[Recording], folder: Path) -> None:
        self._recordings = {recording.id: recording for recording in recordings}
        self._folder = folder
        self._decoded: OrderedDict[str, Audio] = OrderedDict()

    def waveform(self, example: Example) -> Audio:
        """The example as float32 [round(16,000 · seconds)], mono at 16 kHz; the same every time.

        Each stretch is cut out, brought to `NORMAL_DB`, faded in and out, changed by its gain and added at its
        offset. The sum is then scaled so that with the noise, whose own level is `noise_db`, the whole has the RMS
        `level_db`; stretches that are silent stay silent. Last, a waveform that exceeds `PEAK` is scaled down to it
        or, where it is to be loud, has its peaks pressed down (`LOUD_DB`): nothing is clipped.

        Raises
        ------
        ArdError
            If the example names a recording that is not known, a stretch that is not in it, or noise above its level.
        """
        mixed = np.zeros(round(example.seconds * RATE))
        for part in example.parts:
            begin = round(part.offset * RATE)
            stretch = self._stretch(part, example.id)[: len(mixed) - begin]
            mixed[begin : begin + len(stretch)] += stretch
        noise = _noise(example, len(mixed))
        total = _levelled(mixed, noise, example) + noise
        peak = float(np.abs(total).max(initial=0.0))
        if peak > PEAK:
            total = pressed(total, example.level_db) if example.level_db > LOUD_DB else total * (PEAK / peak)
        return total.astype(np.float32)

    def _stretch(self, part: Part, example: str) -> Wave:
        samples = self._samples(part.recording, example)
        first = round(part.start * RATE)
        stretch = samples[first : first + round(part.seconds * RATE)].astype(np.float64)
        if not len(stretch):
            raise ArdError(
                f"example {example} asks for {part.seconds:g} s from {part.start:g} s on of '{part.recording}', "
                f"which has {len(samples) / RATE:.2f} s",
                todo="Compose the examples again.",
            )
        return faded(normal(tilted(sped(stretch, part.speed), part.tilt_db)) * decibels(part.gain_db))

    def _samples(self, name: str, example: str) -> Audio:
        if name in self._decoded:
            self._decoded.move_to_end(name)
            return self._decoded[name]
        if name not in self._recordings:
            raise ArdError(
                f"example {example} names the recording '{name}', which is not in the manifest",
                todo="Compose the examples again.",
            )
        clip = Clip(record=name, path=self._recordings[name].path, root=str(self._folder))
        self._decoded[name] = load_wave(clip, RATE)
        while len(self._decoded) > 1 and sum(map(len, self._decoded.values())) > CACHED_SECONDS * RATE:
            self._decoded.popitem(last=False)
        return self._decoded[name]


def decibels(db: float) -> float:
    """The factor on amplitudes of a gain in dB."""
    return float(10 ** (db / 20))


def level(samples: npt.NDArray[np.floating]) -> float:
    """RMS in dBFS (0 is a full-scale square wave); minus infinity for silence."""
    mean = power(samples)
    return 10 * math.log10(mean) if mean > 0 else -math.inf


def sped(stretch: Wave, speed: float) -> Wave:
    """A stretch played `speed` times as fast: shorter by that factor, and higher."""
    return stretch if speed == 1.0 else np.asarray(soxr.resample(stretch, RATE * speed, RATE), dtype=np.float64)


def tilted(stretch: Wave, db_per_octave: float) -> Wave:
    """A stretch whose spectrum rises by so much around 1 kHz; below `TILT_FROM` it stays as it is there."""
    if not db_per_octave or len(stretch) < 2:
        return stretch
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(stretch), 1 / RATE), TILT_FROM) / 1000.0)
    return np.fft.irfft(np.fft.rfft(stretch) * 10 ** (db_per_octave * octaves / 20), len(stretch))


def normal(stretch: Wave) -> Wave:
    """A stretch at `NORMAL_DB`, raised by `MOST_GAIN_DB` at most."""
    own = level(stretch)
    return stretch * decibels(min(NORMAL_DB - own, MOST_GAIN_DB)) if math.isfinite(own) else stretch


def faded(stretch: Wave) -> Wave:
    """A stretch that begins and ends at zero without a click."""
    count = min(round(FADE * RATE), len(stretch) // 4)
    if not count:
        return stretch
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / count)
    return np.concatenate([stretch[:count] * ramp, stretch[count:-count], stretch[-count:] * ramp[::-1]])


def pressed(total: Wave, level_db: float) -> Wave:
    """A waveform near `level_db` whose peaks were lowered to `PEAK` by a gain that moves smoothly around them."""
    half = round(PRESS * RATE)
    bell = np.hanning(2 * half + 3)[1:-1]
    for _ in range(PRESS_ROUNDS):
        total = total * decibels(level_db - level(total))
        needed = np.minimum(1.0, PEAK / np.maximum(np.abs(total), PEAK))
        around = np.pad(needed, 2 * half, mode="edge")
        lowest = np.lib.stride_tricks.sliding_window_view(around, 2 * half + 1).min(axis=1)
        total = total * np.convolve(lowest, bell / bell.sum(), mode="valid")
    return total


def _levelled(mixed: Wave, noise: Wave, example: Example) -> Wave:
    """The mixture scaled so that with the noise its power is that of `level_db`."""
    own = power(mixed)
    if not own:
        return mixed
    room = decibels(example.level_db) ** 2 - (decibels(example.noise_db) ** 2 if example.noise_db is not None else 0.0)
    if room <= 0:
        raise ArdError(f"the noise of example {example.id} is as loud as the whole", todo="Compose the examples again.")
    return mixed * math.sqrt(room / own)


def _noise(example: Example, count: int) -> Wave:
    """The example's noise: white under sounds; alone, of a tilt that is drawn by its id."""
    if example.noise_db is None or not count:
        return np.zeros(count)
    chance = dice("noise", example.id)
    samples: Wave = chance.standard_normal(count)
    tilt = 0.0 if example.parts else float(chance.choice(TILTS))
    if tilt:
        spectrum = np.fft.rfft(samples)
        spectrum *= np.maximum(np.fft.rfftfreq(count, 1 / RATE), 50.0) ** -tilt
        samples = np.fft.irfft(spectrum, count)
    return samples * (decibels(example.noise_db) / math.sqrt(power(samples)))
