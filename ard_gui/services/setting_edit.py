"""One setting of `study.toml` that is to be changed: read, checked, written; nothing here knows of the window."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from backend.errors import ArdError
from backend.study import configuration
from backend.study.folder import Study
from backend.study.settings import Settings, plain


@dataclass(frozen=True)
class Editable:
    """The settings of a study as they were read.

    Attributes
    ----------
    study : Study
    digest : str
        Of the file they came from.
    values : dict
        Nested, as in the file.
    """

    study: Study
    digest: str
    values: dict[str, Any]

    @property
    def keys(self) -> list[str]:
        """Dotted names of the settings that can be changed one by one."""
        return [
            f"{section}.{name}"
            for section, found in self.values.items()
            if isinstance(found, Mapping) and section != "study"
            for name in found
        ]

    def text(self, key: str) -> str:
        """The present value as it is typed; "" for a setting that is not there."""
        section, _, name = key.partition(".")
        found = self.values.get(section)
        return told(found[name]) if isinstance(found, Mapping) and name in found else ""


def read_settings(study: Study) -> Editable:
    """The settings as they are; ArdError if they cannot be read."""
    digest = configuration.digest(study.toml)
    return Editable(study, digest, plain(configuration.load_settings(study.toml)))


def checked(found: Editable, key: str, text: str) -> Any:
    """The value that a typed text stands for; ArdError saying why it cannot be used."""
    if key not in found.keys:
        raise ArdError(f"there is no setting '{key}'")
    section, _, name = key.partition(".")
    values = copy.deepcopy(found.values)
    value = values[section][name] = typed(text)
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ArdError(first["msg"].removeprefix("Value error, ")) from error
    return value


def write(found: Editable, key: str, value: Any) -> None:
    """Change the file; ArdError if it was changed since it was read, or cannot be written."""
    try:
        configuration.edit(found.study.toml, {key: value}, seen=found.digest)
    except ValidationError as error:
        raise ArdError(error.errors()[0]["msg"], path=found.study.toml) from error
    except OSError as error:
        raise ArdError(f"study.toml cannot be written: {error}", path=found.study.toml) from error


def typed(text: str) -> Any:
    """A TOML value, or the text itself where it is none: words need no quotation marks."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text.strip()


def told(value: Any) -> str:
    """A value as TOML has it, words without quotation marks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(_quoted(one) for one in value)}]"
    return str(value)


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return told(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
