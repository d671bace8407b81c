"""Keep what was rendered: one FLAC a recording, made once and measured every time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from backend.audio.load import Audio, load_wave
from backend.builtin.examples import RATE, Recording
from backend.errors import ArdError
from backend.store.clips import Clip
from backend.study.atomic import replacing

FOLDER = "rendered"
PEAK = 0.8
"""Largest magnitude in a rendered file; the examples set their own level."""

SILENT = 1e-4
"""A rendering that stays below this magnitude failed."""

PAUSE = 10 ** (-50 / 20)
"""Beginning and end of a rendering below this share of its peak are cut away."""


def keep(work: Path, draft: Recording, make: Callable[[], Audio]) -> Recording:
    """The recording with duration and hash, rendered to `work / draft.path` if that file is not there yet.

    Parameters
    ----------
    draft : Recording
        Its path is relative to `work` and carries everything the sound depends on.
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
