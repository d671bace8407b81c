"""What somebody wants a new study to hold, as the one command that makes it: `ard new …`; nothing of Qt."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ard_gui.state.setting_list import audio_settings, toml_text
from backend.study.configuration import commented
from backend.study.creation import new_study, settings_of_new
from backend.study.folder import Study
from backend.study.settings import Settings

LAYERS = "model.layers"
OF_ALL = ("adapter", "manifest")
"""Keys of a data set for which `ard new` has an option of its own."""


@dataclass(frozen=True)
class StudyWish:
    """The arguments of `backend.study.creation.new_study`, which is also what `ard new` calls."""

    folder: str
    model: str
    audio: tuple[str, ...]
    adapter: str
    manifest: str
    layers: tuple[str, ...]
    profile: str
    changes: tuple[str, ...]

    def words(self) -> list[str]:
        """The words behind `ard`."""
        found = ["new", self.folder or "DIR", "--model", self.model or "MODEL"]
        found += [word for one in self.audio or ("FOLDER",) for word in ("--audio", one)]
        found += ["--adapter", self.adapter] if self.adapter != "folder" else []
        found += ["--manifest", self.manifest] if self.manifest else []
        found += [word for one in self.layers for word in ("--layer", one)]
        found += ["--profile", self.profile]
        return found + [word for one in self.changes for word in ("--set", one)]

    def command(self) -> str:
        """The command line, to be pasted into a terminal."""
        return shlex.join(["ard", *self.words()])

    def settings(self, uuid: str) -> Settings:
        """What would be written; ArdError if it cannot be used. It looks at the disk."""
        return settings_of_new(self.model, [Path(one) for one in self.audio], uuid=uuid, **self._rest())

    def text(self, uuid: str) -> str:
        """The `study.toml` that would be written; ArdError if it cannot be used. It looks at the disk."""
        return commented(self.settings(uuid))

    def make(self, uuid: str) -> Study:
        """Make the study; ArdError if it cannot be made."""
        audio = [Path(one) for one in self.audio]
        return new_study(Path(self.folder), self.model, audio, uuid=uuid, **self._rest())

    def _rest(self) -> dict[str, Any]:
        return {
            "adapter": self.adapter, "manifest": self.manifest, "layers": self.layers, "profile": self.profile,
            "changes": self.changes,
        }  # fmt: skip


def wish(
    folder: str, model: str, sources: Sequence[Mapping[str, Any]], profile: str, own: Mapping[str, Any]
) -> StudyWish:
    """The wish for a study with these data sets and these values in place of the profile's.

    Parameters
    ----------
    sources : sequence of dict
        `[[audio]]` tables; "path" at least.
    own : dict
        Dotted name to value.
    """
    of_all = {key: _same([one.get(key, audio_settings()[key].default) for one in sources]) for key in OF_ALL}
    changes = [_change(f"audio{_number(sources, at)}.{key}", value) for at, one in enumerate(sources)
               for key, value in one.items() if key != "path" and _said_apart(key, value, of_all)]  # fmt: skip
    changes += [_change(dotted, value) for dotted, value in own.items() if dotted != LAYERS]
    return StudyWish(
        folder, model, tuple(str(one.get("path", "")) for one in sources), of_all["adapter"] or "folder",
        of_all["manifest"] or "", tuple(str(one) for one in own.get(LAYERS, ())), profile, tuple(changes),
    )  # fmt: skip


def _same(values: Sequence[Any]) -> Any:
    """The value that all data sets have; None where they differ."""
    return values[0] if values and all(one == values[0] for one in values) else None


def _said_apart(key: str, value: Any, of_all: Mapping[str, Any]) -> bool:
    if key in OF_ALL:
        return of_all[key] is None and value != audio_settings()[key].default
    known = audio_settings().get(key)
    return known is None or value != known.default


def _number(sources: Sequence[object], at: int) -> str:
    return "" if len(sources) == 1 else f".{at}"


def _change(dotted: str, value: Any) -> str:
    """`--set`'s argument: text without quotes where it cannot be taken for something else."""
    text = toml_text(value)
    if isinstance(value, str) and re.fullmatch(r"[\w./:+-]+", value):
        try:
            tomllib.loads(f"value = {value}")
        except tomllib.TOMLDecodeError:
            text = value
    return f"{dotted}={text}"
