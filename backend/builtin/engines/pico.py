"""SVOX Pico: one natural-sounding woman for each of five languages, and a British one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from backend.audio.load import Audio
from backend.builtin.engines.base import Line, at_recipe_rate, fresh_python, module
from backend.errors import ArdError

PACKAGE = "py-nanotts"
LOCALES = {
    ("standard", "English"): "en-US", ("British", "English"): "en-GB", ("standard", "Spanish"): "es-ES",
    ("standard", "French"): "fr-FR", ("standard", "Italian"): "it-IT", ("standard", "German"): "de-DE",
}  # fmt: skip


class Pico:
    """What Pico says depends on what it said before, so that every sentence has a process of its own."""

    def __init__(self) -> None:
        module("py_nanotts", PACKAGE)

    def speak(self, line: Line) -> Audio:
        """See `Engine.speak`."""
        locale = LOCALES.get((line.speaker, line.language))
        if locale is None:
            raise ArdError(f"Pico has no {line.speaker} speaker of {line.language}")
        with TemporaryDirectory(prefix="pico-") as place:
            out = Path(place) / "spoken.wav"
            options = ["-o", str(out), "-v", locale, "--speed", str(line.tempo), "--pitch", str(line.pitch)]
            fresh_python("py_nanotts", *options, "--", line.text)
            samples, rate = soundfile.read(out, dtype="float32")
        return at_recipe_rate(samples, rate)
