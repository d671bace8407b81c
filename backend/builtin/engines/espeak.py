"""eSpeak NG, from the shared library that the package espeakng-loader carries."""

from __future__ import annotations

from backend.audio.load import Audio
from backend.builtin.dice import dice
from backend.builtin.engines import espeak_process
from backend.builtin.engines.base import Line, at_recipe_rate, fresh_python, from_integers, module

PACKAGE = "espeakng-loader"
ACCENTS = {
    "English": ("en-us", "en"), "Spanish": ("es", "es-419"), "French": ("fr", "fr-be"), "Italian": ("it",),
    "German": ("de",), "Russian": ("ru",), "Czech": ("cs",),
}  # fmt: skip
"""eSpeak NG's names of each language's accents; a sentence has one of them, whoever speaks it."""

WORDS_PER_MINUTE, MIDDLE_PITCH = 165, 50
"""A voice's own, on eSpeak NG's scales."""


class Espeak:
    """Its speakers are eSpeak NG's voice variants ("m3", "f2", "Andrea")."""

    def __init__(self) -> None:
        loader = module("espeakng_loader", PACKAGE)
        self._files = (loader.get_data_path(), loader.get_library_path())

    def speak(self, line: Line) -> Audio:
        """See `Engine.speak`. A pitch of 1.15 is 15 steps up on the scale of 0 to 99."""
        accents = ACCENTS[line.language]
        voice = f"{accents[int(dice(line.text).integers(len(accents)))]}+{line.speaker}"
        tempo, pitch = round(WORDS_PER_MINUTE * line.tempo), round(MIDDLE_PITCH + 100 * (line.pitch - 1))
        pcm = fresh_python(espeak_process.__name__, *self._files, voice, str(tempo), str(pitch), line.text)
        return at_recipe_rate(from_integers(pcm, "<i2"), espeak_process.RATE)
