"""What the recipe of the built-in model is made of: recordings, and examples composed from them.

A `Recording` is one file with what is known about it. An `Example` says how the model hears one or several of them:
parts with gain and offset, noise, loudness. Nothing is mixed on disk; `realise` makes the waveform when it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from backend.errors import ArdError
from backend.study.atomic import write_text

CATEGORIES = ("speech", "music", "animal", "human", "environment")
"""Human stands for human non-speech sounds: laughter, coughing, wordless singing."""

SPLITS = ("train", "validation", "held_out", "unseen_source")
"""Trained on; watched while training; other recordings of known sources; recordings of a source never trained on."""

Split = Literal["train", "validation", "held_out", "unseen_source"]
RATE = 16_000
WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Recording:
    """One sound file and what is known about it.

    Attributes
    ----------
    id : str
        "<source>/<path below the source>", unique.
    path : str
        Absolute, or relative to the folder of the manifest.
    source : str
        Package it comes from, or the program that rendered it ("tinysoundfont", "espeak-ng", "flite", …).
    category : str
        One of `CATEGORIES`.
    label : str
        Leaf of the taxonomy: "dog", "snare drum", "laughter", "footsteps"; for speech "<language> <voice>".
    phrase : str
        Noun phrase for a sentence: "a dog barking", "a snare drum", "a woman speaking Spanish".
    attributes : dict of str
        What is known, by name; a name that is missing is not known and never asked about. Names and values:
        language (English name: "Spanish"), sex ("man" | "woman"), voice, text, family (instrument family: "percussion",
        "strings", "plucked", "keyboard", "wind", "brass", "voice", "synth", "bass"), pitch ("rising" | "falling" |
        "steady"), rate ("fast" | "slow").
    licence, author : str
        As the source states them, per file where it does.
    shippable : bool
        Whether the licence lets the recording itself be shipped (CC0, CC-BY, CC-BY-SA).
    duration : float
        Seconds.
    sound : str
        Hash of the decoded samples at 16 kHz mono, hexadecimal; equal for copies under other names or codecs.
    split : str
        One of `SPLITS`. All recordings of one `group` are in one split.
    group : str
        What must not be divided between splits: recording session, voice, instrument.
    """

    id: str
    path: str
    source: str
    category: str
    label: str
    phrase: str
    duration: float
    sound: str
    split: Split
    group: str
    attributes: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    author: str = ""
    shippable: bool = False


@dataclass(frozen=True)
class Part:
    """A stretch of one recording inside an example.

    Attributes
    ----------
    recording : str
        `Recording.id`.
    offset : float
        Second of the example at which it begins.
    start, seconds : float
        Which stretch of the recording, in its own seconds.
    gain_db : float
        After the stretch was brought to -20 dBFS RMS.
    speed : float
        It is played so many times as fast, and as high, and lasts `seconds` / `speed`.
    tilt_db : float
        Its spectrum is raised by so many decibels an octave, around 1 kHz.
    """

    recording: str
    offset: float
    start: float
    seconds: float
    gain_db: float = 0.0
    speed: float = 1.0
    tilt_db: float = 0.0

    @property
    def lasts(self) -> float:
        """Seconds of the example that it takes up."""
        return self.seconds / self.speed


@dataclass(frozen=True)
class Sound:
    """What may be said of one part: copied from its recording, so that an example can be read alone."""

    category: str
    label: str
    phrase: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What is true of an example, and nothing that is not known.

    Attributes
    ----------
    sounds : tuple of Sound
        In the order in which they begin; empty for silence or noise.
    together : bool
        True where the sounds overlap, so that their order is not asked.
    loudness : str
        "loud", "normal" or "quiet", or "" where it was not set on purpose.
    nothing : str
        "silence", "noise" or "" : what an example without sounds holds.
    """

    sounds: tuple[Sound, ...]
    together: bool = False
    loudness: str = ""
    nothing: str = ""


@dataclass(frozen=True)
class Example:
    """One input of the model.

    Attributes
    ----------
    id : str
        Stable name; equal examples of two runs have equal ids.
    split : str
        That of all its recordings.
    seconds : float
        Length of the waveform, at most `WINDOW_SECONDS`.
    noise_db : float or None
        RMS of added white noise in dBFS; None for none.
    level_db : float
        RMS of the whole in dBFS after mixing (-20 is normal).
    """

    id: str
    split: Split
    parts: tuple[Part, ...]
    facts: Facts
    seconds: float
    noise_db: float | None = None
    level_db: float = -20.0


def write_rows(path: Path, rows: Iterable[Recording | Example]) -> None:
    """Write recordings or examples as JSON lines, whole or not at all."""
    write_text(path, "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows))


def read_recordings(path: Path) -> list[Recording]:
    """The recordings of a manifest; ArdError naming the line that cannot be read."""
    return [Recording(**row) for row in _rows(path)]


def read_examples(path: Path) -> list[Example]:
    """The examples of a manifest; ArdError naming the line that cannot be read."""
    return [_example(row) for row in _rows(path)]


def _example(row: dict[str, Any]) -> Example:
    facts = row.pop("facts")
    sounds = tuple(Sound(**sound) for sound in facts.pop("sounds"))
    parts = tuple(Part(**part) for part in row.pop("parts"))
    return Example(parts=parts, facts=Facts(sounds=sounds, **facts), **row)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        raise ArdError("this manifest of the recipe is not there", path=path, todo="Run the recipe from its start.")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError as error:
            raise ArdError(f"line {number} is not JSON: {error}", path=path, todo="Run the recipe again.") from error
        yield row
