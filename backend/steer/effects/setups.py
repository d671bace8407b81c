"""Features raised together, and what the answers become: measured once, kept line by line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.evaluate.sensitivity.matching import displacement, matched, scaled
from backend.steer.answers import Sampling
from backend.steer.classes import LabelledClip
from backend.steer.coherence import coherence
from backend.steer.engine import Engine, Scene
from backend.steer.intervention import Decode, Intervention, Mode, Positions
from backend.steer.readers import Reader
from backend.steer.shares import Share
from backend.targets.base import Wave

ORIGINAL, RECONSTRUCTED = "original", "reconstructed"
AT_ONCE = 32
"""Answers written in one batch; fewer where memory is short (`Engine.answers`)."""


@dataclass(frozen=True)
class Setup:
    """Features that are each set to `times` their maximum on the probing set.

    Attributes
    ----------
    features : tuple of int
    times : float
    """

    features: tuple[int, ...]
    times: float

    @property
    def key(self) -> str:
        """E.g. "3+12@2"; one set has one key, whatever its order."""
        return f"{'+'.join(str(k) for k in sorted(self.features))}@{self.times:g}"


@dataclass(frozen=True)
class How:
    """How features are set (A-48 … A-50)."""

    mode: Mode = "delta"
    positions: Positions = "audio"
    decode: Decode = "off"

    def intervention(self, setup: Setup, maximum: Sequence[float]) -> Intervention:
        """The override of every feature of `setup`; `maximum` [D] is each feature's largest value."""
        pairs = [(k, setup.times * float(maximum[k])) for k in setup.features]
        return Intervention.of(pairs, mode=self.mode, positions=self.positions, decode=self.decode)


@dataclass(frozen=True)
class Said:
    """One answer, why it is not coherent ("" if it is), and the mean ‖x′ − x‖ over the steered positions."""

    text: str
    why: str
    displacement: float


class Answers:
    """Answers by clip and setup, appended to a file as they come; a line that a kill cut short does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: dict[tuple[str, str], Said] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    clip, setup, *rest = json.loads(line)
                except ValueError:
                    continue
                self.said[clip, setup] = Said(*rest)

    def add(self, clip: str, found: Mapping[str, Said]) -> None:
        """Keep the answers of one clip, by setup."""
        self.said |= {(clip, setup): one for setup, one in found.items()}
        lines = [
            json.dumps([clip, setup, one.text, one.why, one.displacement], ensure_ascii=False)
            for setup, one in found.items()
        ]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(lines) + "\n")


@dataclass(frozen=True)
class Controls:
    """Conditions that are to do nothing.

    Attributes
    ----------
    like : Setup
        Whose displacement the random sets are scaled to, clip by clip.
    random : dict of str to tuple of int
        Sets of features by name.
    """

    like: Setup
    random: dict[str, tuple[int, ...]]

    @property
    def keys(self) -> list[str]:
        return [RECONSTRUCTED, *self.random]


@dataclass
class Trial:
    """Clips that are to be answered as `target`, under one engine.

    Attributes
    ----------
    clips : sequence of LabelledClip
        Of other classes.
    wave : function of LabelledClip
        Mono float32 samples; empty for a clip too short for one token, which then does not count.
    maximum : sequence of float [D]
    step : function
        Called after each clip with the number of answers written; may raise Stopped.
    """

    engine: Engine
    clips: Sequence[LabelledClip]
    wave: Callable[[LabelledClip], Wave]
    prompt: str
    sampling: Sampling
    how: How
    maximum: Sequence[float]
    reader: Reader
    target: str
    answers: Answers
    step: Callable[[int], None] = lambda _: None

    def measure(self, setups: Sequence[Setup], controls: Controls | None = None) -> None:
        """Write the answers that are not there yet: original ones, those under `setups`, and controls."""
        keys = [ORIGINAL, *(one.key for one in setups), *(controls.keys if controls else ())]
        for clip in self.clips:
            missing = [key for key in keys if (clip.record, key) not in self.answers.said]
            wave = self.wave(clip) if missing else None
            if wave is None or not len(wave):
                continue
            scene = self.engine.scene(wave, self.prompt)
            wanted: dict[str, Intervention | None] = {ORIGINAL: None}
            wanted |= {one.key: self.how.intervention(one, self.maximum) for one in setups}
            if controls:
                wanted |= self._controls(scene, controls)
            for low in range(0, len(missing), AT_ONCE):
                some = missing[low : low + AT_ONCE]
                given = [wanted[key] for key in some]
                moved = scene.rows(given).displacement
                found = self.engine.answers(scene, given, self.sampling)
                rows = zip(some, found, moved, strict=True)
                self.answers.add(clip.record, {k: Said(one.text, coherence(one).why, far) for k, one, far in rows})
            self.step(len(missing))

    def _controls(self, scene: Scene, controls: Controls) -> dict[str, Intervention]:
        """The reconstructed condition, and random sets whose values move this clip as far as `like` does."""
        far = displacement(scene, self.how.intervention(controls.like, self.maximum))
        found = {RECONSTRUCTED: Intervention(positions=self.how.positions)}
        for name, features in controls.random.items():
            one = self.how.intervention(Setup(features, 1.0), self.maximum)
            found[name] = scaled(one, matched(scene, one, far))
        return found

    def eligible(self) -> list[str]:
        """Records of the clips whose original answer does not state the target (A-55)."""
        return [
            one.record
            for one in self.clips
            if (said := self.answers.said.get((one.record, ORIGINAL))) is not None
            and self.reader.read(said.text) != self.target
        ]

    def share(self, key: str) -> Share:
        """Eligible clips whose answer under a setup coherently states the target."""
        said = self._said(key)
        return Share(sum(self.reader.read(one.text) == self.target and not one.why for one in said), len(said))

    def coherent(self, key: str) -> Share:
        """Eligible clips whose answer under a setup is coherent."""
        said = self._said(key)
        return Share(sum(not one.why for one in said), len(said))

    def displacement(self, key: str) -> float:
        """Mean ‖x′ − x‖ over the eligible clips; 0 without any."""
        said = self._said(key)
        return sum(one.displacement for one in said) / len(said) if said else 0.0

    def shares(self, key: str) -> dict[str, Any]:
        """`steered`, `coherent` and `displacement` of a setup, for the result."""
        return {
            "steered": self.share(key).as_json(), "coherent": self.coherent(key).as_json(),
            "displacement": self.displacement(key),
        }  # fmt: skip

    def told(self, setup: Setup) -> dict[str, Any]:
        """A setup with its shares, for the result."""
        values = [[k, setup.times * float(self.maximum[k])] for k in setup.features]
        return {"features": values, "times": setup.times, **self.shares(setup.key)}

    def _said(self, key: str) -> list[Said]:
        return [self.answers.said[record, key] for record in self.eligible()]
