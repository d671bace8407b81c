"""Features raised together, and what the answers become: measured once, kept line by line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.steer.answers import Sampling
from backend.steer.classes import LabelledClip
from backend.steer.engine import Engine
from backend.steer.incoherence import incoherence
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


class Answers:
    """Answers by clip and setup, appended to a file as they come; a line that a kill cut short does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.texts: dict[tuple[str, str], str] = {}
        if path.is_file():
            # a broken line can only be the last one
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                self.texts[told["clip"], told["setup"]] = told["text"]

    def add(self, clip: str, found: Sequence[tuple[str, str]]) -> None:
        """Keep (setup, text) pairs of one clip."""
        self.texts |= {(clip, setup): text for setup, text in found}
        lines = [json.dumps({"clip": clip, "setup": setup, "text": text}, ensure_ascii=False) for setup, text in found]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(lines) + "\n")


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

    def measure(self, setups: Sequence[Setup], *, controls: bool = False) -> None:
        """Write the answers that are not there yet: original ones, under `setups`, and reconstructed if asked for."""
        wanted: dict[str, Intervention | None] = {ORIGINAL: None}
        wanted |= {one.key: self.how.intervention(one, self.maximum) for one in setups}
        if controls:
            wanted[RECONSTRUCTED] = Intervention(positions=self.how.positions)
        for clip in self.clips:
            missing = [key for key in wanted if (clip.record, key) not in self.answers.texts]
            wave = self.wave(clip) if missing else None
            if wave is None or not len(wave):
                continue
            scene = self.engine.scene(wave, self.prompt)
            for low in range(0, len(missing), AT_ONCE):
                some = missing[low : low + AT_ONCE]
                found = self.engine.answers(scene, [wanted[key] for key in some], self.sampling)
                self.answers.add(clip.record, [(key, one.text) for key, one in zip(some, found, strict=True)])
            self.step(len(missing))

    def eligible(self) -> list[str]:
        """Records of the clips whose original answer does not state the target (A-55)."""
        return [
            one.record
            for one in self.clips
            if (text := self.answers.texts.get((one.record, ORIGINAL))) is not None
            and self.reader.read(text) != self.target
        ]

    def share(self, key: str) -> Share:
        """Eligible clips whose answer under a setup coherently states the target."""
        texts = [self.answers.texts[record, key] for record in self.eligible()]
        return Share(sum(self.reader.read(one) == self.target and not incoherence(one) for one in texts), len(texts))

    def coherent(self, key: str) -> Share:
        """Eligible clips whose answer under a setup is coherent."""
        texts = [self.answers.texts[record, key] for record in self.eligible()]
        return Share(sum(not incoherence(one) for one in texts), len(texts))

    def told(self, setup: Setup) -> dict[str, Any]:
        """A setup with its shares, for the result."""
        return {
            "features": [[k, setup.times * float(self.maximum[k])] for k in setup.features], "times": setup.times,
            "steered": self.share(setup.key).as_json(), "coherent": self.coherent(setup.key).as_json(),
        }  # fmt: skip
