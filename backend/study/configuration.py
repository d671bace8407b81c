"""Read, check and write `study.toml`, with the comments of its author kept."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import tomlkit
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backend.errors import ArdError
from backend.resources import resource
from backend.study.atomic import write_text
from backend.study.settings import FORMAT, AudioSection, Settings

PROFILES = ("default", "ard-paper", "audiosae-paper", "tiny")


def load_settings(path: Path) -> Settings:
    """The checked settings in `path`; ArdError naming line, key and allowed values otherwise."""
    text = read(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ArdError(f"study.toml is not valid TOML: {error}", path=path, todo="Correct that line.") from error
    if isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
        raise ArdError("study.toml was written by a newer version of ARD", path=path, todo="Update ARD.")
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        lines = "\n".join(f"  {_explain(text, detail)}" for detail in error.errors())
        raise ArdError(
            f"study.toml has {error.error_count()} value(s) that cannot be used:\n{lines}\n",
            path=path,
            todo="Correct them and run the command again.",
        ) from error


def read(path: Path) -> str:
    """Text of `path`; ArdError if it cannot be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArdError("there is no study.toml here", path=path, todo="Make a study with: ard new") from error
    except UnicodeDecodeError as error:
        raise ArdError("study.toml is not a UTF-8 text", path=path, todo="Save it as UTF-8.") from error


def profile_values(name: str) -> dict[str, Any]:
    """The values a profile sets (X-2), as nested dictionaries."""
    if name not in PROFILES:
        raise ArdError(f"there is no profile '{name}'", todo=f"Use one of: {', '.join(PROFILES)}.")
    return tomllib.loads(resource(f"profiles/{name}.toml").read_text(encoding="utf-8"))


def new_settings(profile: str, model: dict[str, Any], audio: list[dict[str, Any]], uuid: str) -> Settings:
    """Settings of a new study: the profile's values under what the user gave."""
    raw = profile_values(profile)
    raw["study"] = {**raw.get("study", {}), "uuid": uuid, "profile": profile}
    raw["model"] = {**raw.get("model", {}), **model}
    defaults = raw.pop("audio_defaults", {})
    raw["audio"] = [{**defaults, **one} for one in audio]
    return Settings.model_validate(raw)


def write_new(path: Path, settings: Settings) -> None:
    """Write a commented `study.toml`; every setting is there with its meaning beside it."""
    write_text(path, commented(settings))


def commented(settings: Settings) -> str:
    """The text of a `study.toml` in which each setting carries its description as a comment."""
    document = tomlkit.document()
    document.add(tomlkit.comment("ARD study. Every setting is here; the comment above says what it does."))
    document.add("format", tomlkit.item(settings.format))
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "audio":
            tables = tomlkit.aot()
            for one in value:
                tables.append(_table(one))
            document.add("audio", tables)
        elif isinstance(value, BaseModel):
            document.add(name, _table(value))
    return tomlkit.dumps(document)


def edit(path: Path, changes: dict[str, Any], *, seen: str) -> None:
    """Change single values, keeping the author's comments and order.

    Parameters
    ----------
    changes : dict
        Dotted key to new value, e.g. ``{"sae.expansion": [8, 16]}``.
    seen : str
        `digest(path)` when the caller read the file; a file changed since then is refused.
    """
    if digest(path) != seen:
        raise ArdError(
            "study.toml was changed by another program since it was read", path=path, todo="Read it again first."
        )
    write_text(path, changed_text(read(path), changes))


def changed_text(text: str, changes: dict[str, Any]) -> str:
    """The text of a `study.toml` with single values changed, as `edit` would write it.

    Raises pydantic's ValidationError if the result cannot be used.
    """
    document = tomlkit.parse(text)
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        place: Any = document
        for table in tables:
            place = place.setdefault(table, tomlkit.table())
        place[key] = value
    changed = tomlkit.dumps(document)
    Settings.model_validate(tomllib.loads(changed))
    return changed


def digest(path: Path) -> str:
    """SHA-256 of the file's bytes, to notice a change between reading and writing."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def audio_sections(paths: list[Path], adapter: str, manifest: str = "") -> list[dict[str, Any]]:
    """`[[audio]]` tables for the folders given on the command line."""
    known = set(AudioSection.model_fields)
    rows = [{"adapter": adapter, "path": str(path), "manifest": manifest} for path in paths]
    return [{key: value for key, value in row.items() if key in known} for row in rows]


def _table(section: BaseModel) -> Any:
    table = tomlkit.table()
    for key, field in type(section).model_fields.items():
        allowed = _allowed(field.annotation)
        text = (field.description or "") + (f" One of: {allowed}." if allowed else "")
        table.add(tomlkit.comment(text))
        value = section.model_dump(mode="json")[key]
        table.add(key, tomlkit.item(value))
    return table


def _allowed(annotation: Any) -> str:
    """The values of a Literal, as they are written in TOML."""
    if str(get_origin(annotation)) == "typing.Literal":
        return ", ".join(f'"{v}"' for v in get_args(annotation))
    return ""


def _explain(text: str, detail: ErrorDetails) -> str:
    where = [part for part in detail["loc"] if not str(part).startswith(("literal", "int", "float", "constrained"))]
    line = line_of(text, where)
    dotted = ".".join(str(part) for part in where) or "the whole file"
    place = f"line {line}, {dotted}" if line else dotted
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = f"there is no such setting; known ones: {', '.join(_known(where))}"
    given = "" if isinstance(detail["input"], (dict, list)) else f" (is: {detail['input']!r})"
    return f"{place}: {message}{given}"


def _known(where: list[int | str]) -> list[str]:
    model: Any = Settings
    for part in where[:-1]:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = get_args(annotation)[0] if get_args(annotation) else annotation
    return list(model.model_fields)


def line_of(text: str, where: list[int | str]) -> int | None:
    """1-based line of a dotted key in TOML text; of its table if the key itself is not written."""
    keys = [str(part) for part in where if not isinstance(part, int)]
    occurrence = next((part for part in where if isinstance(part, int)), 0)
    if not keys:
        return None
    table, table_line, seen = "", None, -1
    for number, raw in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?\s*([\w.\-]+)\s*\]\]?", raw)
        if header:
            table = header.group(1)
            if table == keys[0]:
                seen += 1
                if seen in (occurrence, 0) or "[[" not in raw:
                    table_line = number
            continue
        key = re.match(r"\s*([\w\-]+)\s*=", raw)
        if key is None:
            continue
        if len(keys) == 1 and not table and key.group(1) == keys[0]:
            return number
        at_table = table == keys[0] and ("[[" + keys[0] not in text or seen == occurrence)
        if len(keys) > 1 and at_table and key.group(1) == keys[1]:
            return number
    return table_line
