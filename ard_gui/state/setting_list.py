"""Every setting of a study with its meaning and what may be written there, in words; nothing of Qt."""

from __future__ import annotations

import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tomlkit
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from backend.study.settings import AudioSection, Settings

NOT_CHOSEN = ("study.uuid", "study.profile", "model.path")
"""Settings that are written by ARD, or that have a place of their own in the form."""
HINTS = {
    "model.layers": "blocks by name or number, such as encoder.3, decoder.0 or last; at least one, none twice",
    "model.device": "auto, cpu, cuda, cuda:1 or mps",
    "names.features": "an SAE's id, a colon and a feature's number",
    "audio.labels": "name=value, such as category=animal",
}
BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes
    ----------
    dotted : str
        "section.key".
    description : str
        What the file's comment says.
    default : Any
        JSON-ready; None where there is none.
    choices : tuple
        Values that can be chosen from; empty where anything of a kind can be written.
    wanted : str
        What may be written, in words: "a whole number, at least 1".
    text : bool
        Whether its value, or each of its values, is text, also where it looks like a number.
    """

    dotted: str
    description: str
    default: Any
    choices: tuple[Any, ...]
    wanted: str
    text: bool

    @property
    def section(self) -> str:
        return self.dotted.partition(".")[0]

    @property
    def key(self) -> str:
        return self.dotted.rpartition(".")[2]


@cache
def all_settings() -> Mapping[str, Setting]:
    """Every setting that has one value in a study, by dotted name, in the file's order; not those of data sets."""
    found: dict[str, Setting] = {}
    for section, field in Settings.model_fields.items():
        if section != "audio" and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= {one.dotted: one for one in _of_section(section, field.annotation)}
    return {dotted: one for dotted, one in found.items() if dotted not in NOT_CHOSEN}


@cache
def audio_settings() -> Mapping[str, Setting]:
    """The settings of one data set, by key."""
    return {one.key: one for one in _of_section("audio", AudioSection)}


def _of_section(section: str, model: type[BaseModel]) -> Iterable[Setting]:
    for key, field in model.model_fields.items():
        dotted = f"{section}.{key}"
        default = None if field.default is PydanticUndefined else _plain(field.default)
        wanted = HINTS.get(dotted) or wanted_in_words(field)
        text = _scalars(field.annotation) == {str}
        yield Setting(dotted, field.description or "", default, _choices(field.annotation), wanted, text)


def wanted_in_words(field: FieldInfo) -> str:
    """What a field takes: "auto or a whole number, at least 1"."""
    limits = [
        text.format(limit)
        for name, text in BOUNDS.items()
        for limit in (getattr(one, name, None) for one in field.metadata)
        if limit is not None
    ]
    return ", ".join((_kind(field.annotation), *limits))


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(str(one) for one in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(one) for one in reversed(inner))
    if origin is list:
        return f"{_kind(inner[0])}, several with commas"
    if origin is tuple:
        return f"{len(inner)} numbers with a comma between them"
    if origin is Annotated:
        return _kind(inner[0])
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(annotation, "text")


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return (True, False) if annotation is bool else ()


def _scalars(annotation: Any) -> set[Any]:
    """The types of single values that an annotation names."""
    if get_origin(annotation) is Literal:
        return {type(one) for one in get_args(annotation)}
    if get_origin(annotation) is Annotated:
        return _scalars(get_args(annotation)[0])
    inner = get_args(annotation)
    return set().union(*(_scalars(one) for one in inner)) if inner else {annotation}


def read_value(setting: Setting, text: str) -> Any:
    """The value that somebody means who writes `text` for a setting: several with commas where it takes several.

    What cannot be used is handed back as text; whoever checks the settings says why.
    """
    if isinstance(setting.default, list):
        inside = text.strip().removeprefix("[").removesuffix("]")
        return [_read_one(setting, one) for one in inside.split(",") if one.strip()]
    return _read_one(setting, text)


def _read_one(setting: Setting, text: str) -> Any:
    text = text.strip()
    if setting.text:
        return text.removeprefix('"').removesuffix('"') if text[:1] == text[-1:] == '"' and len(text) > 1 else text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def toml_text(value: Any) -> str:
    """A value as `study.toml` writes it."""
    return str(tomlkit.item(value).as_string())


def shown(value: Any) -> str:
    """A value as people read it: text without quotes, several values with commas."""
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(one) for one in value)
    return value if isinstance(value, str) else toml_text(value)


def problems_of(error: ValidationError) -> dict[str, str]:
    """What is wrong, a sentence per setting; "" is the key of what concerns several."""
    found: dict[str, str] = {}
    for detail in error.errors():
        place = _place(detail)
        found.setdefault(place, _sentence(place, detail))
    return found


def _place(detail: ErrorDetails) -> str:
    """ "sae.k" for an error in one of its values, "audio.0.path" for one of a data set."""
    where = [str(part) for part in detail["loc"]]
    depth = 3 if where[:1] == ["audio"] else 2
    return ".".join(where[:depth])


def _sentence(place: str, detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return _ended(detail["msg"].removeprefix("Value error, "))
    section, _, rest = place.partition(".")
    known = audio_settings().get(rest.rpartition(".")[2]) if section == "audio" else all_settings().get(place)
    if detail["type"] == "extra_forbidden":
        return "There is no such setting."
    if known is None:
        return _ended(detail["msg"])
    if detail["type"] == "missing" or detail["input"] in ("", []):
        return f"Something must be written here: {known.wanted}."
    return f"“{shown(detail['input'])}” cannot be used here. Write {known.wanted}."


def _ended(text: str) -> str:
    first = text.partition(" ")[0]
    # names of settings are written as they are
    begin = text[:1] if "_" in first or "." in first else text[:1].upper()
    return f"{begin}{text[1:].rstrip('.')}."


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
