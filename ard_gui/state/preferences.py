"""How this person likes the window: kept in the user's data directory, never in a study."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ard_gui.state.event import Event
from backend.study.atomic import write_json

VERSION = 1
RECENT = 12
Theme = Literal["system", "light", "dark", "high contrast"]
Check = Callable[[Any], Any]
"""Gives a value as it is kept; ValueError saying what is expected."""


class Refused(ValueError):
    """A value that a preference cannot have."""

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, str(reason)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> float:
        _expect(type(value) in (int, float) and low <= value <= high, f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def _count(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        _expect(type(value) is int and low <= value <= high, f"a whole number from {low} to {high}")
        return int(value)

    return check


def _text(longest: int = 0) -> Check:
    def check(value: Any) -> str:
        _expect(isinstance(value, str), "text")
        _expect(not longest or len(value) <= longest, f"at most {longest} characters")
        return str(value)

    return check


def _yes_or_no(value: Any) -> bool:
    _expect(isinstance(value, bool), "true or false")
    return bool(value)


def _theme(value: Any) -> Any:
    _expect(isinstance(value, str) and value in get_args(Theme), f"one of {', '.join(get_args(Theme))}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    _expect(isinstance(value, list | tuple) and all(isinstance(one, str) for one in value), "a list of texts")
    return tuple(value)


def _named_texts(value: Any) -> dict[str, str]:
    _expect(isinstance(value, dict) and all(isinstance(one, str) for one in (*value, *value.values())), "named texts")
    return dict(value)


def _named_numbers(value: Any) -> dict[str, float]:
    _expect(
        isinstance(value, dict) and all(isinstance(name, str) for name in value)
        and all(type(one) in (int, float) and math.isfinite(one) for one in value.values()), "named numbers",
    )  # fmt: skip
    return {name: float(one) for name, one in value.items()}


@dataclass(frozen=True)
class Values:
    """One value per preference; a value that is out of bounds is `Refused`.

    Attributes
    ----------
    font_points : float
        0 for the system's size.
    author : str
        Signs notes and ratings; empty for the login name.
    opened : dict
        Recent study to when it was opened last, Unix seconds.
    roots : dict
        Folder named in a study to where it lies on this machine.
    device : str
        Name of the output device; "" for the system's, "silent" for none.
    latency_ms : float
        Added to the playhead's delay.
    range_db : float
        Dynamic range of spectrograms.
    page_parts : tuple of str
        Open parts of the feature's head.
    notify_runs : bool
        Whether the desktop is told when a long run ends.
    launch_prefix : str
        Words before `python` for extraction and training, e.g. "torchrun --nproc-per-node 2 --no-python".
    """

    theme: Theme = "system"
    font_points: float = 0.0
    author: str = ""
    recent: tuple[str, ...] = ()
    opened: dict[str, float] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    tour_seen: bool = False
    autoplay: bool = False
    loop: bool = False
    only_active: bool = False
    match_loudness: bool = True
    volume: float = 0.8
    mute: bool = False
    speed: float = 1.0
    device: str = ""
    latency_ms: float = 0.0
    range_db: float = 80.0
    page_parts: tuple[str, ...] = ("histogram", "neighbours")
    quantile_clips: int = 4
    notify_runs: bool = True
    launch_prefix: str = ""

    def __post_init__(self) -> None:
        for name, check in CHECKS.items():
            try:
                object.__setattr__(self, name, check(getattr(self, name)))
            except ValueError as error:
                raise Refused(name, error) from error


CHECKS: dict[str, Check] = {
    "theme": _theme,
    "font_points": _number(0, 40),
    "author": _text(200),
    "recent": _texts,
    "opened": _named_numbers,
    "roots": _named_texts,
    "tour_seen": _yes_or_no,
    "autoplay": _yes_or_no,
    "loop": _yes_or_no,
    "only_active": _yes_or_no,
    "match_loudness": _yes_or_no,
    "volume": _number(0, 1),
    "mute": _yes_or_no,
    "speed": _number(0.25, 2),
    "device": _text(),
    "latency_ms": _number(-1000, 1000),
    "range_db": _number(20, 120),
    "page_parts": _texts,
    "quantile_clips": _count(1, 16),
    "notify_runs": _yes_or_no,
    "launch_prefix": _text(2000),
}


class Preferences:
    """The current values and the file they are kept in.

    Attributes
    ----------
    values : Values
    changed : Event[str]
        Emitted with the name of each preference that got another value.
    problem : str
        Why the file's values were not taken; "" if they were. The file is then left as it is until a change.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.changed: Event[str] = Event()
        self.values, self.problem = _load(path)

    def set(self, name: str, value: Any) -> None:
        """Change one preference; ValueError if the value is not allowed."""
        updated = replace(self.values, **{name: value})
        if getattr(updated, name) == getattr(self.values, name):
            return
        self.values = updated
        self.changed.emit(name)

    def visited(self, study: Path) -> None:
        """Put a study at the head of the recent ones."""
        name = str(study)
        recent = (name, *(one for one in self.values.recent if one != name))[:RECENT]
        opened = {one: when for one, when in self.values.opened.items() if one in recent}
        self.set("opened", opened | {name: time.time()})
        self.set("recent", recent)

    def forget_study(self, study: str) -> None:
        """Take a study off the recent ones; nothing on disk is touched."""
        self.set("recent", tuple(one for one in self.values.recent if one != study))
        self.set("opened", {one: when for one, when in self.values.opened.items() if one != study})

    def reset(self) -> None:
        """All preferences as they come, the recent studies and mapped folders of sound kept."""
        kept = self.values
        for name, value in asdict(Values(recent=kept.recent, opened=kept.opened, roots=kept.roots)).items():
            self.set(name, value)

    def save(self) -> None:
        """Write the file; OSError or ArdError if that cannot be done. Not on the GUI thread: it waits for the disk."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"version": VERSION, **asdict(self.values)})


def _load(path: Path | None) -> tuple[Values, str]:
    if path is None or not path.exists():
        return Values(), ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("version") != VERSION:
            return Values(), f"the preferences in {path} are of another version of ARD; the usual ones are used"
    except (OSError, ValueError) as error:
        return Values(), f"the preferences in {path} cannot be read ({error}); the usual ones are used"
    return _known(path, found)


def _known(path: Path, found: dict[str, Any]) -> tuple[Values, str]:
    """The values that can be used, and what is wrong with the first that cannot; others' preferences are left out."""
    values, problem = Values(), ""
    for name in CHECKS:
        if name in found:
            try:
                values = replace(values, **{name: found[name]})
            except Refused as error:
                problem = problem or f"{path}: {error.name} is wrong ({error.reason})"
    return values, problem
