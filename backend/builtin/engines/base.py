"""What every speech synthesiser answers, and how its package is found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soxr

from backend.audio.load import QUALITY, Audio
from backend.builtin.examples import RATE
from backend.errors import ArdError


@dataclass(frozen=True)
class Line:
    """One sentence and how it is to be spoken.

    Attributes
    ----------
    language : str
        English name, "Spanish".
    speaker : str
        The engine's name of the voice.
    tempo, pitch : float
        Multiples of the voice's own.
    """

    text: str
    language: str
    speaker: str
    tempo: float = 1.0
    pitch: float = 1.0


class Engine(Protocol):
    """A synthesiser that is ready to speak."""

    def speak(self, line: Line) -> Audio:
        """The line as float32 [n], mono at 16 kHz; ArdError if the engine refuses it."""


def module(name: str, package: str) -> Any:
    """An optional module of the recipe; ArdError naming the package that lacks.

    The packages are installed without their dependencies: those are for playing sound, which the recipe never does.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ArdError(
            f"rendering needs the Python package {package}: {error}", todo=f"Run: pip install --no-deps {package}"
        ) from error


def fresh_python(name: str, *arguments: str) -> bytes:
    """What the module prints when it is run with these arguments in a process of its own; ArdError if it fails."""
    done = subprocess.run([sys.executable, "-P", "-m", name, *arguments], capture_output=True, check=False)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise ArdError(f"a sentence could not be spoken: {reason.rstrip('.')}")
    return done.stdout


def at_recipe_rate(samples: npt.NDArray[np.float32], rate: float) -> Audio:
    """Samples at `rate` resampled to 16 kHz."""
    if rate == RATE:
        return samples
    return np.ascontiguousarray(soxr.resample(samples, rate, RATE, quality=QUALITY), dtype=np.float32)


def from_integers(pcm: bytes, dtype: str) -> npt.NDArray[np.float32]:
    """Signed integer samples as float32 in [-1, 1)."""
    values = np.frombuffer(pcm, dtype)
    return values.astype(np.float32) / -float(np.iinfo(values.dtype).min)
