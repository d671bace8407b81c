"""How this person likes the window: kept in the user's data directory, never in a study."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ard_gui.state.event import Event
from backend.study.atomic import write_json

VERSION = 1
RECENT = 12
Theme = Literal["system", "light", "dark", "high contrast"]


class Values(BaseModel):
    """One value per preference; a value that is out of bounds is refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    theme: Theme = "system"
    font_points: float = Field(0.0, ge=0, le=40, description="0 for the system's size")
    author: str = Field("", max_length=200, description="signs notes and ratings; empty for the login name")
    recent: tuple[str, ...] = ()
    opened: dict[str, float] = Field({}, description="recent study: when it was opened last, Unix seconds")
    roots: dict[str, str] = Field({}, description="folder named in a study: where it lies on this machine")
    tour_seen: bool = False
    autoplay: bool = False
    loop: bool = False
    only_active: bool = False
    match_loudness: bool = True
    volume: float = Field(0.8, ge=0, le=1)
    mute: bool = False
    speed: float = Field(1.0, ge=0.25, le=2)
    device: str = Field("", description='name of the output device; "" for the system\'s, "silent" for none')
    latency_ms: float = Field(0.0, ge=-1000, le=1000, description="added to the playhead's delay")
    range_db: float = Field(80.0, ge=20, le=120, description="dynamic range of spectrograms")
    page_parts: tuple[str, ...] = Field(("histogram", "neighbours"), description="open parts of the feature's head")
    quantile_clips: int = Field(4, ge=1, le=16)


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
        updated = Values(**{**self.values.model_dump(), name: value})
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
        for name, value in Values(recent=kept.recent, opened=kept.opened, roots=kept.roots).model_dump().items():
            self.set(name, value)

    def save(self) -> None:
        """Write the file; OSError or ArdError if that cannot be done. Not on the GUI thread: it waits for the disk."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"version": VERSION, **self.values.model_dump(mode="json")})


def _load(path: Path | None) -> tuple[Values, str]:
    if path is None or not path.exists():
        return Values(), ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("version") != VERSION:
            return Values(), f"the preferences in {path} are of another version of ARD; the usual ones are used"
        return Values(**found), ""
    except ValidationError as error:
        first = error.errors()[0]
        return _without_bad(found, error), f"{path}: {'.'.join(map(str, first['loc']))} is wrong ({first['msg']})"
    except (OSError, ValueError) as error:
        return Values(), f"the preferences in {path} cannot be read ({error}); the usual ones are used"


def _without_bad(found: dict[str, Any], error: ValidationError) -> Values:
    bad = {str(one["loc"][0]) for one in error.errors()}
    return Values(**{name: value for name, value in found.items() if name not in bad})
