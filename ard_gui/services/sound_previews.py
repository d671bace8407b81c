"""Looks at folders of sound one after another: `ard preview-sound`, in a process of its own (Rules 1 and 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.command_answer import CommandAnswer


class SoundPreviews(QObject):
    """One process at a time; of what is asked under one name only the newest counts, the last asked comes first.

    Signals
    -------
    answered(name: object, dict)
    failed(name: object, str)
    """

    answered = Signal(object, dict)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[object, list[str]]] = []
        self._name: object = None
        self._answer = CommandAnswer(self)
        self._answer.answered.connect(self._answered)
        self._answer.failed.connect(self._failed)

    def ask(self, name: object, words: Sequence[str]) -> None:
        """Have `ard` answer these words; what was asked under this name before is dropped."""
        self.drop(name)
        self._waiting.append((name, list(words)))
        self._next()

    def drop(self, name: object) -> None:
        """Nobody waits for this answer any more."""
        self._waiting = [one for one in self._waiting if one[0] is not name]
        if self._answer.asking and self._name is name:
            self._answer.stop()
            self._next()

    def looks_at(self, name: object) -> bool:
        """Whether an answer is still to come."""
        return (self._answer.asking and self._name is name) or any(one[0] is name for one in self._waiting)

    def close(self) -> None:
        """End the process; nothing is answered any more."""
        self._waiting.clear()
        self._answer.close()

    def _next(self) -> None:
        if not self._answer.asking and self._waiting:
            self._name, words = self._waiting.pop()
            self._answer.ask(words)

    def _answered(self, found: dict[str, Any]) -> None:
        name, self._name = self._name, None
        self._next()
        self.answered.emit(name, found)

    def _failed(self, text: str) -> None:
        name, self._name = self._name, None
        self._next()
        self.failed.emit(name, text)
