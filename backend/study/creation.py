"""Make a new study folder."""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backend.errors import ArdError
from backend.study.configuration import audio_sections, new_settings, write_new
from backend.study.folder import Study
from backend.study.settings import Settings, plain


def new_study(
    folder: Path,
    model: str,
    audio: Sequence[Path],
    *,
    adapter: str = "folder",
    manifest: str = "",
    layers: Sequence[str] | None = None,
    profile: str = "default",
    changes: Sequence[str] = (),
) -> Study:
    """Write `folder/study.toml` from a profile and what the user gave.

    Local paths are made absolute, so that the study can be used from anywhere.

    Parameters
    ----------
    changes : sequence of str
        `section.key=value` with a TOML value; text needs no quotes.

    Raises
    ------
    ArdError
        If a study is there already, a folder of sound is not, or a value cannot be used.
    """
    study = Study(folder.expanduser().resolve())
    if study.toml.exists():
        raise ArdError("there is a study in this folder already", path=study.root, todo="Name another folder.")
    if study.root.exists() and not study.root.is_dir():
        raise ArdError("this is a file, and a study is a folder", path=study.root, todo="Name another folder.")
    for one in audio:
        if not one.expanduser().is_dir():
            raise ArdError("there is no such folder of sound", path=one, todo="Correct --audio.")
    path = Path(model).expanduser()
    given: dict[str, Any] = {"path": str(path.resolve()) if path.is_dir() else model}
    if layers:
        given["layers"] = list(layers)
    listed = Path(manifest).expanduser()
    sections = audio_sections(
        [one.expanduser().resolve() for one in audio], adapter, str(listed.resolve()) if listed.is_file() else manifest
    )  # fmt: skip
    try:
        settings = new_settings(profile, given, sections, str(uuid.uuid4()))
        settings = with_changes(settings, changes)
    except ValidationError as error:
        raise ArdError(f"a value cannot be used:\n{_reasons(error)}\n", todo="Correct it.") from error
    write_new(study.toml, settings)
    return study


def with_changes(settings: Settings, changes: Sequence[str]) -> Settings:
    """`settings` after `section.key=value` changes; `audio.key=value` changes every data set."""
    raw = plain(settings)
    for change in changes:
        dotted, equals, text = change.partition("=")
        section, _, key = dotted.strip().partition(".")
        if not equals or section not in raw or (key and isinstance(raw[section], int)):
            raise ArdError(f"'{change}' is not a setting", todo="Write section.key=value, e.g. train.steps=2000.")
        for place in raw[section] if isinstance(raw[section], list) else [raw[section]]:
            if key not in place:
                raise ArdError(
                    f"there is no setting '{dotted}'", todo=f"Settings of {section}: {', '.join(place)}."
                )  # fmt: skip
            place[key] = _value(text.strip(), place[key])
    return Settings.model_validate(raw)


def _value(text: str, present: Any) -> Any:
    """A TOML value; a bare word is text, and a single value for a list is a list of one."""
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if isinstance(present, str) and not isinstance(value, str):
        value = value if present == "auto" else text
    return [value] if isinstance(present, list) and not isinstance(value, list) else value


def _reasons(error: ValidationError) -> str:
    lines = []
    for detail in error.errors():
        where = ".".join(str(part) for part in detail["loc"])
        lines.append(f"  {where}: {detail['msg'].removeprefix('Value error, ')} (is: {detail['input']!r})")
    return "\n".join(lines)
