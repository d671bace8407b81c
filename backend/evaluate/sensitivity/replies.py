"""Answers of the steered model, kept as they come: a run that was stopped goes on where it was (Rule 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import Any

from backend.describe.cache import TextCache
from backend.errors import ArdError
from backend.evaluate.sensitivity.items import Item
from backend.evaluate.sensitivity.matching import displacement, matched, scaled
from backend.steer.answers import Answer, Sampling
from backend.steer.coherence import coherence
from backend.steer.engine import Engine, Scene
from backend.steer.intervention import Intervention
from backend.steer.spaces import UnitSpace
from backend.study.fingerprint import fingerprint
from backend.targets.base import Wave

AT_ONCE = 48
"""Most interventions of one clip in one batch; fewer where memory does not allow it."""


@dataclass(frozen=True)
class Ask:
    """One condition under which a clip is asked about.

    Attributes
    ----------
    intervention : Intervention or None
        None: the original.
    matched : Intervention or None
        Scale the values until they move x as far as this one does, on each clip.
    units : bool
        The features are raw units (A-53).
    centre : tuple of float
        Values at factor 0, as in `scaled`.
    """

    intervention: Intervention | None = None
    matched: Intervention | None = None
    units: bool = False
    centre: tuple[float, ...] = ()

    def plain(self) -> dict[str, Any]:
        """JSON-ready: everything that determines the answer beside clip, prompt and model."""
        return {
            "intervention": described(self.intervention), "matched": described(self.matched), "units": self.units,
            "centre": list(self.centre),
        }  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes
    ----------
    length : int
        Tokens.
    ended : bool
        False if it was cut at its longest.
    why : str
        Why it is not coherent, "" if it is (A-59).
    survived : float or None
        Mean over the overrides of the share of steered positions at which they stand.
    displacement : float
        Mean ‖x′ − x‖ over the steered positions.
    factor : float
        What a matched control's values were multiplied by.
    """

    text: str
    length: int
    ended: bool
    repetition: float
    why: str
    survived: float | None
    displacement: float
    factor: float = 1.0

    @property
    def coherent(self) -> bool:
        return not self.why


class Replies:
    """Answers of one engine about any clip, worked out where they are not known yet.

    Parameters
    ----------
    folder : Path
        Holds `answers-<fp>.jsonl`; fp is the fingerprint of `made_with` and of the sampling.
    made_with : mapping
        Identity of model, SAE and layer, and how clips are read: what every answer depends on.
    """

    def __init__(self, engine: Engine, folder: Path, made_with: dict[str, Any], sampling: Sampling) -> None:
        self.engine, self.sampling = engine, sampling
        self._known = TextCache(folder / f"answers-{fingerprint([made_with, asdict(sampling)])}.jsonl")

    @property
    def path(self) -> Path:
        return self._known.path

    def of(self, item: Item, wave: Wave | None, prompt: str, asks: Sequence[Ask]) -> list[Reply]:
        """Replies in the order of `asks`; those that are new are on disk when this returns.

        `wave` may be None where all of them are known (`knows`).

        Raises ArdError as `Engine.scene` and `Engine.answers`, or if a line of the file is damaged.
        """
        keys = [self._key(item, prompt, ask) for ask in asks]
        new = {key: ask for key, ask in zip(keys, asks, strict=True) if key not in self._known}
        if new:
            assert wave is not None
            found = self._answers(wave, prompt, list(new.values()))
            self._known.add({key: dumps(asdict(one)) for key, one in zip(new, found, strict=True)})
        return [self._read(key) for key in keys]

    def knows(self, item: Item, prompt: str, asks: Sequence[Ask]) -> bool:
        """Whether no model is needed for these."""
        return all(self._key(item, prompt, ask) in self._known for ask in asks)

    def _key(self, item: Item, prompt: str, ask: Ask) -> str:
        return fingerprint([item.key, prompt, ask.plain()])

    def _read(self, key: str) -> Reply:
        try:
            return Reply(**loads(self._known[key]))
        except (JSONDecodeError, TypeError) as error:
            raise ArdError(
                "a kept answer is damaged", path=self.path, todo="Remove the file and run the command again."
            ) from error

    def _answers(self, wave: Wave, prompt: str, asks: Sequence[Ask]) -> list[Reply]:
        scene = self.engine.scene(wave, prompt)
        units = Scene(scene.prefix, UnitSpace(self.engine.space.d)) if any(ask.units for ask in asks) else scene
        found: dict[int, Reply] = {}
        for place in (scene, units) if units is not scene else (scene,):
            mine = [i for i, ask in enumerate(asks) if ask.units == (place is not scene)]
            for start in range(0, len(mine), AT_ONCE):
                some = mine[start : start + AT_ONCE]
                found |= dict(zip(some, self._batch(scene, place, [asks[i] for i in some]), strict=True))
        return [found[i] for i in range(len(asks))]

    def _batch(self, scene: Scene, place: Scene, asks: Sequence[Ask]) -> list[Reply]:
        """Answers to `asks` in one space; what others are matched to is measured in the SAE's."""
        aims = {one: displacement(scene, one) for one in {ask.matched for ask in asks} if one is not None}
        factors = [
            1.0
            if ask.intervention is None or ask.matched is None
            else matched(place, ask.intervention, aims[ask.matched], ask.centre)
            for ask in asks
        ]
        wanted = [
            None if ask.intervention is None else scaled(ask.intervention, factor, ask.centre)
            for ask, factor in zip(asks, factors, strict=True)
        ]
        rows = [place.rows([one]) for one in wanted]
        answers = self.engine.answers(place, wanted, self.sampling)
        return [
            _reply(answer, row.survived[0], row.displacement[0], factor)
            for answer, row, factor in zip(answers, rows, factors, strict=True)
        ]


def described(intervention: Intervention | None) -> dict[str, Any] | None:
    """An intervention as JSON-ready values."""
    if intervention is None:
        return None
    return {
        "overrides": [[one.feature, one.value] for one in intervention.overrides], "mode": intervention.mode,
        "positions": intervention.positions, "decode": intervention.decode, "add_error": intervention.add_error,
    }  # fmt: skip


def _reply(answer: Answer, survived: list[float], moved: float, factor: float) -> Reply:
    found = coherence(answer)
    share = sum(survived) / len(survived) if survived else None
    return Reply(
        answer.text, found.length, found.ended, found.repetition, found.why, share, moved, factor
    )  # fmt: skip
