"""Follows the events of one run: its end at once, what lies before it piece by piece."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ard_gui.services.tail import Tail, paced
from ard_gui.state.run_fold import RunFold
from ard_gui.state.runs import Message, StageShown

HEAD, END, PIECE = 1 << 16, 1 << 18, 1 << 21
"""Bytes of the first look at a log's beginning and end, and of each piece between them."""


OVERTAKEN = re.compile(rb'"stage": "([^"\\]*)", "type": "(progress|metric)", (?:"step": [^,"]*, "sae": "([^"\\]*)")?')
"""Of which only the newest of a stage, or of a stage's SAE, matters."""


class EventsFollow:
    """Call `look` again and again; `behind` is 0 when everything has been read.

    Of a long log the beginning and the end are read first. What is shown until everything between has been read comes
    from these.

    Attributes
    ----------
    fold : RunFold
        Of all events up to the place of reading.
    """

    def __init__(self, path: Path) -> None:
        self.fold = RunFold()
        self._tail = Tail(path)
        self._end: Tail | None = None
        self._end_fold = RunFold()
        self._begun = False

    @property
    def behind(self) -> int:
        return self._tail.behind

    def look(self) -> bool:
        """Read at most one piece; whether anything was new."""
        if self._tail.replaced():
            self.fold, self._end, self._end_fold, self._begun = RunFold(), None, RunFold(), False
        if not self._begun:
            self._begun = True
            _fold(self.fold, self._tail.read(HEAD))
            if self._tail.behind > PIECE + END:
                self._end = Tail(self._tail.path, max(self._tail.at, self._tail.size - END))
            return True
        before = self.fold.events + self._end_fold.events
        if self._end is not None:
            self._end.replaced()
            _fold(self._end_fold, self._end.read(PIECE))
        at = self._tail.at
        _fold(self.fold, self._tail.read(PIECE))
        if self._end is not None and self._tail.at >= self._end.at:
            self._end = None
            return True
        return self.fold.events + self._end_fold.events != before or self._tail.at != at

    @property
    def newest(self) -> RunFold:
        """The fold that has seen the last events."""
        return self.fold if self._end is None else self._end_fold

    def stages(self, command: str) -> tuple[StageShown, ...]:
        """What is known of the stages."""
        if self._end is None:
            return self.fold.shown_stages(command)
        joined = RunFold()
        joined.stages = self.fold.stages | self._end_fold.stages
        joined.end = self._end_fold.end
        return joined.shown_stages(command)

    def messages(self) -> tuple[Message, ...]:
        return tuple(self.newest.messages)

    def saes(self) -> tuple[str, ...]:
        return tuple(self.fold.saes if self._end is None else self.fold.saes | self._end_fold.saes)


def _fold(fold: RunFold, piece: bytes) -> None:
    for line in paced(without_overtaken(piece.splitlines())):
        event = parsed(line)
        if event is not None:
            fold.add(event)


def without_overtaken(lines: list[bytes]) -> list[bytes]:
    """The lines without reports of progress and metrics after which a newer one of the same kind follows.

    They are told by the bytes alone: of a long log, hardly anything is parsed. Written in any other way than
    `backend.jobs.events` writes them, they are kept.
    """
    kept: list[bytes] = []
    later: set[tuple[bytes | None, ...]] = set()
    for line in reversed(lines):
        found = OVERTAKEN.search(line)
        if found is None:
            later.clear()
        elif found.groups() in later:
            continue
        else:
            later.add(found.groups())
        kept.append(line)
    kept.reverse()
    return kept


def parsed(line: bytes) -> dict[str, Any] | None:
    """The JSON object on a line; None if it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
