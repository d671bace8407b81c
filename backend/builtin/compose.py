"""Compose examples from recordings: single sounds, sounds in order and together, nothing at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from backend.builtin.dice import dice
from backend.builtin.envelope import Envelope, envelopes, moment
from backend.builtin.examples import (
    CATEGORIES,
    WINDOW_SECONDS,
    Example,
    Facts,
    Part,
    Recording,
    Sound,
    Split,
    read_examples,
    read_recordings,
    write_rows,
)  # fmt: skip
from backend.builtin.realise import NORMAL_DB
from backend.builtin.render import MANIFEST as RENDERED
from backend.builtin.spread import SOUNDS, SPEECH, spread
from backend.errors import ArdError
from backend.study.atomic import read_json, write_json
from backend.study.fingerprint import file_hash, fingerprint

RECORDED = "recordings.jsonl"
COMPOSED = "examples.jsonl"
STAMP = "examples.json"
VERSION = 2
"""Raised when the same settings and recordings give other examples."""

Dice = np.random.Generator
Range = tuple[float, float]
"""Lowest and highest of an even distribution."""


@dataclass(frozen=True)
class Counts:
    """How many examples of each kind a split has.

    Attributes
    ----------
    singles : int
        Single sounds of each category but speech.
    speech : int
        Single sounds of speech.
    ordered, together, triples : int
        Two sounds one after the other, two at once, three one after the other.
    silence, faint, noise : int
        Digital silence, noise too quiet to notice, and noise.
    """

    singles: int
    speech: int
    ordered: int
    together: int
    triples: int
    silence: int
    faint: int
    noise: int


@dataclass(frozen=True)
class ComposeSettings:
    """How examples are composed.

    Attributes
    ----------
    train : Counts
        Recordings are used as often as it takes to reach its numbers, each time in another way.
    others : Counts
        Of each other split; a recording is one single sound at most, so rare categories stay below the number.
    long_stretch : Range
        Seconds that are cut from a recording of more than the window.
    cut_share, cut : float, Range
        Share of the varied examples that hear a part of a recording, and which part of its duration; recordings
        below `shortest_cut` seconds are always heard whole.
    loud, normal, quiet : float
        Share of single sounds whose loudness is set on purpose.
    loud_db, normal_db, quiet_db : Range
        Level in dBFS of these, with room between them: peaks may keep a loud sound below its level.
    level_db : Range
        Level of varied single sounds whose loudness is not set on purpose; all other examples are at -20.
    noise_share, snr_db : float, Range
        Share of varied examples with noise, and decibels between level and noise.
    speed_share, speed, speech_speed : float, Range, Range
        Share of varied single sounds that are played faster or slower, how much so, and how much so of speech, whose
        pitch tells who speaks.
    tilt_share, tilt_db : float, Range
        Share of varied single sounds with another spectral balance, and its decibels an octave.
    pad_share, pad : float, Range
        Share of varied single sounds with silence around them, and its seconds on each side.
    pair_seconds, together_seconds, triple_seconds : float
        Longest stretch of each sound in a pair, in a pair at once and in a triple.
    gap : Range
        Seconds between sounds in order.
    late : float
        A sound together with another begins within this share of the shorter one's length.
    music_under_speech : float
        Share of pairs at once that are speech over music.
    under_db : Range
        Gain of that music.
    gain_db : Range
        Gain of the other sounds in pairs and triples.
    nothing_seconds, faint_db, lone_noise_db : Range
        Length of examples without sounds, and their levels.
    """

    seed: int = 0
    train: Counts = Counts(2600, 4000, 1500, 900, 200, 80, 80, 240)
    others: Counts = Counts(250, 400, 90, 60, 0, 10, 10, 20)
    long_stretch: Range = (2.0, WINDOW_SECONDS)
    cut_share: float = 0.5
    cut: Range = (0.6, 1.0)
    shortest_cut: float = 1.5
    loud: float = 0.12
    normal: float = 0.1
    quiet: float = 0.12
    loud_db: Range = (-12.0, -9.0)
    normal_db: Range = (-27.0, -20.0)
    quiet_db: Range = (-42.0, -34.0)
    level_db: Range = (-28.0, -14.0)
    noise_share: float = 0.5
    snr_db: Range = (10.0, 30.0)
    speed_share: float = 0.6
    speed: Range = (0.87, 1.15)
    speech_speed: Range = (0.94, 1.06)
    tilt_share: float = 0.6
    tilt_db: Range = (-1.5, 1.5)
    pad_share: float = 0.3
    pad: Range = (0.0, 1.0)
    pair_seconds: float = 4.5
    together_seconds: float = 6.0
    triple_seconds: float = 2.8
    gap: Range = (0.1, 0.8)
    late: float = 0.4
    music_under_speech: float = 0.4
    under_db: Range = (-10.0, -4.0)
    gain_db: Range = (-4.0, 4.0)
    nothing_seconds: Range = (0.5, WINDOW_SECONDS)
    faint_db: Range = (-78.0, -62.0)
    lone_noise_db: Range = (-42.0, -14.0)


def compose_into(work: Path, settings: ComposeSettings) -> list[Example]:
    """Write `examples.jsonl` from the manifests in `work`, unless it was made from the same ones.

    Raises
    ------
    ArdError
        If a manifest is not there or damaged, or nothing is to be trained on.
    """
    manifests = [work / RECORDED, work / RENDERED]
    recordings = [recording for manifest in manifests for recording in read_recordings(manifest)]
    stamp = fingerprint([VERSION, asdict(settings), [file_hash(manifest) for manifest in manifests]])
    if (work / STAMP).exists() and (work / COMPOSED).exists() and read_json(work / STAMP) == {"fingerprint": stamp}:
        return read_examples(work / COMPOSED)
    cut = [recording for recording in recordings if recording.duration >= settings.shortest_cut]
    examples = compose(recordings, settings, envelopes(cut, work))
    write_rows(work / COMPOSED, examples)
    write_json(work / STAMP, {"fingerprint": stamp})
    return examples


def compose(
    recordings: Sequence[Recording], settings: ComposeSettings, loudness: Mapping[str, Envelope] | None = None
) -> list[Example]:
    """The examples of all splits; a function of recordings and settings, whatever the recordings' order.

    Parameters
    ----------
    loudness : mapping of str to Envelope, optional
        Of recordings by id: a stretch of them holds a moment where they sound. Others are cut anywhere.

    An example's id follows from what is heard, not from what is said about it: relabelling a recording keeps the ids,
    and with them whatever was computed from the sound.

    Raises
    ------
    ArdError
        If there is no recording to train on.
    """
    recordings = sorted(recordings, key=lambda r: r.id)
    if not any(recording.split == "train" for recording in recordings):
        raise ArdError("there is no recording to train on", todo="Fetch and render the recipe's sources first.")
    found: dict[str, Example] = {}
    for split in get_args(Split):
        mine = [recording for recording in recordings if recording.split == split]
        for example in _Composer(split, mine, settings, loudness or {}).examples():
            found.setdefault(example.id, example)
    return list(found.values())


@dataclass(frozen=True)
class _Stretch:
    """A stretch of a recording, and whether it is all of it."""

    recording: Recording
    start: float
    seconds: float

    @property
    def sound(self) -> Sound:
        """What may be said of it: the words only where all of them are heard."""
        own = self.recording
        whole = self.seconds >= own.duration - 0.001
        known = {name: value for name, value in own.attributes.items() if whole or name != "text"}
        return Sound(own.category, own.label, own.phrase, known)

    def part(self, offset: float, gain_db: float = 0.0) -> Part:
        return Part(self.recording.id, _digits(offset), self.start, self.seconds, _digits(gain_db))


class _Composer:
    """The examples of one split."""

    def __init__(
        self, split: Split, recordings: list[Recording], settings: ComposeSettings, loudness: Mapping[str, Envelope]
    ) -> None:
        self.split = split
        self.loudness = loudness
        self.training = split == "train"
        self.settings = settings
        self.counts = settings.train if self.training else settings.others
        self.sounds = {recording.id: recording.sound for recording in recordings}
        self.categories: dict[str, list[Recording]] = {
            category: mine
            for category in CATEGORIES
            if (mine := [recording for recording in recordings if recording.category == category])
        }
        self.labels: dict[str, dict[str, list[Recording]]] = {}
        for category, mine in self.categories.items():
            self.labels[category] = defaultdict(list)
            for recording in mine:
                self.labels[category][recording.label].append(recording)

    def examples(self) -> Iterator[Example]:
        """All of them, in a fixed order."""
        for category, mine in self.categories.items():
            speech = category == "speech"
            total = self.counts.speech if speech else self.counts.singles
            for recording, number in spread(mine, total, SPEECH if speech else SOUNDS, repeat=self.training):
                yield self._single(recording, number)
        labels = len({label for labels in self.labels.values() for label in labels})
        for number in range(self.counts.ordered if labels >= 2 else 0):
            yield self._ordered(number, 2, self.settings.pair_seconds)
        for number in range(self.counts.triples if labels >= 3 else 0):
            yield self._ordered(number, 3, self.settings.triple_seconds)
        for number in range(self.counts.together if len(self.categories) >= 2 else 0):
            yield self._together(number)
        yield from self._nothing()

    def _dice(self, *names: object) -> Dice:
        return dice(self.settings.seed, self.split, *names)

    def _single(self, recording: Recording, number: int) -> Example:
        """A recording alone; from its second use on varied in stretch, level, noise and silence around it."""
        chosen, chance = self.settings, self._dice("single", recording.id, number)
        varied = number > 0
        stretch = self._stretch(recording, chance, WINDOW_SECONDS, varied=varied)
        loudness = str(
            chance.choice(["loud", "normal", "quiet", ""], p=_shares(chosen.loud, chosen.normal, chosen.quiet))
        )
        levels = {"loud": chosen.loud_db, "normal": chosen.normal_db, "quiet": chosen.quiet_db}
        if varied:
            levels[""] = chosen.level_db
        level = float(chance.uniform(*levels[loudness])) if loudness in levels else NORMAL_DB
        speed, tilt = self._colour(recording, chance) if varied else (1.0, 0.0)
        if stretch.seconds / speed > WINDOW_SECONDS:
            speed = 1.0
        seconds = stretch.seconds / speed
        before = after = 0.0
        if varied and chance.random() < chosen.pad_share:
            before, after = (float(chance.uniform(*chosen.pad)) for _ in range(2))
            before, after = _fitted(before, after, WINDOW_SECONDS - seconds)
        facts = Facts((stretch.sound,), loudness=loudness)
        parts = (replace(stretch.part(before), speed=speed, tilt_db=tilt),)
        return self._example("single", parts, facts, before + seconds + after, level, chance, noisy=varied)

    def _colour(self, recording: Recording, chance: Dice) -> tuple[float, float]:
        """Speed and spectral tilt of a varied sound."""
        chosen, speed, tilt = self.settings, 1.0, 0.0
        if chance.random() < chosen.speed_share:
            lowest, highest = chosen.speech_speed if recording.category == "speech" else chosen.speed
            speed = _digits(float(np.exp(chance.uniform(math.log(lowest), math.log(highest)))))
        if chance.random() < chosen.tilt_share:
            tilt = _digits(float(chance.uniform(*chosen.tilt_db)))
        return speed, tilt

    def _ordered(self, number: int, count: int, longest: float) -> Example:
        """Sounds of different labels one after the other, with gaps."""
        chance = self._dice("ordered", count, number)
        chosen = self._different(chance, count)
        parts, sounds, now = [], [], 0.0
        for recording in chosen:
            stretch = self._stretch(recording, chance, longest, varied=self.training)
            parts.append(stretch.part(now, float(chance.uniform(*self.settings.gain_db))))
            sounds.append(stretch.sound)
            end = now + stretch.seconds
            now = end + float(chance.uniform(*self.settings.gap))
        kind = "pair" if count == 2 else "triple"
        return self._example(kind, tuple(parts), Facts(tuple(sounds)), end, NORMAL_DB, chance, noisy=self.training)

    def _together(self, number: int) -> Example:
        """Two sounds of different categories at once."""
        chosen, chance = self.settings, self._dice("together", number)
        longest = chosen.together_seconds
        under = {"speech", "music"} <= set(self.categories) and chance.random() < chosen.music_under_speech
        if under:
            first, second = self._drawn("music", chance), self._drawn("speech", chance)
        else:
            names = chance.choice(list(self.categories), 2, replace=False)
            first, second = (self._drawn(str(name), chance) for name in names)
        one, two = (self._stretch(recording, chance, longest, varied=self.training) for recording in (first, second))
        late = float(chance.uniform(0, chosen.late)) * min(one.seconds, two.seconds)
        parts = (
            one.part(0.0, float(chance.uniform(*(chosen.under_db if under else chosen.gain_db)))),
            two.part(late, 0.0 if under else float(chance.uniform(*chosen.gain_db))),
        )
        end = max(one.seconds, late + two.seconds)
        facts = Facts((one.sound, two.sound), together=True)
        return self._example("together", parts, facts, end, NORMAL_DB, chance, noisy=self.training)

    def _nothing(self) -> Iterator[Example]:
        """Silence, what passes for it, and noise."""
        chosen = self.settings
        for kind, count, levels in (
            ("silence", self.counts.silence, None),
            ("faint", self.counts.faint, chosen.faint_db),
            ("noise", self.counts.noise, chosen.lone_noise_db),
        ):
            for number in range(count):
                chance = self._dice(kind, number)
                seconds = _digits(float(chance.uniform(*chosen.nothing_seconds)))
                level = None if levels is None else _digits(float(chance.uniform(*levels)))
                facts = Facts((), nothing="noise" if kind == "noise" else "silence")
                name = fingerprint([chosen.seed, self.split, number, seconds, level])
                yield Example(
                    f"{kind}-{name}", self.split, (), facts, seconds, level, NORMAL_DB if level is None else level
                )

    def _stretch(self, recording: Recording, chance: Dice, longest: float, *, varied: bool) -> _Stretch:
        """All of a recording that is short enough, else a part of it; `varied` ones are cut now and then."""
        chosen, seconds = self.settings, recording.duration
        if seconds > WINDOW_SECONDS:
            seconds = float(chance.uniform(*chosen.long_stretch))
        elif varied and seconds >= chosen.shortest_cut and chance.random() < chosen.cut_share:
            seconds *= float(chance.uniform(*chosen.cut))
        seconds = _below(min(seconds, longest))
        latest = max(recording.duration - seconds, 0.0)
        if recording.id in self.loudness:
            start = moment(self.loudness[recording.id], chance) - float(chance.uniform(0, seconds))
            start = min(max(start, 0.0), latest)
        else:
            start = float(chance.uniform(0, latest))
        return _Stretch(recording, _below(start), seconds)

    def _drawn(self, category: str, chance: Dice) -> Recording:
        """A recording of a category: every label is equally likely, then every recording."""
        labels = self.labels[category]
        mine = labels[sorted(labels)[int(chance.integers(len(labels)))]]
        return mine[int(chance.integers(len(mine)))]

    def _different(self, chance: Dice, count: int) -> list[Recording]:
        """Recordings of different labels; every category is equally likely for each."""
        chosen: dict[str, Recording] = {}
        names = list(self.categories)
        while len(chosen) < count:
            recording = self._drawn(names[int(chance.integers(len(names)))], chance)
            chosen.setdefault(recording.label, recording)
        return list(chosen.values())

    def _example(
        self,
        kind: str,
        parts: tuple[Part, ...],
        facts: Facts,
        seconds: float,
        level: float,
        chance: Dice,
        *,
        noisy: bool,
    ) -> Example:
        chosen, level, noise = self.settings, _digits(level), None
        if noisy and chance.random() < chosen.noise_share:
            noise = _digits(level - float(chance.uniform(*chosen.snr_db)))
        seconds = min(_digits(seconds), WINDOW_SECONDS)
        heard = [[self.sounds[part.recording], *astuple(part)[1:]] for part in parts]
        name = f"{kind}-{fingerprint([self.split, heard, seconds, level, noise])}"
        return Example(name, self.split, parts, facts, seconds, noise, level)


def _shares(*shares: float) -> list[float]:
    """The given shares and what is left of 1."""
    return [*shares, 1 - sum(shares)]


def _fitted(before: float, after: float, room: float) -> tuple[float, float]:
    """Both scaled down so that they fit into `room` seconds."""
    scale = min(1.0, room / (before + after)) if before + after > 0 else 1.0
    return _below(before * scale), _below(after * scale)


def _digits(value: float) -> float:
    """Rounded to a tenth of a millisecond or a ten-thousandth of a decibel, so that manifests are short."""
    return round(value, 4)


def _below(value: float) -> float:
    """As `_digits`, never above the value."""
    return math.floor(value * 10_000) / 10_000
