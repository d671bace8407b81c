"""Generated recordings, and a study on them that has really been run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from backend.jobs.job import quiet_job
from backend.stages import pipeline
from backend.study.configuration import audio_sections, new_settings, write_new
from backend.study.folder import Study
from builders.tiny_models import tiny_whisper

KINDS = ("tone", "noise", "pulse")
RATE = 16000


def recordings(folder: Path, count: int = 24, seed: int = 1) -> Path:
    """`count` short sounds of three kinds as wav files in a folder per kind."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        t = np.arange(int(RATE * generator.uniform(0.4, 2.0))) / RATE
        kind = KINDS[number % 3]
        if kind == "tone":
            x = np.sin(2 * np.pi * generator.uniform(200, 2000) * t)
        elif kind == "noise":
            x = generator.standard_normal(len(t)) * 0.3
        else:
            x = np.sin(2 * np.pi * generator.uniform(80, 800) * t**2) * (np.sin(2 * np.pi * 4 * t) > 0)
        path = folder / kind / f"{number:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.5 * x, RATE)
    return folder


def finished_study(
    folder: Path,
    *,
    build: Callable[[Path], Path] = tiny_whisper,
    layer: str = "encoder.last",
    **changes: dict[str, Any],
) -> Study:
    """A study under the tiny profile on 24 recordings and a random model, run to ranked features.

    `changes` replaces values by section: ``train={"steps": 20}``.
    """
    model = build(folder / "model")
    audio = recordings(folder / "audio")
    settings = new_settings(
        "tiny",
        {"path": str(model), "layers": [layer], "device": "cpu"},
        audio_sections([audio], "folder"),
        uuid.uuid4().hex,
    )
    for section, values in changes.items():
        for key, value in values.items():
            setattr(getattr(settings, section), key, value)
    study = Study(folder / "study")
    write_new(study.toml, settings)
    pipeline.run(study, settings, quiet_job())
    return study
