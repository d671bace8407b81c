"""How the steering panel asks: mode, positions, decoding, sampling, and what each of them means in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from backend.store.notes.steering import CONDITIONS, DECODE, MODES, POSITIONS

SELECTING = ("pre_topk", "post_topk_retop")
"""Modes in which the SAE's own selection has the last word: no value below 0 survives it."""
DIRECTIONS = ("additive", "orthogonal", "cap")
KEEPS_ERROR = ("delta", *DIRECTIONS)
MOST_TOKENS, HOTTEST, LAST_SEED = 4096, 5.0, 2**31 - 1

MODE_TEXT = {
    "pre_topk": "v replaces the feature's value before the SAE selects its strongest features; a small v can be "
    "dropped, and another feature pushed out",
    "post_topk_retop": "v replaces the feature's value after the selection, and the SAE selects again; a small v can "
    "be dropped",
    "post_topk": "v replaces the feature's value after the selection; nothing is dropped, one feature more may be on",
    "keep": "v is kept whatever its size, beside the strongest of the other features",
    "delta": "only the change is added: x + (v − z)·d; what the SAE cannot reconstruct stays as it is",
    "additive": "v times the feature's unit direction is added: x + v·u, whatever the feature's own value",
    "orthogonal": "the part of x along the feature's unit direction is replaced by v",
    "cap": "the part of x along the feature's unit direction is cut down to v where it is larger",
}
POSITION_TEXT = {
    "none": "no position of the prompt is changed",
    "audio": "the audio positions are changed",
    "prompt": "all positions of the prompt are changed, audio and text",
}
DECODE_TEXT = {
    "off": "the answer's own positions are left alone",
    "reconstruct": "the SAE's reconstruction stands in at the answer's positions, nothing overridden there",
    "steer": "the answer's positions are steered too",
}
CONDITION_TEXT = {
    "original": "the model as it is, without the SAE",
    "reconstructed": "the SAE's reconstruction stands in at the same positions, nothing overridden",
    "steered": "the features are set to your values",
}


@dataclass(frozen=True)
class Settings:
    """What is asked for beside sound, prompt and features.

    Attributes
    ----------
    mode, positions, decode : str
        As `backend.store.notes.steering` lists them (A-48, A-50).
    add_error : bool
        x + W_dec(z′ − z) in place of the decoded code (A-49).
    tokens : int
        Longest answer.
    temperature : float
        0 for the most probable token at every step.
    seed : int
    conditions : tuple of str
        Those that are shown, in the order of `CONDITIONS`.
    """

    mode: str = "pre_topk"
    positions: str = "audio"
    decode: str = "off"
    add_error: bool = False
    tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    conditions: tuple[str, ...] = CONDITIONS

    def __post_init__(self) -> None:
        for one in fields(self):
            if not CHECKS[one.name](getattr(self, one.name)):
                raise ValueError(f"{one.name} of steering cannot be {getattr(self, one.name)!r}")

    @property
    def negative(self) -> bool:
        """Whether values below 0 mean something."""
        return self.mode not in SELECTING

    @property
    def keeps_error(self) -> bool:
        """Whether x̂'s error stays, by the setting or by the mode."""
        return self.add_error or self.mode in KEEPS_ERROR

    def sentence(self) -> str:
        """All of it in plain words."""
        error = "The reconstruction error is kept." if self.keeps_error else "The reconstruction error is dropped."
        found = f"{MODE_TEXT[self.mode]}. {POSITION_TEXT[self.positions]}; {DECODE_TEXT[self.decode]}. {error}"
        return found[0].upper() + found[1:]

    def summary(self) -> str:
        """In a line, for the head of the settings."""
        drawn = f"temperature {self.temperature:g}, seed {self.seed}" if self.temperature else "greedy"
        error = ", error kept" if self.add_error else ""
        return f"{self.mode} · {self.positions}, decode {self.decode}{error} · {self.tokens} tokens, {drawn}"

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "conditions": list(self.conditions)}


def _one_of(known: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in known


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _conditions(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and value == tuple(one for one in CONDITIONS if one in value)


def _temperature(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= HOTTEST


CHECKS: dict[str, Callable[[Any], bool]] = {
    "mode": _one_of(MODES),
    "positions": _one_of(POSITIONS),
    "decode": _one_of(DECODE),
    "add_error": lambda value: isinstance(value, bool),
    "tokens": _whole(1, MOST_TOKENS),
    "temperature": _temperature,
    "seed": _whole(0, LAST_SEED),
    "conditions": _conditions,
}
PROFILES = {
    "ard": {"mode": "pre_topk", "positions": "audio", "decode": "off", "add_error": False},
    "lmms": {"mode": "pre_topk", "positions": "prompt", "decode": "reconstruct", "add_error": False},
}
"""Named settings: `ard` is the paper's reading, `lmms` what the authors' earlier tool does (A-50, P-5)."""
PROFILE_TEXT = {
    "ard": "ARD's reading: audio positions, decoding left alone",
    "lmms": "As the lmms-eval tool does: all positions of the prompt, reconstruction while decoding",
}


def profile_of(settings: Settings) -> str:
    """The profile whose values the settings have; "" for none."""
    has = settings.plain()
    return next((name for name, values in PROFILES.items() if all(has[k] == v for k, v in values.items())), "")


def settings_from_plain(found: Any) -> Settings:
    """Saved settings; a field that is damaged has its usual value."""
    usual, values = Settings(), dict[str, Any]()
    for one in fields(Settings):
        value = found.get(one.name) if isinstance(found, dict) else None
        value = tuple(value) if one.name == "conditions" and isinstance(value, list) else value
        values[one.name] = value if CHECKS[one.name](value) else getattr(usual, one.name)
    return Settings(**values)
