"""Noise and music added to drawn clips, as a function of the draw's number (S-07)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.audio.augment import fit, mix
from backend.audio.formats import is_decoded
from backend.audio.load import Wave, load_wave
from backend.errors import ArdError
from backend.store.clips import Clip
from backend.study.settings import ExtractSection


@dataclass(frozen=True)
class Augmentation:
    """Independent chances of added noise and added music.

    Attributes
    ----------
    kinds : tuple of (probability, files)
        Noise first, then music.
    snr_db : (float, float)
        The ratio is uniform in this range, in decibels.
    """

    kinds: tuple[tuple[float, tuple[Path, ...]], ...]
    snr_db: tuple[float, float]
    seed: int

    @classmethod
    def of(cls, section: ExtractSection, seed: int) -> Augmentation | None:
        """What the settings ask for; None if nothing is added. ArdError if a folder holds no recording."""
        asked = (
            (section.noise_probability, section.noise_path),
            (section.music_probability, section.music_path),
        )
        if not any(probability for probability, _ in asked):
            return None
        kinds = tuple((p, _recordings(Path(folder)) if p else ()) for p, folder in asked)
        return cls(kinds, section.snr_db, seed)

    def __call__(self, waves: tuple[Wave, ...], draw: int, rate: int) -> tuple[Wave, ...]:
        """The waves of draw number `draw`, with what chance adds to them."""
        generator = np.random.default_rng([self.seed, draw, 7])
        for probability, files in self.kinds:
            happens, which, where = generator.random(), generator.random(), generator.random()
            snr = generator.uniform(*self.snr_db)
            if happens < probability:
                noise = _whole(files[int(which * len(files))], rate)
                offset = int(where * max(1, len(noise)))
                waves = tuple(Wave(mix(w.samples, fit(noise, len(w.samples), offset), snr), w.start) for w in waves)
        return waves


def _whole(path: Path, rate: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return load_wave(Clip(record=path.name, path=path.name, root=str(path.parent)), rate, seconds=60.0)


def _recordings(folder: Path) -> tuple[Path, ...]:
    files = tuple(sorted(p for p in folder.expanduser().rglob("*") if is_decoded(p) and p.is_file()))
    if not files:
        raise ArdError(
            "there is no recording to augment with", path=folder, todo="Correct extract.noise_path or music_path."
        )
    return files
