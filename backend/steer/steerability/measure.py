"""What class differences, added at one layer, make of the answers: one row per place, strength and direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from backend.steer.answers import Answer, Sampling
from backend.steer.classes import LabelledClip
from backend.steer.coherence import coherence
from backend.steer.engine import Engine, Scene
from backend.steer.intervention import Decode, Intervention, Positions
from backend.steer.readers import Reader
from backend.steer.steerability.class_means import ClassMeans, Region
from backend.steer.steerability.shift import ShiftSpace
from backend.targets.base import Target, Wave
from backend.targets.layers import split_layer

Place = Literal["audio", "prompt", "answer"]
Direction = Literal["class", "random"]
PLACES: dict[Place, tuple[Positions, Decode]] = {
    "audio": ("audio", "off"), "prompt": ("prompt", "off"), "answer": ("prompt", "steer"),
}  # fmt: skip
"""Audio positions; these and the text behind them; and every token of the answer, too, as it is written."""
DIRECTIONS: tuple[Direction, ...] = ("class", "random")


def places_of(layer: str) -> tuple[Place, ...]:
    """Where can be steered at a layer: an encoder has no text, and no part in writing the answer."""
    return tuple(PLACES) if split_layer(layer)[0] == "decoder" else ("audio",)


@dataclass(frozen=True)
class Task:
    """One clip that is to be answered as another class.

    Attributes
    ----------
    number : int
        Its place among the measured clips; part of the seed of its random direction.
    target : str
        The class wanted.
    """

    number: int
    clip: LabelledClip
    target: str


@dataclass(frozen=True)
class SteeredRow:
    """One steered answer.

    Attributes
    ----------
    strength : float
        Multiple of the difference of the class means.
    displacement : float
        Mean ‖x′ − x‖ over the steered positions of the prefill.
    read : str or None
        The class the answer states.
    incoherent : str
        Why the answer does not count as coherent; "" if it does.
    """

    place: Place
    strength: float
    direction: Direction
    displacement: float
    text: str
    read: str | None
    incoherent: str


@dataclass(frozen=True)
class ClipResult:
    """Everything about one clip at one layer; `read` is the class that its original answer states."""

    clip: str
    source: str
    target: str
    original: str
    read: str | None
    rows: tuple[SteeredRow, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> ClipResult:
        """From `as_json`."""
        return cls(**{**told, "rows": tuple(SteeredRow(**row) for row in told["rows"])})


def measure_layer(
    target: Target,
    layer: str,
    means: ClassMeans,
    tasks: Iterable[tuple[Task, Wave]],
    prompt: str,
    *,
    strengths: Sequence[float],
    reader: Reader | None,
    sampling: Sampling,
    seed: int,
) -> Iterator[ClipResult]:
    """Steer every clip from its own class to another: x + strength·(mean of target − mean of source).

    Both directions of `DIRECTIONS` are added: the class difference, and a random one of the same norm, drawn for each
    clip, as the control.

    Parameters
    ----------
    tasks : iterable of (Task, Wave)
        Clips whose classes `means` knows, mono float32.
    reader : Reader or None
        None where answers state no class (transcripts); nothing is then read.

    Raises ArdError as `Target.begin`.
    """
    for task, wave in tasks:
        prefix = target.begin(wave, prompt, layer)
        shift = means.difference(task.target, task.clip.value, layer)
        space = ShiftSpace([shift, _random(shift, seed, task.number)], prefix)
        plan = [(p, s, d) for p in places_of(layer) for s in strengths for d in DIRECTIONS]
        scene, engine = Scene(prefix, space), Engine(target, space, layer)
        steered = [_intervention(*one) for one in plan]
        original, *answers = engine.answers(scene, [None, *steered], sampling)
        moved = [scene.rows([one]).displacement[0] for one in steered]
        rows = tuple(
            SteeredRow(*one, far, said.text, _read(reader, said), coherence(said, may_be_empty=not reader).why)
            for one, far, said in zip(plan, moved, answers, strict=True)
        )
        yield ClipResult(
            task.clip.record, task.clip.value, task.target, original.text, _read(reader, original), rows
        )  # fmt: skip


def _intervention(place: Place, strength: float, direction: Direction) -> Intervention:
    positions, decode = PLACES[place]
    return Intervention.of(
        [(DIRECTIONS.index(direction), strength)], mode="additive", positions=positions, decode=decode
    )  # fmt: skip


def _read(reader: Reader | None, answer: Answer) -> str | None:
    return reader.read(answer.text) if reader else None


def _random(shift: Mapping[Region, Tensor], seed: int, number: int) -> dict[Region, Tensor]:
    """A shift of the same norms in a random direction, the same one at every layer of one width."""
    found: dict[Region, Tensor] = {}
    for i, (region, vector) in enumerate(sorted(shift.items())):
        draws = torch.Generator().manual_seed((seed * 1_000_003 + number) * 2 + i)
        direction = torch.randn(len(vector), generator=draws).to(vector)
        found[region] = direction * (vector.norm() / direction.norm())
    return found
