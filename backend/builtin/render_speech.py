"""Sentences spoken by synthetic men and women in seven languages, fast and slow."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backend.audio.load import Audio, load_wave
from backend.builtin.dice import dice
from backend.builtin.engines.base import Engine, Line, at_recipe_rate
from backend.builtin.engines.espeak import Espeak
from backend.builtin.engines.festival import Festival
from backend.builtin.engines.flite import Flite
from backend.builtin.engines.pico import Pico
from backend.builtin.examples import RATE, Recording, Split
from backend.builtin.pitch import fundamental
from backend.builtin.rendering import FOLDER, keep, place
from backend.resources import resource
from backend.store.clips import Clip
from backend.study.atomic import write_json

ENGINES: dict[str, Callable[[Path], Engine]] = {
    "espeak-ng": lambda _: Espeak(),
    "pico": lambda _: Pico(),
    "flite": Flite,
    "festival": Festival,
}
"""How to start each engine; the argument is the folder of unpacked packages."""

LICENCES = {
    "espeak-ng": "spoken by a GPL-3+ program",
    "pico": "spoken by an Apache-2.0 program",
    "flite": "spoken by a BSD-like program",
    "festival": "spoken by a BSD-like program with voices of their own licences",
}

RATES = ("", "fast", "slow")

OWN_PITCH = ("flite", "festival")
"""Engines whose voices are only used at their own pitch (or the one that `tract` needs)."""


@dataclass(frozen=True)
class Voice:
    """A speaker, or one that is made from a speaker.

    Attributes
    ----------
    tract : float
        Factor on resonances and pitch; 1 leaves the speaker as recorded.
    pitch : float
        Factor on the pitch, by the engine's own setting.
    """

    engine: str
    speaker: str
    sex: str
    split: Split
    languages: tuple[str, ...]
    tract: float = 1.0
    pitch: float = 1.0

    @property
    def name(self) -> str:
        """As in `Recording.attributes["voice"]`."""
        return f"{self.engine} {self.speaker}" + (f" as a {self.sex}" if self.tract != 1 else "")


@dataclass(frozen=True)
class Spoken:
    """One file to be rendered."""

    draft: Recording
    voice: Voice
    line: Line


@dataclass(frozen=True)
class Measured:
    """What a voice sounds like: its median fundamental in Hz over `sentences`, and whether that fits its sex."""

    voice: str
    sex: str
    split: str
    hertz: float
    sentences: int
    fits: bool


def settings() -> dict[str, Any]:
    """`resources/demo/speech.toml`."""
    return tomllib.loads(resource("demo/speech.toml").read_text(encoding="utf-8"))


def voices() -> list[Voice]:
    """Every voice of the resource file."""
    chosen = settings()
    everywhere = [language for language in chosen["text"] if language != "sentences_apart"]
    return [
        Voice(
            one["engine"], name, one["sex"], one["split"], tuple(one.get("languages", everywhere)),
            one.get("tract", 1.0), one.get("pitch", 1.0),
        )
        for one in chosen["voice"]
        for name in one["names"]
    ]  # fmt: skip


def plan() -> list[Spoken]:
    """Every file to be rendered; a function of the resource file alone.

    In each split and language men and women say the same number of sentences; the voices of one sex take turns.
    """
    chosen = settings()
    speakers: dict[tuple[Split, str, str], list[Voice]] = defaultdict(list)
    for voice in voices():
        for language in voice.languages:
            speakers[voice.split, language, voice.sex].append(voice)
    return [
        _spoken(turns[number % len(turns)], language, number // len(turns), chosen)
        for (split, language, _), turns in speakers.items()
        for number in range(chosen["sentences_each"][split])
    ]


def render_speech(work: Path, lines: Sequence[Spoken] | None = None) -> list[Recording]:
    """Render what is missing below `work / "rendered"` and return the recordings of voices that fit their sex.

    Parameters
    ----------
    work : Path
        The recipe's folder; unpacked engines lie below `sources`.
    lines : sequence of Spoken, optional
        The whole plan, if not given.

    `rendered/voices.json` is written beside the sounds: the measured pitch of every voice.

    Raises
    ------
    ArdError
        If an engine is not there, naming its package.
    """
    engines: dict[str, Engine] = {}

    def speak(one: Spoken) -> Audio:
        if one.voice.engine not in engines:
            engines[one.voice.engine] = ENGINES[one.voice.engine](work / "sources")
        return with_tract(engines[one.voice.engine].speak(one.line), one.voice.tract)

    lines = plan() if lines is None else lines
    recordings = [keep(work, one.draft, partial(speak, one)) for one in lines]
    measured = measure(work, lines)
    write_json(work / FOLDER / "voices.json", [asdict(one) for one in measured])
    fitting = {one.voice for one in measured if one.fits}
    return [row for row in recordings if row.attributes["voice"] in fitting]


def with_tract(samples: Audio, factor: float) -> Audio:
    """The voice of a vocal tract 1/`factor` times as long: all frequencies, and the tempo, times `factor`."""
    return samples if factor == 1 else at_recipe_rate(samples, RATE * factor)


def measure(work: Path, lines: Sequence[Spoken]) -> list[Measured]:
    """The pitch of every voice over the rendered sentences that it spoke at its own pitch."""
    limits = settings()["limits"]
    heard: dict[str, list[float]] = defaultdict(list)
    known = {one.voice.name: one.voice for one in lines}
    for one in lines:
        if one.line.pitch == one.voice.pitch:
            clip = Clip(record=one.draft.id, path=one.draft.path, root=str(work))
            heard[one.voice.name].append(fundamental(load_wave(clip, RATE), RATE))
    return [_measured(voice, heard[name], limits) for name, voice in known.items()]


def _measured(voice: Voice, hertz: list[float], limits: dict[str, float]) -> Measured:
    median = float(np.nanmedian(hertz)) if np.isfinite(hertz).any() else 0.0
    fits = median < limits["man_below"] if voice.sex == "man" else median > limits["woman_above"]
    return Measured(voice.name, voice.sex, voice.split, round(median, 1), len(hertz), fits and median > 0)


def _spoken(voice: Voice, language: str, turn: int, chosen: dict[str, Any]) -> Spoken:
    """The `turn`-th sentence of a voice: which one, how fast and how high follow from names alone.

    A sentence that comes round again has another tempo; the first turn of a voice in a language is at its own pitch,
    so that every voice can be measured.
    """
    apart = chosen["text"]["sentences_apart"]
    pool = chosen["text"][language][:-apart] if voice.split == "train" else chosen["text"][language][-apart:]
    chance = dice(voice.name, language)
    order = chance.permutation(len(pool))
    number = int(order[turn % len(pool)])
    rate = RATES[(number + turn // len(pool) + int(chance.integers(len(RATES)))) % len(RATES)]
    limits = chosen["limits"]
    moved = 1.0
    if turn and voice.engine not in OWN_PITCH:
        moved = float(dice(voice.name, language, turn).choice([1.0, limits["lowered"], limits["raised"]]))
    # a longer tract slows down too: the engine makes up for it
    line = Line(
        text=pool[number],
        language=language,
        speaker=voice.speaker,
        tempo=round(limits.get(rate, 1.0) / voice.tract, 4),
        pitch=round(voice.pitch * moved, 4),
    )
    return Spoken(_draft(voice, line, rate, turn), voice, line)


def _draft(voice: Voice, line: Line, rate: str, turn: int) -> Recording:
    name = f"{voice.speaker}-{voice.sex}/{line.language}-{turn:02d}"
    attributes = {
        "language": line.language, "sex": voice.sex, "voice": voice.name, "text": line.text,
        **({"rate": rate} if rate else {}),
    }  # fmt: skip
    manner = {"fast": " fast", "slow": " slowly"}.get(rate, "")
    return Recording(
        id=f"{voice.engine}/{name}",
        path=place(f"{voice.engine}/{name}", voice.tract, asdict(line)),
        source=voice.engine,
        category="speech",
        label=f"{line.language} {voice.sex}",
        phrase=f"a {voice.sex} speaking {line.language}{manner}",
        duration=0.0,
        sound="",
        split=voice.split,
        group=f"{voice.engine} {voice.speaker}",
        attributes=attributes,
        licence=LICENCES[voice.engine],
    )
