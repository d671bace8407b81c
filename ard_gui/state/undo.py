"""Undo and redo of what the person changed in this window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ard_gui.state.event import Event

LONGEST = 500


@dataclass(frozen=True)
class Step:
    """One change.

    Attributes
    ----------
    label : str
        What was done, as it stands in the menu behind "Undo": "star of feature 12".
    undo, redo : function
    """

    label: str
    undo: Callable[[], None]
    redo: Callable[[], None]


class UndoStack:
    """Steps of one window, the newest last; `changed` is emitted after every change of it."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self.changed: Event[()] = Event()

    def push(self, step: Step) -> None:
        """Remember a change that has just been made; what was undone before can no longer be redone."""
        self._done = [*self._done, step][-LONGEST:]
        self._undone.clear()
        self.changed.emit()

    def undo(self) -> None:
        if self._done:
            step = self._done.pop()
            self._undone.append(step)
            self.changed.emit()
            step.undo()

    def redo(self) -> None:
        if self._undone:
            step = self._undone.pop()
            self._done.append(step)
            self.changed.emit()
            step.redo()

    def forget(self, step: Step) -> None:
        """Take a step out that can no longer be undone or redone: someone else changed the same thing."""
        self._done = [one for one in self._done if one is not step]
        self._undone = [one for one in self._undone if one is not step]
        self.changed.emit()

    def clear(self) -> None:
        self._done.clear()
        self._undone.clear()
        self.changed.emit()

    @property
    def undo_label(self) -> str:
        """Label of the step that `undo` takes back; "" if there is none."""
        return self._done[-1].label if self._done else ""

    @property
    def redo_label(self) -> str:
        return self._undone[-1].label if self._undone else ""
