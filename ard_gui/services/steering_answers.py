"""What is asked of the model when steering, and what it said: plain values, as docs/model-server.md has them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ard_gui.state.steering import Setup
from ard_gui.state.steering_rows import DIGITS, STEP
from backend.store.notes.steering import CONDITIONS, AnswerToken, Condition

KEPT = 400
Top = tuple[tuple[str, float], ...]
Key = tuple[Any, ...]
Pairs = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Place:
    """A sound as the model server finds it.

    Attributes
    ----------
    path, member : str
        The file, absolute; what inside it.
    start : float
    end : float or None
    stamp : tuple of int
        Time and size of the file: one that was written anew is another sound.
    """

    path: str
    member: str = ""
    start: float = 0.0
    end: float | None = None
    stamp: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Request:
    """Everything that determines the answers of the three conditions.

    Attributes
    ----------
    place : Place
    setup : Setup
    overrides : tuple of (feature, value)
    sae : str
    """

    place: Place
    setup: Setup
    sae: str

    @property
    def overrides(self) -> Pairs:
        return self.setup.overrides

    @property
    def conditions(self) -> tuple[str, ...]:
        """Those that are wanted; without a feature that is set there is nothing to steer."""
        return tuple(one for one in self.setup.settings.conditions if one != "steered" or self.overrides)

    def key(self, condition: str, overrides: Pairs | None = None) -> Key:
        """What the answer of a condition depends on, and nothing else; with other `overrides` if they are given."""
        one, settings = self.setup, self.setup.settings
        found: Key = (condition, self.place, self.sae, one.prompt, settings.tokens, settings.temperature, settings.seed)
        if condition == "original":
            return found
        found = (*found, settings.positions)
        if condition == "reconstructed":
            return (*found, settings.decode != "off")
        pairs = self.overrides if overrides is None else overrides
        return (*found, pairs, settings.mode, settings.decode, settings.add_error)

    def fields(self, conditions: Sequence[str], neighbours: Sequence[Sequence[float]] = ()) -> dict[str, Any]:
        """Fields of a `steer` request."""
        one, settings = self.setup, self.setup.settings
        return {
            "path": self.place.path, "member": self.place.member, "start": self.place.start, "end": self.place.end,
            "sae": self.sae, "prompt": one.prompt, "overrides": [list(pair) for pair in self.overrides],
            "mode": settings.mode, "positions": settings.positions, "decode": settings.decode,
            "add_error": settings.add_error, "max_new_tokens": settings.tokens, "temperature": settings.temperature,
            "seed": settings.seed, "conditions": list(conditions),
            "neighbours": [list(values) for values in neighbours],
        }  # fmt: skip

    def with_row(self, key: str, amount: float) -> Request:
        """The same with one slider elsewhere."""
        rows = tuple(replace(row, amount=amount) if row.key == key else row for row in self.setup.rows)
        return replace(self, setup=replace(self.setup, rows=rows))

    def with_values(self, values: Sequence[float]) -> Pairs:
        """The same features with other values."""
        return tuple((feature, float(v)) for (feature, _), v in zip(self.overrides, values, strict=True))


@dataclass(frozen=True)
class First:
    """What is known before the answer is written: the distribution of its first token.

    Attributes
    ----------
    top : tuple of (str, float)
        The most probable first tokens.
    kl : float or None
        KL(p_original ‖ p) in nats.
    survived : tuple of float
    displacement : float or None
        Mean ‖x′ − x‖ over the steered positions.
    no_speech : float or None
        Whisper's no-speech probability.
    """

    top: Top = ()
    kl: float | None = None
    survived: tuple[float, ...] = ()
    displacement: float | None = None
    no_speech: float | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> First:
        return cls(
            _top(told.get("top")), told.get("kl"), tuple(told.get("survived") or ()), told.get("displacement"),
            told.get("no_speech"),
        )  # fmt: skip


@dataclass(frozen=True)
class Representation:
    """How the model's inner state changed, for models that answer nothing.

    Attributes
    ----------
    layers : tuple of str
    change, cosine : tuple of float
        Of each layer: mean ‖h′ − h‖ / ‖h‖, and mean cosine of h′ with h.
    frames : tuple of float
        Change at each frame of the last layer.
    """

    layers: tuple[str, ...]
    change: tuple[float, ...]
    cosine: tuple[float, ...]
    frames: tuple[float, ...]


@dataclass(frozen=True)
class Answer:
    """An answer that is complete.

    Attributes
    ----------
    said : Condition
        Text, tokens and figures, as they are saved.
    first : First
    why : str
        Why it is not coherent.
    representation : Representation or None
    """

    said: Condition
    first: First
    why: str = ""
    representation: Representation | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Answer:
        tokens = tuple(token_of(one) for one in told["tokens"])
        kl = told.get("kl") or {}
        said = Condition(
            told["text"], tokens, kl.get("first"), kl.get("answer"), told.get("repetition"), told.get("coherent"),
            bool(told["ended"]), tuple(told.get("survived") or ()),
        )  # fmt: skip
        top = tokens[0].top if tokens else ()
        first = First(top, said.kl_first, tuple(told.get("survived") or ()), told.get("displacement"),
                      told.get("no_speech"))  # fmt: skip
        inner = told.get("representation")
        shown = None if inner is None else Representation(
            *(tuple(inner[name]) for name in ("layers", "change", "cosine", "frames"))
        )  # fmt: skip
        return cls(said, first, str(told.get("why") or ""), shown)


@dataclass
class Track:
    """What is known so far of one condition.

    Attributes
    ----------
    request : Request
        To which it belongs.
    first : First or None
    tokens : list of AnswerToken
        Written so far.
    answer : Answer or None
        When it is complete.
    cached : bool
        It was known before it was asked for.
    """

    request: Request
    first: First | None = None
    tokens: list[AnswerToken] = field(default_factory=list)
    answer: Answer | None = None
    cached: bool = False

    @property
    def text(self) -> str:
        """The answer, as far as it is written."""
        if self.answer is not None:
            return self.answer.said.text
        return "".join(token.text for token in self.tokens).lstrip()


class Memory:
    """The last answers, by everything that they depend on."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, Answer] = OrderedDict()

    def keep(self, key: Key, answer: Answer) -> None:
        self._kept[key] = answer
        self._kept.move_to_end(key)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def find(self, key: Key) -> Answer | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def clear(self) -> None:
        self._kept.clear()


def missing(request: Request, memory: Memory) -> list[str]:
    """Conditions whose answers are not known."""
    return [one for one in CONDITIONS if one in request.conditions and memory.find(request.key(one)) is None]


def same(one: Request, other: Request) -> bool:
    """Whether both ask for the same answers."""
    return one.conditions == other.conditions and all(one.key(c) == other.key(c) for c in one.conditions)


def only_values(one: Request, other: Request) -> bool:
    """Whether nothing but values of features tells them apart."""
    alike = one.key("reconstructed") == other.key("reconstructed")
    return alike and one.setup.settings == other.setup.settings


def next_steps(request: Request, key: str, memory: Memory) -> list[list[float]]:
    """Values of all features when the slider `key` goes a step up or down, where the answer is not known."""
    row = next((one for one in request.setup.rows if one.key == key), None)
    if row is None or row.bypass or "steered" not in request.conditions:
        return []
    amounts = [round(row.amount + by, DIGITS) for by in (STEP, -STEP)]
    if not request.setup.settings.negative:
        amounts = [one for one in amounts if one >= 0]
    others = [request.with_row(row.key, amount) for amount in amounts]
    return [[v for _, v in one.overrides] for one in others if memory.find(one.key("steered")) is None]


def token_of(told: Mapping[str, Any]) -> AnswerToken:
    return AnswerToken(str(told["text"]), int(told["id"]), float(told["probability"]), _top(told.get("top")))


def _top(told: Any) -> Top:
    return tuple((str(text), float(share)) for text, share in told or ())
