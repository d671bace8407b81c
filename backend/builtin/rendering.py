"""Keep what was rendered: one FLAC a recording, made once and measured every time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from backend.audio.load import Audio, load_wave
from backend.builtin.examples import RATE, Recording
from backend.errors import ArdError
from backend.store.clips import Clip
from backend.study.atomic import replacing
from backend.study.fingerprint import fingerprint

FOLDER = "rendered"
VERSION = 1
"""Raised when the same plan sounds different."""

PEAK = 0.8
"""Largest magnitude in a rendered file; the examples set their own level."""

SILENT = 1e-4
"""A rendering that stays below this magnitude failed."""

PAUSE = 10 ** (-50 / 20)
"""Beginning and end of a rendering below this share of its peak are cut away."""


def place(name: str, *made_of: Any) -> str:
    """Path of a rendering relative to the recipe's folder; another one when what it is made of (JSON-ready) changes."""
    return f"{FOLDER}/{name}-{fingerprint([VERSION, *made_of])[:8]}.flac"


def prune(work: Path, recordings: Iterable[Recording]) -> None:
    """Remove renderings that are none of these recordings: what a plan that was changed has left."""
    kept = {work / recording.path for recording in recordings}
    for path in (work / FOLDER).rglob("*.flac"):
        if path not in kept:
            path.unlink()


def keep(work: Path, draft: Recording, make: Callable[[], Audio]) -> Recording:
    """The recording with duration and hash, rendered to `work / draft.path` if that file is not there yet.

    Parameters
    ----------
    draft : Recording
        Its path is one that `place` gave.
    make : callable
        Gives float32 [n] at 16 kHz, or raises an ArdError.
    """
    path = work / draft.path
    if not path.exists():
        samples = _trimmed(make(), draft.id)
        with replacing(path) as temporary:
            soundfile.write(temporary, samples, RATE, format="FLAC", subtype="PCM_16")
    samples = load_wave(Clip(record=draft.id, path=draft.path, root=str(work)), RATE)
    return replace(draft, duration=round(len(samples) / RATE, 4), sound=sound_of(samples))


def sound_of(samples: Audio) -> str:
    """SHA-256 of samples at 16 kHz mono, rounded to 16 bits."""
    return hashlib.sha256(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()).hexdigest()


def _trimmed(samples: Audio, name: str) -> Audio:
    """Without silence around it, at peak `PEAK`."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not math.isfinite(peak) or peak < SILENT:
        raise ArdError(f"the rendering of '{name}' is silent")
    loud = np.flatnonzero(np.abs(samples) > PAUSE * peak)
    return np.asarray(samples[loud[0] : loud[-1] + 1] * (PEAK / peak), dtype=np.float32)
