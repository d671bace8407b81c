"""What somebody wants changed in the `study.toml` of an existing study; nothing of Qt.

Wishes are kept as they were meant ("also expansion 16"), not as the file they gave: when the file was changed by
somebody else, they are laid over what it says now.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ard_gui.state.event import Event
from ard_gui.state.setting_list import all_settings, problems_of
from backend.errors import ArdError
from backend.study.configuration import changed_text, digest, edit, load_settings, read
from backend.study.settings import Settings, plain


class StudyEdit:
    """One study's settings, and the wishes laid over them.

    Attributes
    ----------
    path : Path
        The `study.toml`.
    before : str
        Its text when it was read.
    locked : str
        Why this person cannot change the file, in a sentence; "" if nothing is known to prevent it.
    changed : Event
        After every change of a wish.

    Raises ArdError if the file cannot be read or holds what cannot be used. Making one, `read_if_changed` and `write`
    look at the disk; everything else does not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changed: Event[()] = Event()
        self._set: dict[str, Any] = {}
        self._added: dict[str, list[Any]] = {}
        self.before, self.locked, self._seen = "", "", ""
        self._written: dict[str, Any] = {}
        self._kept: tuple[tuple[str, str], str | ValidationError] | None = None
        self._read()

    # values

    def written(self, dotted: str) -> Any:
        """What the file says, or the default of a setting it does not name."""
        section, _, key = dotted.partition(".")
        return self._written[section][key]

    def value(self, dotted: str) -> Any:
        """What the file will say."""
        found = self._set.get(dotted, self.written(dotted))
        return [*found, *self._new(dotted)] if dotted in self._added else found

    def set(self, dotted: str, value: Any) -> None:
        """Write a value in place of the file's."""
        self._set[dotted] = value
        self.changed.emit()

    def add(self, dotted: str, values: Iterable[Any]) -> None:
        """Wish for these values beside those the file lists; what was added before is forgotten."""
        self._added[dotted] = list(dict.fromkeys(values))
        self.changed.emit()

    def added(self, dotted: str) -> list[Any]:
        """The values that were added, also those that the file lists by now."""
        return list(self._added.get(dotted, ()))

    # what comes of it

    def changes(self) -> dict[str, Any]:
        """Dotted name to new value, of what will be another than the file says."""
        wished = {dotted: self.value(dotted) for dotted in all_settings() if dotted in {*self._set, *self._added}}
        return {dotted: value for dotted, value in wished.items() if value != self.written(dotted)}

    def problems(self) -> dict[str, str]:
        """Why the changes cannot be made, a sentence per dotted name."""
        found = self._outcome()
        return problems_of(found) if isinstance(found, ValidationError) else {}

    def text(self) -> str:
        """The file's text after the changes; pydantic's ValidationError if it cannot be used."""
        found = self._outcome()
        if isinstance(found, ValidationError):
            raise found
        return found

    def settings(self) -> Settings:
        """The settings after the changes; pydantic's ValidationError if they cannot be used."""
        return Settings.model_validate(tomllib.loads(self.text()))

    def _outcome(self) -> str | ValidationError:
        """The new text, or why there is none; kept, for making it costs some twenty milliseconds."""
        changes = self.changes()
        key = (self.before, repr(changes))
        if self._kept is None or self._kept[0] != key:
            try:
                self._kept = key, changed_text(self.before, changes) if changes else self.before
            except ValidationError as error:
                self._kept = key, error
        return self._kept[1]

    def diff(self) -> str:
        """The lines that change, in the notation of `diff -u`; "" for none."""
        lines = (self.before.splitlines(), self.text().splitlines())
        return "\n".join(difflib.unified_diff(*lines, "study.toml now", "study.toml then", n=1, lineterm=""))

    # the disk

    def write(self) -> None:
        """Make the changes.

        Raises ArdError if the file was changed since it was read, or cannot be written; then it is as it was.
        """
        changes = self.changes()
        if not changes:
            return
        try:
            edit(self.path, changes, seen=self._seen)
        except OSError as error:
            raise ArdError(
                f"study.toml cannot be written ({error.strerror or error})",
                path=self.path,
                todo="Ask whoever owns the study, or copy its folder to a place of your own.",
            ) from error

    def read_if_changed(self) -> bool:
        """Read the file as it is now, if it is not the one that was read; whether it was.

        The wishes are laid over it. Nobody is told: `changed` is for the thread on which the wishes are made.
        """
        if digest(self.path) == self._seen:
            return False
        self._read()
        return True

    def _read(self) -> None:
        try:
            seen = digest(self.path)
        except OSError as error:
            raise ArdError(f"study.toml cannot be read ({error.strerror or error})", path=self.path) from error
        # the text after its digest: a change between the two is refused when it comes to writing
        text, written, locked = read(self.path), plain(load_settings(self.path)), _locked(self.path)
        self._seen, self.before, self._written, self.locked = seen, text, written, locked

    def _new(self, dotted: str) -> list[Any]:
        there = self._set.get(dotted, self.written(dotted))
        return [one for one in self._added[dotted] if one not in there]


def _locked(path: Path) -> str:
    effective = os.access in os.supports_effective_ids
    # a new file takes its place: its folder is what must be writable
    if os.access(path.parent, os.W_OK, effective_ids=effective):
        return ""
    return (
        f"This study can only be read here: nothing can be written to {path.parent}. Ask whoever owns it, or copy the "
        "folder to a place of your own and open that."
    )


class Additions:
    """Lists of a study's settings, to which values can only be added: what fields of an existing study write into."""

    def __init__(self, edit: StudyEdit) -> None:
        self._edit, self.changed = edit, edit.changed

    def value(self, dotted: str) -> Any:
        """All values, the file's first."""
        return self._edit.value(dotted)

    def set(self, dotted: str, value: list[Any]) -> None:
        """Add those of `value` that the file does not list."""
        written = self._edit.written(dotted)
        self._edit.add(dotted, [one for one in value if one not in written])
