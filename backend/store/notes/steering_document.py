"""The JSON of a saved steering result, version 1: every field checked wherever it comes from, and its identity."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from numbers import Integral, Real
from typing import Any, TypeVar

from backend.store.notes.steering import (
    CONDITIONS,
    DECODE,
    MODES,
    POSITIONS,
    VERSION,
    AnswerToken,
    Condition,
    Override,
    SteeredClip,
    SteeringResult,
)

LARGEST_BYTES = 8 * 2**20
"""Of a document as text."""
MOST_FEATURES, MOST_TOKENS, MOST_TOP, MOST_PACKAGES = 1024, 8192, 20, 200
LONGEST_TEXT, LONGEST_LINE = 100_000, 2000
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
LARGEST = 2**31 - 1
ROUNDING = 1e-5
"""By so much a share that was added up in 32 bits may stand beyond 0 or 1."""
_NAMESPACE = uuid.UUID("6f0d5f0a-8e0b-4f6e-9d35-3a2f3f1f7c11")
T = TypeVar("T")


class LaterVersion(ValueError):
    """The document was made by a later version of ARD: it is kept as it is and cannot be read here."""


def result_id(document: Any) -> str:
    """The UUID of a document: made from its content, so that one UUID always means one content."""
    return str(uuid.uuid5(_NAMESPACE, _as_text(document)))


def checked_document(value: Any) -> dict[str, Any]:
    """A document as it is kept: of version 1 with every field checked, of a later version as it is.

    Raises ValueError with the reason if it cannot be kept.
    """
    try:
        document = from_json(value).to_json()
    except LaterVersion:
        document = dict(value)
    if len(_as_text(document).encode("utf-8", "replace")) > LARGEST_BYTES:
        raise ValueError(f"a steering result has at most {LARGEST_BYTES // 2**20} MB")
    return document


def from_json(value: Any) -> SteeringResult:
    """A result from its document. Raises LaterVersion, or ValueError with the field that is wrong and why."""
    if not isinstance(value, Mapping):
        raise ValueError("a steering result is no object")
    version = _count(value.get("v"), "v", 1)
    if version > VERSION:
        raise LaterVersion(f"it was saved by a later version of ARD (format {version}, this one knows {VERSION})")
    one = _object(value, "", "v", *(known.name for known in fields(SteeringResult)))
    features = tuple(_each(one["features"], "features", MOST_FEATURES, _override))
    return SteeringResult(
        sae=_line(one["sae"], "sae"),
        ranking=_line(one["ranking"], "ranking"),
        layer=_line(one["layer"], "layer"),
        model=_line(one["model"], "model"),
        clip=_clip(one["clip"]),
        prompt=_text(one["prompt"], "prompt"),
        features=features,
        mode=_one_of(one["mode"], "mode", MODES),
        positions=_one_of(one["positions"], "positions", POSITIONS),
        decode=_one_of(one["decode"], "decode", DECODE),
        add_error=_flag(one["add_error"], "add_error"),
        max_new_tokens=_count(one["max_new_tokens"], "max_new_tokens", 0),
        temperature=_number(one["temperature"], "temperature", 0.0),
        seed=_count(one["seed"], "seed", 0, 2**64),
        conditions=_conditions(one["conditions"], len(features)),
        made_with=_packages(one["made_with"]),
        time=_time(one["time"]),
    )


def _clip(value: Any) -> SteeredClip:
    one = _object(value, "clip", *(known.name for known in fields(SteeredClip)))
    start = _number(one["start"], "clip.start", 0.0)
    end = _or_none(_number, one["end"], "clip.end", start)
    key, record, path, member = (_line(one[name], f"clip.{name}") for name in ("key", "record", "path", "member"))
    return SteeredClip(key, record, path, member, start, end, _or_none(_number, one["duration"], "clip.duration", 0.0))


def _override(value: Any, where: str) -> Override:
    one = _object(value, where, *(known.name for known in fields(Override)))
    return Override(
        _count(one["feature"], f"{where}.feature", 0), _number(one["value"], f"{where}.value"),
        _or_none(_number, one["maximum"], f"{where}.maximum"), _line(one["name"], f"{where}.name"),
    )  # fmt: skip


def _conditions(value: Any, features: int) -> dict[str, Condition]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("conditions: there is none")
    unknown = [name for name in value if name not in CONDITIONS]
    if unknown:
        raise ValueError(f"conditions: {unknown[0]!r} is none of {', '.join(CONDITIONS)}")
    return {name: _condition(value[name], f"conditions.{name}", features) for name in CONDITIONS if name in value}


def _condition(value: Any, where: str, features: int) -> Condition:
    one = _object(value, where, "text", "tokens", "kl", "repetition", "coherent", "ended", "survived")
    kl = _object(one["kl"], f"{where}.kl", "first", "answer")
    survived = _each(one["survived"], f"{where}.survived", MOST_FEATURES, lambda v, at: _or_none(_share, v, at))
    if survived and len(survived) != features:
        raise ValueError(f"{where}.survived: {len(survived)} numbers for {features} features")
    return Condition(
        _text(one["text"], f"{where}.text"),
        tuple(_each(one["tokens"], f"{where}.tokens", MOST_TOKENS, _token)),
        _or_none(_number, kl["first"], f"{where}.kl.first"),
        _or_none(_number, kl["answer"], f"{where}.kl.answer"),
        _or_none(_share, one["repetition"], f"{where}.repetition"),
        _or_none(_flag, one["coherent"], f"{where}.coherent"),
        _flag(one["ended"], f"{where}.ended"),
        tuple(survived),
    )


def _token(value: Any, where: str) -> AnswerToken:
    one = _object(value, where, "text", "id", "probability", "top")
    return AnswerToken(
        _text(one["text"], f"{where}.text", LONGEST_LINE), _count(one["id"], f"{where}.id", 0),
        _share(one["probability"], f"{where}.probability"), tuple(_each(one["top"], f"{where}.top", MOST_TOP, _pair)),
    )  # fmt: skip


def _pair(value: Any, where: str) -> tuple[str, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ValueError(f"{where}: it is no text with its probability")
    return _text(value[0], where, LONGEST_LINE), _share(value[1], where)


def _packages(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > MOST_PACKAGES:
        raise ValueError(f"made_with: no object of at most {MOST_PACKAGES} versions")
    return {_line(name, "made_with"): _line(value[name], f"made_with.{name}") for name in sorted(value, key=str)}


def _object(value: Any, where: str, *names: str) -> Mapping[str, Any]:
    """`value` if it has exactly these fields."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: it is no object")
    inside = f"{where}: " if where else ""
    for name in names:
        if name not in value:
            raise ValueError(f"{inside}'{name}' is missing")
    for name in value:
        if name not in names:
            raise ValueError(f"{inside}there is no field {name!r}")
    return value


def _each(value: Any, where: str, most: int, read: Callable[[Any, str], T]) -> list[T]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: it is no list")
    if len(value) > most:
        raise ValueError(f"{where}: {len(value)} entries where at most {most} can be kept")
    return [read(one, f"{where}[{number}]") for number, one in enumerate(value)]


def _or_none(read: Callable[..., T], value: Any, where: str, *limits: Any) -> T | None:
    return None if value is None else read(value, where, *limits)


def _text(value: Any, where: str, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: {value!r} is no text")
    if len(value) > longest:
        raise ValueError(f"{where}: {len(value)} characters where at most {longest} can be kept")
    return value


def _line(value: Any, where: str) -> str:
    return _text(value, where, LONGEST_LINE)


def _number(value: Any, where: str, low: float = -math.inf) -> float:
    # numpy's numbers are none of Python's
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < low:
        above = f" from {low:g}" if math.isfinite(low) else ""
        raise ValueError(f"{where}: {value!r} is no finite number{above}")
    return float(value)


def _share(value: Any, where: str) -> float:
    found = _number(value, where)
    if not -ROUNDING <= found <= 1 + ROUNDING:
        raise ValueError(f"{where}: {value!r} is not between 0 and 1")
    return min(max(found, 0.0), 1.0)


def _count(value: Any, where: str, low: int, high: int = LARGEST) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise ValueError(f"{where}: {value!r} is no whole number from {low} to {high}")
    return int(value)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {value!r} is neither true nor false")
    return value


def _time(value: Any) -> str:
    try:
        datetime.strptime(value, TIME)
    except (ValueError, TypeError) as error:
        raise ValueError(f"time: {value!r} is no time") from error
    return str(value)


def _one_of(value: Any, where: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ValueError(f"{where}: {value!r} is none of {', '.join(known)}")
    return str(value)


def _as_text(document: Any) -> str:
    """The one text of a document, so that equal contents have equal texts."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
