"""A small labelled set of synthetic sounds: seven kinds, every clip different, the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from backend.study.atomic import write_text

RATE = 16000
PER_KIND = 20
LOUDNESS = 0.1
Wave = npt.NDArray[np.float64]
Dice = np.random.Generator


def sine(cycles: Wave) -> Wave:
    return np.asarray(np.sin(2 * np.pi * cycles), dtype=np.float64)


def tone(t: Wave, dice: Dice) -> Wave:
    return sine(dice.uniform(200, 4000) * t)


def chirp(t: Wave, dice: Dice) -> Wave:
    """A sine that glides from one frequency to another."""
    low, high = dice.uniform(200, 1000), dice.uniform(2000, 6000)
    first, last = (low, high) if dice.random() < 0.5 else (high, low)
    return sine(first * t + (last - first) * t**2 / (2 * t[-1]))


def noise_band(t: Wave, dice: Dice) -> Wave:
    """Noise between two frequencies an octave apart."""
    low = dice.uniform(300, 3500)
    spectrum = np.fft.rfft(dice.standard_normal(len(t)))
    hertz = np.fft.rfftfreq(len(t), 1 / RATE)
    spectrum[(hertz < low) | (hertz > 2 * low)] = 0
    return np.fft.irfft(spectrum, len(t))


def pulses(t: Wave, dice: Dice) -> Wave:
    """Short clicks at a steady rate."""
    phase = (t * dice.uniform(3, 12)) % 1
    return np.exp(-phase * dice.uniform(60, 120)) * dice.standard_normal(len(t))


def wobble(t: Wave, dice: Dice) -> Wave:
    """A tone whose loudness swings slowly."""
    swing = 0.5 * (1 + sine(dice.uniform(2, 8) * t))
    return swing * sine(dice.uniform(300, 3000) * t)


def harmonic(t: Wave, dice: Dice) -> Wave:
    """A low note with its overtones, a little vibrato."""
    pitch = dice.uniform(90, 350)
    cycles = pitch * t + 0.13 * sine(5 * t)
    total = np.zeros_like(t)
    for n in range(1, int(7000 / pitch)):
        total += sine(n * cycles) / n
    return total


def hiss(t: Wave, dice: Dice) -> Wave:
    """White noise."""
    return dice.standard_normal(len(t))


KINDS: dict[str, Callable[[Wave, Dice], Wave]] = {
    "tone": tone, "chirp": chirp, "noise band": noise_band, "pulses": pulses,
    "wobble": wobble, "harmonic": harmonic, "hiss": hiss,
}  # fmt: skip


def write_sounds(folder: Path, seed: int) -> Path:
    """Write the clips as wav files of 1 to 3 seconds and their manifest; returns the manifest's path."""
    rows = []
    for kind_number, (kind, make) in enumerate(KINDS.items()):
        for number in range(PER_KIND):
            dice = np.random.default_rng([seed, kind_number, number])
            t = np.arange(int(RATE * dice.uniform(1, 3))) / RATE
            name = f"{kind.replace(' ', '-')}/{number:02d}.wav"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / name, _finished(make(t, dice)), RATE, subtype="PCM_16")
            rows.append({"path": name, "labels": {"label": kind}, "caption": f"synthetic {kind}"})
    manifest = folder / "clips.jsonl"
    write_text(manifest, "".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def _finished(wave: Wave) -> Wave:
    """Equal loudness, 10 ms fades, no overload."""
    wave = wave * (LOUDNESS / max(float(np.sqrt(np.mean(wave**2))), 1e-9))
    fade = np.minimum(1, np.minimum(np.arange(len(wave)), np.arange(len(wave))[::-1]) / (0.01 * RATE))
    return np.clip(wave * fade, -0.99, 0.99)
