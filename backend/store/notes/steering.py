"""One saved steering result: what was asked of the model, and what it said under each condition (A-48 … A-59).

It is kept as a document (`steering_document`), which never changes afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
CONDITIONS = ("original", "reconstructed", "steered")
MODES = (
    "pre_topk", "post_topk_retop", "post_topk", "keep", "delta", "additive", "orthogonal", "cap",
)  # fmt: skip
POSITIONS = ("none", "audio", "prompt")
DECODE = ("off", "reconstruct", "steer")


@dataclass(frozen=True)
class SteeredClip:
    """The sound that the model heard.

    Attributes
    ----------
    key : str
        `clip_key`.
    record : str
        Its record id in the study; "" for a sound that is no clip of it.
    path, member : str
        Of a clip below its data set's folder; of any other sound the file's whole path.
    start : float
        Second of the file.
    end : float or None
        None for the file's end.
    duration : float or None
        Seconds; None where it is not known.
    """

    key: str
    record: str
    path: str
    member: str = ""
    start: float = 0.0
    end: float | None = None
    duration: float | None = None


@dataclass(frozen=True)
class Override:
    """A feature that was set to a value (A-48).

    Attributes
    ----------
    value : float
        Absolute, in the feature's own units.
    maximum : float or None
        The feature's largest value on the probing set.
    name : str
        What the feature was called then; "" for nothing.
    """

    feature: int
    value: float
    maximum: float | None = None
    name: str = ""


@dataclass(frozen=True)
class AnswerToken:
    """One token of an answer.

    Attributes
    ----------
    text : str
    id : int
    probability : float
        Of this token where it stands, 0 to 1.
    top : tuple of (str, float)
        The most probable tokens there with their probabilities, the most probable first.
    """

    text: str
    id: int
    probability: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Condition:
    """What the model said under one condition.

    Attributes
    ----------
    text : str
        The whole answer.
    tokens : tuple of AnswerToken
    kl_first, kl_answer : float or None
        KL divergence in nats from the original, of the first token's distribution and mean over the answer; None
        where it was not measured.
    repetition : float or None
        Share of repeated word groups, 0 to 1 (A-59).
    coherent : bool or None
    ended : bool
        Whether the answer ended by itself, before the largest number of tokens.
    survived : tuple of (float or None)
        Of each feature, in the order of `SteeringResult.features`: share of the positions intervened on at which it
        had the value asked for (A-48); empty where nothing was overridden.
    """

    text: str
    tokens: tuple[AnswerToken, ...] = ()
    kl_first: float | None = None
    kl_answer: float | None = None
    repetition: float | None = None
    coherent: bool | None = None
    ended: bool = True
    survived: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class SteeringResult:
    """A steering result as it is saved.

    Attributes
    ----------
    sae : str
        `sae_key`, under which it is kept.
    ranking : str
        Id the SAE had then.
    layer, model : str
    clip : SteeredClip
    prompt : str
    features : tuple of Override
    mode, positions, decode : str
        One of `MODES`, `POSITIONS`, `DECODE`.
    add_error : bool
        Whether the SAE's reconstruction error was kept (A-49).
    max_new_tokens : int
    temperature : float
        0 for the most probable token at every step.
    seed : int
    conditions : mapping of a name in `CONDITIONS` to Condition
        One at least, in that order.
    made_with : mapping of package to version
    time : str
        UTC, `2026-01-31T12:00:00.000000Z`.
    """

    sae: str
    ranking: str
    layer: str
    model: str
    clip: SteeredClip
    prompt: str
    features: tuple[Override, ...]
    mode: str
    positions: str
    decode: str
    add_error: bool
    max_new_tokens: int
    temperature: float
    seed: int
    conditions: Mapping[str, Condition]
    made_with: Mapping[str, str] = field(default_factory=dict)
    time: str = ""

    def to_json(self) -> dict[str, Any]:
        """The document as it is kept (docs/store-format.md)."""
        found = asdict(self)
        for name, one in found["conditions"].items():
            one["kl"] = {"first": one.pop("kl_first"), "answer": one.pop("kl_answer")}
            one["tokens"] = [{**token, "top": [list(pair) for pair in token["top"]]} for token in one["tokens"]]
            one["survived"] = list(one["survived"])
            found["conditions"][name] = one
        return {"v": VERSION, **found, "features": list(found["features"])}

    def values(self) -> str:
        """The overrides in words: "12 (rain) = 3.5, 99 = 2"."""
        return ", ".join(
            f"{one.feature}{f' ({one.name})' if one.name else ''} = {one.value:.6g}" for one in self.features
        )


def default_title(result: SteeringResult) -> str:
    """What a result is called that nobody named: its features and its sound."""
    named = [one.name or f"feature {one.feature}" for one in result.features] or ["nothing overridden"]
    told = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    sound = result.clip.record or result.clip.path
    return f"{told} on {sound}" if sound else told


def ordered(conditions: Mapping[str, Condition]) -> Sequence[tuple[str, Condition]]:
    """(name, condition) of those that are there, in the order of `CONDITIONS`."""
    return [(name, conditions[name]) for name in CONDITIONS if name in conditions]
