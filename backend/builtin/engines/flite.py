"""Flite: three men's voices of English, from its Debian package."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from backend.audio.load import Audio
from backend.builtin.engines.base import Line, at_recipe_rate
from backend.builtin.engines.programs import call, program

PACKAGE = "flite"
PACKAGES = ("flite", "libflite1")
LIBRARIES = ("libflite1",)
MEAN_PITCH = {"kal16": 95.0}
"""Hz that the diphone voice aims at by itself; the others do not listen to a pitch."""


class Flite:
    """The program flite, run once for each sentence."""

    def __init__(self, sources: Path) -> None:
        self._sources = sources
        self._program = program(sources, PACKAGE, "flite")

    def speak(self, line: Line) -> Audio:
        """See `Engine.speak`."""
        with TemporaryDirectory(prefix="flite-") as place:
            out = Path(place) / "spoken.wav"
            command: list[str | Path] = [self._program, "-voice", line.speaker, "-t", line.text, "-o", out]
            command += ["--setf", f"duration_stretch={1 / line.tempo:.4f}"]
            if line.pitch != 1:
                command += ["--setf", f"int_f0_target_mean={MEAN_PITCH[line.speaker] * line.pitch:.1f}"]
            call(command, self._sources)
            samples, rate = soundfile.read(out, dtype="float32")
        return at_recipe_rate(samples, rate)
