"""The values of a study that somebody is putting together: a profile's, and what was changed in it; nothing of Qt."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from ard_gui.state.event import Event
from ard_gui.state.form_rules import cautions, rule_problems
from ard_gui.state.setting_list import all_settings, problems_of
from ard_gui.state.study_wish import StudyWish, wish
from backend.errors import ArdError
from backend.study.creation import check_free
from backend.study.profiles import profiles
from backend.study.settings import Settings


class StudyForm:
    """Folder, model, data sets, profile and the person's own changes to it.

    Attributes
    ----------
    changed : Event
        After every change.
    folder, model : str
        As they were written.
    sources : list of dict
        `[[audio]]` tables.
    uuid : str
        Identity of the study that will be made.
    folder_problem : str
        Why no study can be made there, as `folder_problem` found out; "" if one can.
    sound_problem : str
        What stands in the way of a data set, as whoever looked at it found out.
    inspection : dict
        What `ard inspect-model` said of `model`; empty before.
    choices : dict
        What `ard choices` said; empty before.
    """

    def __init__(self, sources: Sequence[Mapping[str, Any]] = ()) -> None:
        self.changed: Event[()] = Event()
        self.folder = self.model = self.folder_problem = self.sound_problem = ""
        self.uuid = str(uuid4())
        self.sources = [dict(one) for one in sources]
        self.inspection: Mapping[str, Any] = {}
        self.choices: Mapping[str, Any] = {}
        self._own: dict[str, Any] = {}
        self._take_profile("default")

    # values

    @property
    def profile(self) -> str:
        return self._profile

    def set_profile(self, name: str) -> None:
        """Take another profile; the person's own changes stay, where they differ from its values."""
        self._take_profile(name)
        self._own = {dotted: value for dotted, value in self._own.items() if value != self.usual(dotted)}
        self.changed.emit()

    def usual(self, dotted: str) -> Any:
        """The profile's value, or the setting's default where the profile leaves it."""
        return copy.copy(self._usual.get(dotted, all_settings()[dotted].default))

    def value(self, dotted: str) -> Any:
        """The value that will be written."""
        return copy.copy(self._own[dotted]) if dotted in self._own else self.usual(dotted)

    def set(self, dotted: str, value: Any) -> None:
        """Write a value in place of the profile's; the profile's own value is no change."""
        if value == self.usual(dotted):
            self._own.pop(dotted, None)
        else:
            self._own[dotted] = value
        self.changed.emit()

    def reset(self, dotted: str) -> None:
        """Back to the profile's value."""
        self.set(dotted, self.usual(dotted))

    def reset_all(self) -> None:
        """Back to the profile in everything."""
        self._own.clear()
        self.changed.emit()

    @property
    def own(self) -> dict[str, Any]:
        """What was changed from the profile, by dotted name, in the file's order."""
        return {dotted: self.value(dotted) for dotted in all_settings() if dotted in self._own}

    def set_place(self, *, folder: str | None = None, model: str | None = None) -> None:
        """Write the study's folder or its model."""
        self.folder = self.folder if folder is None else folder
        if model is not None and model != self.model:
            self.model, self.inspection = model, {}
        self.changed.emit()

    def set_sources(self, sources: Sequence[Mapping[str, Any]]) -> None:
        """Take other data sets."""
        self.sources = [dict(one) for one in sources]
        self.changed.emit()

    def learn(
        self, *, folder_problem: str | None = None, sound_problem: str | None = None,
        inspection: Mapping[str, Any] | None = None,
        choices: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Take what was found out about the folder, the model or the machine."""
        self.folder_problem = self.folder_problem if folder_problem is None else folder_problem
        self.sound_problem = self.sound_problem if sound_problem is None else sound_problem
        self.inspection = self.inspection if inspection is None else inspection
        self.choices = self.choices if choices is None else choices
        self.changed.emit()

    # what comes of it

    def problems(self) -> dict[str, str]:
        """What keeps the study from being made, a sentence per dotted name; "" for what concerns several.

        Nothing is looked up: what must be was found out before (`learn`).
        """
        found: dict[str, str] = {}
        if not self.folder:
            found["folder"] = "Name a folder for the study; it is made, if it is not there."
        elif self.folder_problem:
            found["folder"] = self.folder_problem
        if not self.model:
            found["model.path"] = "Choose a model."
        if not self.sources:
            found["audio"] = "Add at least one folder of sound."
        elif self.sound_problem:
            found["audio"] = self.sound_problem
        try:
            settings = Settings.model_validate(self._raw())
        except ValidationError as error:
            return problems_of(error) | found
        return rule_problems(settings, self.inspection, self.choices) | found

    def cautions(self) -> dict[str, str]:
        """What keeps the study from being run on this machine, and not from being made; as `problems`."""
        return cautions(str(self.value("model.device")), self.inspection, self.choices)

    def wish(self) -> StudyWish:
        """All of it, as the command that makes the study."""
        return wish(self.folder, self.model, self.sources, self._profile, self.own)

    def settings(self) -> Settings:
        """What will be written; ArdError if it cannot be used. It looks at the disk."""
        return self.wish().settings(self.uuid)

    def text(self) -> str:
        """Exactly what will be written to `study.toml`; ArdError if it cannot be used. It looks at the disk."""
        return self.wish().text(self.uuid)

    def command(self) -> str:
        """The command line that makes the same study."""
        return self.wish().command()

    def _take_profile(self, name: str) -> None:
        self._usual = next(one.values for one in profiles() if one.name == name)
        self._profile = name

    def _raw(self) -> dict[str, Any]:
        """As `study.toml` will hold it; something stands for what is still missing, which is told apart."""
        raw: dict[str, Any] = {"study": {"uuid": self.uuid, "profile": self._profile}, "model": {}}
        for dotted in all_settings():
            section, _, key = dotted.partition(".")
            raw.setdefault(section, {})[key] = self.value(dotted)
        raw["model"]["path"] = self.model or "?"
        raw["audio"] = [dict(one) for one in self.sources] or [{"path": "?"}]
        return raw


def folder_problem(folder: str) -> str:
    """Why no study can be made in `folder`, in a sentence; "" if one can. It looks at the disk."""
    try:
        check_free(Path(folder).expanduser().resolve())
    except (ArdError, OSError, RuntimeError) as error:
        return str(error)
    return ""
