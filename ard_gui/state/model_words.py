"""What `ard inspect-model` found, in sentences; nothing of Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

UNITS = (("billion", 1e9), ("million", 1e6), ("thousand", 1e3))


def found_words(inspection: Mapping[str, Any]) -> str:
    """Type, stacks, parameters and size, and whether all of it is on this disk."""
    stacks = _listed([f"{one['name']} of {_layers(one['layers'])} (d = {one['d']})" for one in inspection["stacks"]])
    parts = [f"{inspection['model_type']}: {stacks}"]
    if inspection["parameters"] is not None:
        parts.append(f"{count_words(inspection['parameters'])} parameters")
    if inspection["weight_bytes"]:
        parts.append(size_words(inspection["weight_bytes"]))
    return f"{', '.join(parts)}. {_place_words(inspection)}"


def _place_words(inspection: Mapping[str, Any]) -> str:
    if inspection["complete"]:
        return "All of it is on this disk."
    download = inspection["to_download_bytes"]
    if inspection["place"] == "folder":
        return "It cannot be loaded as it is."
    if download is None:
        return "Its weights are not on this disk."
    return f"{size_words(download)} will be downloaded when it is first used."


def problem_words(problems: Sequence[Mapping[str, str]]) -> str:
    """Each problem with what to do about it, a line each; "" where there is none."""
    return "\n".join(f"{one['what'][:1].upper()}{one['what'][1:]}. {one['todo']}".strip() for one in problems)


def size_words(count: float) -> str:
    """Bytes as people say them: 23 MB, 1.6 GB."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count_words(count: int) -> str:
    """A number as people say it: 11.6 million, 8.4 billion."""
    for name, unit in UNITS:
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return str(count)


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
