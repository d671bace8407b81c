"""Short sound files with known content, and clips that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from backend.store.clips import Clip
from backend.study.configuration import new_settings
from backend.study.settings import Settings

ENCODINGS: dict[str, dict[str, str]] = {
    "wav": {},
    "flac": {},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "mp3": {"format": "MP3"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}


def sine(seconds: float, rate: int, hertz: float = 440.0, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def put(path: Path, samples: np.ndarray | None = None, rate: int = 16000, **how: Any) -> Path:
    """Write `samples` (a one-second tone whose pitch depends on the name, if not given)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if samples is None:
        samples = sine(1.0, rate, 200 + sum(map(ord, str(path))) % 997)
    soundfile.write(path, samples, rate, **(how or ENCODINGS.get(path.suffix[1:], {})))
    return path


def clip_of(path: Path, **more: Any) -> Clip:
    return Clip(record=path.name, path=path.name, root=str(path.parent), **more)


def settings_for(*audio: dict[str, Any], **clips: Any) -> Settings:
    settings = new_settings("tiny", {"path": "model"}, list(audio), "0")
    for name, value in clips.items():
        setattr(settings.clips, name, value)
    return settings
