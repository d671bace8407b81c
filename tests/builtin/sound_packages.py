"""A small taxonomy and unpacked packages in the layout of the real ones, made of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from backend.builtin.labels import Labels, read_labels

TAXONOMY = """
[limits]
shortest = 0.3
longest = 30.0
most = { speech = 6 }

[split]
held_out = 0.2
shippable = { speech = 0.4, music = 0.4, animal = 0.4, human = 0.4 }
validation = 0.1

[language]
es = "Spanish"

[label."dog"]
phrase = "a dog barking"
[label."snare drum"]
phrase = "a snare drum"
family = "percussion"
[label."cough"]
phrase = "someone coughing"

[package.zoo]
folder = "usr/share/zoo"
licence = "GPL-2"
author = "The zoo"
terms = [['shipped/.*', "CC0-1.0", "Ann"]]
groups = [['(?P<day>kennel_[a-z]+)_.*', "{day}"]]
rules = [
  ['.*silent.*', "skip", ""],
  ['.*wolf.*', "animal", "dog", "a wolf howling"],
  ['.*dog.*|kennel.*', "animal", "dog"],
  ['.*cough.*', "human", "cough"],
  ['.*snare.*', "music", "snare drum"],
]

[package.prompts]
folder = "usr/share/prompts"
licence = "CC-BY-SA-3.0"
language = "es"
speaker = "{voice}"
sexes = { es_f_Ana = "woman" }
copyright = "sounds"
rules = [['(?P<voice>[^/]+)/.*', "speech", ""]]

[package.elsewhere]
folder = "usr/share/elsewhere"
licence = "CC0-1.0"
unseen = true
rules = [['dog.*', "animal", "dog"], ['cough.*', "human", "cough"]]
"""

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: prompts

Files: *
Copyright: 2001-2010 The prompts' makers <someone@example.org>
License: GPL-2+

Files: sounds/*
Copyright: (c) 2009, Ana
           2010 Studio
License: CC-BY-SA-3.0
 the text of the licence

Files: sounds/es_x/*
Copyright: 2011 Someone
License: CC-BY-NC-3.0
"""


def write_labels(folder: Path, text: str = TAXONOMY) -> Labels:
    path = folder / "taxonomy.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return read_labels(path)


def write_sound(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)
    return path


def sound(number: int, seconds: float = 0.5, rate: int = 16000) -> np.ndarray:
    """Noise whose colour and course depend on `number`, so that no two are versions of one another."""
    dice = np.random.default_rng(number)
    length = round(seconds * rate)
    spectrum = np.fft.rfft(dice.standard_normal(length))
    spectrum *= np.interp(np.arange(len(spectrum)), np.linspace(0, len(spectrum), 12), 10 ** dice.uniform(-2, 0, 12))
    course = np.interp(np.arange(length), np.linspace(0, length, 8), 10 ** dice.uniform(-2, 0, 8))
    wave = np.fft.irfft(spectrum, length) * course
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def write_packages(work: Path) -> Path:
    """``work/sources`` with all packages of the taxonomy; returns it."""
    sources = work / "sources"
    zoo, prompts, elsewhere = (sources / name / "usr/share" / name for name in ("zoo", "prompts", "elsewhere"))
    names = [zoo / f"dogs/dog{letter}.wav" for letter in "pqrstuvwxy"]
    names += [zoo / f"shipped/{what}_{letter}.wav" for what in ("cough", "snare") for letter in "pqrstuvwxy"]
    names += [zoo / f"kennel_{day}_{take}.wav" for day in ("monday", "tuesday") for take in range(3)]
    names += [prompts / f"es_f_Ana/{letter}.wav" for letter in "abcdefgh"]
    names += [elsewhere / f"{what}.wav" for what in ("dog", "cough")]
    for number, name in enumerate(names):
        write_sound(name, sound(number))
    doc = sources / "prompts/usr/share/doc/prompts"
    doc.mkdir(parents=True)
    (doc / "copyright").write_text(COPYRIGHT)
    return sources
