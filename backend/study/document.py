"""docs/study-settings.md from the settings themselves: `python -m backend.study.document`."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_json

from backend.study.configuration import PROFILES, profile_values
from backend.study.settings import Settings

HEAD = """# Settings of study.toml

`ard new` writes every setting with its meaning beside it. Rows in parentheses (A-11, S-09 …) are those of the two
papers' requirements that a setting decides. This page is made from the code: `python -m backend.study.document`.
"""


def settings_page() -> str:
    """The page: one table per section, then what each profile changes."""
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        section = _section(field.annotation)
        if section is None:
            continue
        parts.append(f"\n## [{'[audio]' if name == 'audio' else name}]\n")
        if section.__doc__ and section.__doc__ != BaseModel.__doc__:
            parts.append(f"{section.__doc__.strip()}\n")
        parts.append("| setting | default | allowed | meaning |\n|---|---|---|---|")
        for key, one in section.model_fields.items():
            default = "–" if one.default is PydanticUndefined else f"`{_toml(one.default)}`"
            cells = (f"`{key}`", default, _allowed(one.annotation), one.description or "")
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    parts.append("\n## Profiles\n\nWhat each profile sets; everything else keeps its default.\n")
    parts.append("| setting | " + " | ".join(PROFILES) + " |\n|---|" + "---|" * len(PROFILES))
    tables = {name: _flat(profile_values(name)) for name in PROFILES}
    for dotted in dict.fromkeys(key for table in tables.values() for key in table):
        given = [f"`{_toml(tables[name][dotted])}`" if dotted in tables[name] else "" for name in PROFILES]
        parts.append(f"| `{dotted}` | " + " | ".join(given) + " |")
    return "\n".join(parts) + "\n"


def _section(annotation: Any) -> type[BaseModel] | None:
    inner = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _toml(value: Any) -> str:
    """A value as TOML writes it: JSON's notation is the same for all that occurs here."""
    return to_json(value).decode()


def _allowed(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(annotation))
    inner = [_allowed(one) for one in get_args(annotation)]
    if inner:
        return ", ".join(dict.fromkeys(text for text in inner if text))
    names = {int: "number", float: "number", str: "text", bool: "`true`, `false`"}
    return names.get(annotation, "")


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, table in values.items() for key, value in table.items()}


if __name__ == "__main__":
    print(settings_page(), end="")
