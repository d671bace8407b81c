"""What a study will cost, as `ard estimate --json` tells it, in the words of the window; nothing of Qt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNITS = ("B", "KB", "MB", "GB", "TB")
STEP = 1024
MOMENT = 1.5
"""Seconds below which nobody asks how many there are."""


@dataclass(frozen=True)
class StageCost:
    """One line of the estimate; "" or "–" where a stage has no such figure."""

    stage: str
    tokens: str
    disk: str
    memory: str
    time: str
    done: bool


@dataclass(frozen=True)
class Estimate:
    """The estimate in words.

    Attributes
    ----------
    summary : str
        Clips and hours of sound.
    stages : tuple of StageCost
    total : StageCost
        Of all that is to do.
    warnings : tuple of str
        What does not suffice or will fail, and what to do about it.
    measured : bool
        Whether clips were timed on this machine.
    short : str
        Why disk or memory do not suffice; "" if they do.
    """

    summary: str
    stages: tuple[StageCost, ...]
    total: StageCost
    warnings: tuple[str, ...]
    measured: bool
    short: str


def estimate_of(answer: Mapping[str, Any]) -> Estimate:
    """The answer of `ard estimate --json` in words."""
    stages = tuple(_stage(one) for one in answer.get("stages", ()))
    left = [one for one in answer.get("stages", ()) if one.get("state") != "current"]
    total = StageCost(
        "in all", count(sum(one.get("tokens") or 0 for one in left)), size(answer.get("bytes_to_write")),
        size(answer.get("memory_bytes")), time_range(answer), not left,
    )  # fmt: skip
    clips = f"{answer.get('clips', 0):,} clip{'' if answer.get('clips') == 1 else 's'}"
    hours = answer.get("hours")
    heard = f", {span(float(hours) * 3600)} of sound" if hours is not None else ""
    where = f", on {answer['device']}" if answer.get("device") else ""
    warnings = tuple(" ".join((_sentence(one["what"]), str(one.get("todo", "")))).strip() for one in
                     answer.get("warnings", ()))  # fmt: skip
    return Estimate(f"{clips}{heard}{where}", stages, total, warnings, bool(answer.get("measured")), _short(answer))


def _short(answer: Mapping[str, Any]) -> str:
    """What is lacking, of the two things without which a run cannot end."""
    found = []
    for needed, there, what in (
        ("bytes_to_write", "free_bytes", "{} of disk are needed and {} are free"),
        ("memory_bytes", "memory_total_bytes", "{} of memory are needed and this machine has {}"),
    ):
        wanted, have = answer.get(needed), answer.get(there)
        if wanted is not None and have is not None and wanted > have:
            found.append(what.format(size(wanted), size(have)))
    return _sentence("; ".join(found)) if found else ""


def _stage(one: Mapping[str, Any]) -> StageCost:
    done = one.get("state") == "current"
    memory = size(one.get("memory_bytes"))
    device = one.get("device_bytes")
    return StageCost(
        str(one["stage"]), count(one.get("tokens")), size(one.get("bytes_to_write")),
        f"{memory} + {size(device)} GPU" if device else memory, "done" if done else time_range(one), done,
    )  # fmt: skip


def count(number: float | None) -> str:
    """ "1,234", "12.3 million"; "–" for none."""
    if not number:
        return "–"
    return f"{number / 1e6:,.1f} million" if number >= 1e7 else f"{number:,.0f}"


def size(number: float | None) -> str:
    """ "12.3 MB" in steps of 1,024; "–" for none."""
    if not number:
        return "–"
    step = min(len(UNITS) - 1, int(math.log(number, STEP))) if number >= 1 else 0
    found = number / STEP**step
    return f"{found:.0f} {UNITS[step]}" if found >= 100 or step == 0 else f"{found:.1f} {UNITS[step]}"


def span(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h", "2.1 days"."""
    for limit, unit, per in ((90, "s", 1), (90 * 60, "min", 60), (48 * 3600, "h", 3600), (math.inf, "days", 86400)):
        if seconds < limit:
            found = seconds / per
            return f"{found:.0f} {unit}" if unit in ("s", "min") or found >= 10 else f"{found:.1f} {unit}"
    raise ValueError(f"{seconds} seconds")


def time_range(one: Mapping[str, Any]) -> str:
    """ "12 min (8 min to 20 min)"; "a moment"; "–" where it is not known."""
    if one.get("seconds") is None:
        return "–"
    low, high = one.get("seconds_low"), one.get("seconds_high")
    if float(high if high is not None else one["seconds"]) < MOMENT:
        return "a moment"
    told = span(float(one["seconds"]))
    if low is None or high is None or span(float(low)) == span(float(high)):
        return told
    return f"{told} ({span(float(low))} to {span(float(high))})"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
