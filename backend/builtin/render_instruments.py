"""Notes and short melodies of General MIDI instruments: contour and tempo, which recordings are not labelled with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backend.audio.load import Audio
from backend.builtin.dice import dice
from backend.builtin.engines.base import at_recipe_rate, module
from backend.builtin.examples import Recording, Split
from backend.builtin.rendering import keep, place
from backend.errors import ArdError
from backend.resources import resource

SYNTHESISER = "tinysoundfont"
PLAYED_AT = 44_100
"""Samples per second of the synthesiser, which interpolates linearly; resampled afterwards."""

DRUM_BANK, DRUM_CHANNEL, CHANNEL = 128, 9, 0
ALL_SOUNDS_OFF = 120
DYING_AWAY = 0.6
"""Seconds after the last note."""

STEPS = {"fast": (1, 1, 2, 2), "slow": (2, 2, 3, 4), "": (1, 2, 2, 3)}
"""Semitones from note to note of a rising or falling melody, equally likely."""

LEAPS = (2, 3, 4, 5, 7)
"""Semitones of a melody that goes up and down by turns."""


@dataclass(frozen=True)
class Note:
    """A key that is held: second of its beginning, seconds, MIDI key, velocity 1-127."""

    start: float
    seconds: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Score:
    """One file to be rendered.

    Attributes
    ----------
    draft : Recording
        Without duration and hash.
    soundfont, bank, program
        What plays it.
    """

    draft: Recording
    soundfont: str
    bank: int
    program: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class SoundFont:
    """A package with samples of instruments; `split` overrides its programs', `shippable` is about renderings."""

    name: str
    package: str
    file: str
    licence: str
    author: str
    split: Split | None = None
    shippable: bool = False


def settings() -> dict[str, Any]:
    """`resources/demo/instruments.toml`."""
    return tomllib.loads(resource("demo/instruments.toml").read_text(encoding="utf-8"))


def soundfonts() -> dict[str, SoundFont]:
    """The soundfonts by name."""
    return {name: SoundFont(name, **one) for name, one in settings()["soundfont"].items()}


def plan() -> list[Score]:
    """Every file to be rendered; a function of the resource file alone.

    The notes depend on instrument and piece only, so that adding an instrument changes no other file.
    """
    chosen = settings()
    return [
        score
        for font in soundfonts().values()
        for scores in (_melodies(font, chosen), _drums(font, chosen))
        for score in scores
    ]


def render_instruments(work: Path, scores: Sequence[Score] | None = None) -> list[Recording]:
    """Render what is missing below `work / "rendered"` and return the recordings.

    Parameters
    ----------
    work : Path
        The recipe's folder; soundfonts lie below `sources`.
    scores : sequence of Score, optional
        The whole plan, if not given.

    Raises
    ------
    ArdError
        If the synthesiser or a soundfont is not there, naming its package.
    """
    players: dict[str, Player] = {}

    def play(score: Score) -> Audio:
        if score.soundfont not in players:
            players[score.soundfont] = Player(work / "sources", soundfonts()[score.soundfont])
        return players[score.soundfont].play(score)

    return [keep(work, score.draft, partial(play, score)) for score in (plan() if scores is None else scores)]


class Player:
    """A soundfont loaded into the synthesiser."""

    def __init__(self, sources: Path, font: SoundFont) -> None:
        path = sources / font.package / font.file
        if not path.is_file():
            raise ArdError(
                f"rendering needs the Debian package {font.package}",
                path=path,
                todo="Fetch the recipe's sources first, on a Debian or Ubuntu system.",
            )
        self._synth = module(SYNTHESISER, SYNTHESISER).Synth(samplerate=PLAYED_AT)
        self._font = self._synth.sfload(str(path))

    def play(self, score: Score) -> Audio:
        """Its notes as float32 [n] at 16 kHz; ArdError if the soundfont lacks the program."""
        drums = score.bank == DRUM_BANK
        channel = DRUM_CHANNEL if drums else CHANNEL
        try:
            self._synth.program_select(channel, self._font, 0 if drums else score.bank, score.program, drums)
        except RuntimeError as error:
            raise ArdError(f"{score.soundfont} has no program {score.program} in bank {score.bank}") from error
        parts = [self._until(event, channel) for event in _events(score.notes)]
        self._synth.control_change(channel, ALL_SOUNDS_OFF, 0)
        self._generate(PLAYED_AT // 2)
        return at_recipe_rate(np.concatenate(parts), PLAYED_AT)

    def _until(self, event: Event, channel: int) -> Audio:
        """The sound up to an event, which then takes place."""
        heard = self._generate(event.wait)
        if event.velocity:
            self._synth.noteon(channel, event.key, event.velocity)
        else:
            self._synth.noteoff(channel, event.key)
        return heard

    def _generate(self, samples: int) -> Audio:
        stereo = np.frombuffer(bytes(self._synth.generate(samples)), np.float32).reshape(-1, 2)
        mono: Audio = stereo.mean(axis=1, dtype=np.float32)
        return mono


@dataclass(frozen=True)
class Event:
    """A key goes down (velocity > 0) or up, `wait` samples after the event before."""

    wait: int
    key: int
    velocity: int


def _events(notes: Sequence[Note]) -> list[Event]:
    """The notes in order of time, ended by one that lets the last of them die away."""
    moves = [(round(note.start * PLAYED_AT), note.key, note.velocity) for note in notes]
    moves += [(round((note.start + note.seconds) * PLAYED_AT), note.key, 0) for note in notes]
    moves.sort(key=lambda move: (move[0], move[2] > 0, move[1]))
    moves.append((moves[-1][0] + round(DYING_AWAY * PLAYED_AT), 0, 0))
    before = [0, *(time for time, _, _ in moves)]
    return [Event(time - last, key, velocity) for last, (time, key, velocity) in zip(before, moves, strict=False)]


def _melodies(font: SoundFont, chosen: dict[str, Any]) -> Iterator[Score]:
    for number, (program, noun, label, family, low, high, own) in enumerate(chosen["melodic"]["programs"]):
        verb = "singing" if family == "voice" else "playing"
        for split, take, pitch, rate in _played(number, font.split or own, chosen["pieces"]):
            name = f"program-{program:03d}{take}/{pitch or 'melody'}-{rate or 'medium'}"
            chance = dice(font.name, name)
            attributes = {"family": family, "pitch": pitch, "rate": rate}
            alone = pitch == "steady" and not rate
            notes = _held(chance, low, high) if alone else _melody(chance, pitch, rate, low, high, chosen["limits"])
            phrase = f"{noun} {verb} {'one long note' if alone else _described(pitch, rate)}"
            yield _score(font, 0, program, notes, _draft(font, name, label, phrase, attributes, split))


def _played(number: int, split: Split, pieces: dict[str, Any]) -> Iterator[tuple[Split, str, str, str]]:
    """Split, take, pitch and rate of everything that the program at place `number` plays."""

    def going_round(split: Split) -> Iterator[tuple[Split, str, str, str]]:
        offered, each = pieces[split], pieces[f"{split}_each"]
        for step in range(each):
            pitch, rate = offered[(number * each + step) % len(offered)]
            yield split, " other melodies" if split == "held_out" else "", pitch, rate

    if split == "unseen_source":
        yield from going_round(split)
        return
    for take in range(pieces["takes"] if split == "train" else 1):
        for pitch, rate in pieces[split]:
            yield split, f" take {take + 1}" if take else "", pitch, rate
    if split == "train":
        yield from going_round("held_out")


def _described(pitch: str, rate: str) -> str:
    """What is played: "a fast rising melody", "the same note slowly again and again"."""
    if pitch == "steady":
        return f"the same note {'slowly ' if rate == 'slow' else 'quickly '}again and again"
    return " ".join(word for word in ("a", rate, pitch, "melody") if word)


def _melody(
    chance: np.random.Generator, pitch: str, rate: str, low: int, high: int, limits: dict[str, Any]
) -> tuple[Note, ...]:
    """Notes at an even pace whose keys go up, go down, stay, or ("") go up and down by turns."""
    pace = float(chance.uniform(*limits[rate or "medium"]))
    wanted = int(chance.integers(10, 18) if rate == "fast" else chance.integers(4, 8))
    count = min(wanted, int(limits["longest"] / pace))
    if pitch in ("rising", "falling"):
        keys = _climb(chance, STEPS[rate], low, high, count)
        keys = keys if pitch == "rising" else keys[::-1]
    elif pitch == "steady":
        keys = [int(chance.integers(low + 3, high - 2))] * count
    else:
        keys = _zigzag(chance, low, high, count)
    return tuple(
        Note(round(number * pace, 4), round(0.95 * pace, 4), key, int(chance.integers(80, 115)))
        for number, key in enumerate(keys)
    )


def _climb(chance: np.random.Generator, steps: Sequence[int], low: int, high: int, count: int) -> list[int]:
    """Strictly rising keys inside the range: fewer than `count` where it is narrow."""
    rises = np.cumsum([0, *chance.choice(steps, count - 1)])
    rises = rises[rises <= high - low]
    first = int(chance.integers(low, high - int(rises[-1]) + 1))
    return [first + int(rise) for rise in rises]


def _zigzag(chance: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    """Keys that go up and down by turns and end near where they began."""
    middle = int(chance.integers(low + 8, high - 7))
    up = 1 if chance.random() < 0.5 else -1
    return [middle + (up * int(chance.choice(LEAPS)) if number % 2 else 0) for number in range(count)]


def _held(chance: np.random.Generator, low: int, high: int) -> tuple[Note, ...]:
    seconds = round(float(chance.uniform(1.0, 2.5)), 4)
    return (Note(0.0, seconds, int(chance.integers(low, high + 1)), int(chance.integers(80, 115))),)


def _drums(font: SoundFont, chosen: dict[str, Any]) -> Iterator[Score]:
    for kit, split in chosen["drums"]["kits"]:
        for noun, label, keys in chosen["drums"]["struck"]:
            for rate in ("fast", "slow"):
                name = f"kit-{kit:02d}/{noun.split(' ', 1)[1].replace(' ', '-')}-{rate}"
                chance = dice(font.name, name)
                notes = _struck(chance, keys, rate, chosen["limits"])
                attributes = {"family": "percussion", "rate": rate}
                adverb = "quickly" if rate == "fast" else "slowly"
                phrase = f"a {rate} drum beat" if label == "beat" else f"{noun} struck {adverb} again and again"
                draft = _draft(font, name, label, phrase, attributes, font.split or split)
                yield _score(font, DRUM_BANK, kit, notes, draft)


def _struck(chance: np.random.Generator, keys: Sequence[int], rate: str, limits: dict[str, Any]) -> tuple[Note, ...]:
    """Repeats of one key; of three keys, a beat: the third throughout, the first and second on it by turns."""
    pace = float(chance.uniform(*limits[rate]))
    wanted = int(chance.integers(10, 21) if rate == "fast" else chance.integers(5, 9))
    count = min(wanted, int(limits["longest"] / pace))
    notes = []
    for number in range(count):
        together = [keys[0]] if len(keys) == 1 else [keys[2]]
        if len(keys) == 3 and number % 2 == 0:
            together.append(keys[(number // 2) % 2])
        start = round(number * pace, 4)
        notes += [Note(start, round(0.9 * pace, 4), key, int(chance.integers(80, 120))) for key in together]
    return tuple(notes)


def _score(font: SoundFont, bank: int, program: int, notes: tuple[Note, ...], draft: Recording) -> Score:
    path = place(draft.id, bank, program, [astuple(note) for note in notes])
    return Score(replace(draft, path=path), font.name, bank, program, notes)


def _draft(font: SoundFont, name: str, label: str, phrase: str, attributes: dict[str, str], split: Split) -> Recording:
    return Recording(
        id=f"{SYNTHESISER}/{font.name}/{name}",
        path="",
        source=f"{SYNTHESISER} {font.name}",
        category="music",
        label=label,
        phrase=phrase,
        duration=0.0,
        sound="",
        split=split,
        group=f"{font.name} {name.split('/')[0]}",
        attributes={key: value for key, value in attributes.items() if value},
        licence=font.licence,
        author=font.author,
        shippable=font.shippable,
    )
