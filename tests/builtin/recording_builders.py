"""Recordings that are made up, and files for those that are heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from backend.builtin.examples import RATE, Example, Facts, Part, Recording


def recording(name: str, **known: Any) -> Recording:
    given: dict[str, Any] = {
        "path": f"{name}.wav", "source": "here", "category": "animal", "label": "dog", "phrase": "a dog barking",
        "duration": 2.0, "sound": f"sound of {name}", "split": "train", "group": name,
    }  # fmt: skip
    return Recording(id=name, **(given | known))


def wave_file(folder: Path, name: str, samples: np.ndarray) -> Recording:
    """Write float samples (no rounding to integers) and describe them."""
    soundfile.write(folder / f"{name}.wav", samples.astype(np.float32), RATE, subtype="FLOAT")
    return recording(name, duration=len(samples) / RATE)


def example(*parts: Part, seconds: float = 2.0, name: str = "one", **known: Any) -> Example:
    return Example(name, "train", parts, Facts(()), seconds, **known)


def tone(hertz: float, seconds: float = 2.0, amplitude: float = 0.3) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def hiss(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
