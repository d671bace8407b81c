"""What the person is told: errors, warnings and news, with details to copy."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ard_gui.state.event import Event

KEPT = 200
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Notice:
    """One message.

    Attributes
    ----------
    level : "info", "warning" or "error"
    text : str
        A sentence or two for people: what happened, where, what to do.
    details : str
        What helps whoever looks into it, e.g. a traceback; "" for none.
    """

    level: Level
    text: str
    details: str = ""
    when: datetime = field(default_factory=datetime.now)


class Notices:
    """The newest `KEPT` notices; `added` is emitted with each new one, from the GUI thread."""

    def __init__(self) -> None:
        self.all: deque[Notice] = deque(maxlen=KEPT)
        self.added: Event[Notice] = Event()

    def add(self, level: Level, text: str, details: str = "") -> None:
        notice = Notice(level, text, details)
        self.all.append(notice)
        self.added.emit(notice)

    def error(self, text: str, details: str = "") -> None:
        self.add("error", text, details)

    def warning(self, text: str, details: str = "") -> None:
        self.add("warning", text, details)

    def info(self, text: str) -> None:
        self.add("info", text)
