"""Make a new study folder."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

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
    uuid: str = "",
) -> Study:
    """Write `folder/study.toml` from a profile and what the user gave.

    Local paths are made absolute, so that the study can be used from anywhere.

    Parameters
    ----------
    changes : sequence of str
        `section.key=value` with a TOML value; text needs no quotes. `audio.key=value` changes every data set,
        `audio.1.key=value` the second of `audio`.
    uuid : str
        Identity of the study; a new one where it is "".

    Raises
    ------
    ArdError
        If a study is there already, a folder of sound is not, or a value cannot be used.
    """
    study = Study(folder.expanduser().resolve())
    check_free(study.root)
    settings = settings_of_new(
        model, audio, adapter=adapter, manifest=manifest, layers=layers, profile=profile, changes=changes, uuid=uuid
    )
    write_new(study.toml, settings)
    return study


def check_free(folder: Path) -> None:
    """ArdError if no study can be made in `folder`."""
    if (folder / "study.toml").exists():
        raise ArdError("there is a study in this folder already", path=folder, todo="Name another folder.")
    if folder.exists() and not folder.is_dir():
        raise ArdError("this is a file, and a study is a folder", path=folder, todo="Name another folder.")


def settings_of_new(
    model: str,
    audio: Sequence[Path],
    *,
    adapter: str = "folder",
    manifest: str = "",
    layers: Sequence[str] | None = None,
    profile: str = "default",
    changes: Sequence[str] = (),
    uuid: str = "",
) -> Settings:
    """What `new_study` writes; the parameters are its own."""
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
        return with_changes(new_settings(profile, given, sections, uuid or str(uuid4())), changes)
    except ValidationError as error:
        raise ArdError(f"a value cannot be used:\n{_reasons(error)}\n", todo="Correct it.") from error


def with_changes(settings: Settings, changes: Sequence[str]) -> Settings:
    """`settings` after `section.key=value` changes; `audio.key=value` changes every data set, `audio.0.key` one."""
    raw = plain(settings)
    for change in changes:
        dotted, equals, text = change.partition("=")
        section, _, key = dotted.strip().partition(".")
        if not equals or section not in raw or (key and isinstance(raw[section], int)):
            raise ArdError(f"'{change}' is not a setting", todo="Write section.key=value, e.g. train.steps=2000.")
        places = raw[section] if isinstance(raw[section], list) else [raw[section]]
        number, dot, rest = key.partition(".")
        if section == "audio" and dot and number.isdigit():
            if int(number) >= len(places):
                raise ArdError(f"there is no data set {number}", todo=f"They are counted from 0 to {len(places) - 1}.")
            places, key = [places[int(number)]], rest
        for place in places:
            if key not in place:
                raise ArdError(
                    f"there is no setting '{dotted}'", todo=f"Settings of {section}: {', '.join(place)}."
                )  # fmt: skip
            place[key] = parsed(text.strip(), place[key])
    return Settings.model_validate(raw)


def parsed(text: str, present: Any) -> Any:
    """A setting's value as somebody writes it, in place of `present`.

    A TOML value; a bare word is text, and a single value for a list is a list of one.
    """
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
