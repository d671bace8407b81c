"""Reads parts of a run's `log.txt`: its end, what lies before, and the places of a search; on the watcher's thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ard_gui.services.tail import Tail

PIECE, SEARCHED = 1 << 18, 1 << 20
"""Bytes that are read at once: to be shown, and to be searched."""
LONGEST = 4000
HEAD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
FIRST_ERROR = re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?:ERROR|CRITICAL) ", re.MULTILINE)
NOT_SOUGHT, NOT_FOUND = -1, -2
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class LogLine:
    """One line; `at` is its byte in the file, `level` that of the entry it belongs to."""

    at: int
    level: str
    text: str


@dataclass(frozen=True)
class LogPiece:
    """Lines that have been read.

    Attributes
    ----------
    run : str
    where : str
        "anew" in place of all lines, "before" or "after" them.
    lines : tuple of LogLine
    begin, end : int
        Bytes between which they lie.
    size : int
        Of the file.
    found : int
        Byte of the line that was looked for, or `NOT_SOUGHT`, `NOT_FOUND`.
    """

    run: str
    where: Literal["anew", "before", "after"]
    lines: tuple[LogLine, ...]
    begin: int
    end: int
    size: int
    found: int = NOT_SOUGHT


class LogReading:
    """The log of one run.

    Parameters
    ----------
    tell : function
        Called with each LogPiece.
    """

    def __init__(self, run: str, path: Path, tell: Callable[[LogPiece], object]) -> None:
        self.run, self._path, self._tell = run, path, tell
        self._tail = Tail(path)
        self._begin, self._follows, self._level = 0, True, "INFO"
        self._started = False

    def look(self) -> None:
        """Read what was added, if the end is what is shown."""
        replaced = self._tail.replaced()
        if replaced or not self._started or (self._follows and self._tail.behind > PIECE):
            self._started = True
            self.to_end()
        elif self._follows:
            at, piece = self._tail.at, self._tail.read(PIECE)
            if piece:
                lines = self._lines(piece, at)
                self._tell(LogPiece(self.run, "after", lines, at, self._tail.at, self._tail.size))

    def to_end(self) -> None:
        """Show the last part, and what is added to it."""
        self._follows = True
        self._show_from(max(0, self._tail.size - PIECE))

    def earlier(self) -> None:
        """Show the part before what is shown."""
        if self._begin == 0:
            return
        begin, lines = self._lines_before(self._begin)
        self._begin = begin
        self._tell(LogPiece(self.run, "before", lines, begin, begin, self._tail.size))

    def later(self) -> None:
        """After a jump to an earlier place: show the part behind what is shown."""
        if self._follows:
            return
        at, piece = self._tail.at, self._tail.read(PIECE)
        self._follows = self._tail.behind == 0
        if piece:
            self._tell(LogPiece(self.run, "after", self._lines(piece, at), at, self._tail.at, self._tail.size))

    def keep(self, begin: int, end: int) -> None:
        """Whoever shows the lines has kept only those between these bytes, where lines begin."""
        if end != self._tail.at:
            self._follows = False
            self._tail = Tail(self._path, end, torn=False)
            self._tail.replaced()
        self._begin = begin

    def to_first_error(self, stop: Callable[[], bool]) -> None:
        """Show the part around the first line of level ERROR or higher."""
        self._to(self._search(lambda piece: _match(FIRST_ERROR, piece), 0, stop))

    def find(self, text: str, at: int, stop: Callable[[], bool]) -> None:
        """Show the part around the first line behind byte `at` that contains `text`, whatever its case."""
        if text:
            pattern = re.compile(re.escape(text.encode()), re.IGNORECASE)
            self._to(self._search(lambda piece: _match(pattern, piece), at, stop))

    def _search(self, look: Callable[[bytes], int], at: int, stop: Callable[[], bool]) -> int:
        """Byte of the first match, −1 without one; piece by piece, with whole lines, until `stop`."""
        rest = b""
        try:
            with open(self._path, "rb") as handle:
                handle.seek(at)
                while not stop() and (piece := handle.read(SEARCHED)):
                    piece = rest + piece
                    if (place := look(piece)) >= 0:
                        return at + place
                    kept = piece[piece.rfind(b"\n") + 1 :][-SEARCHED:]
                    at += len(piece) - len(kept)
                    rest = kept
        except OSError:
            pass
        return -1

    def _to(self, place: int) -> None:
        if place < 0:
            self._tell(LogPiece(self.run, "after", (), self._tail.at, self._tail.at, self._tail.size, NOT_FOUND))
            return
        self._show_from(max(0, place - PIECE // 2), place)
        self._follows = self._tail.behind == 0

    def _show_from(self, begin: int, found: int = NOT_SOUGHT) -> None:
        """Show one part anew; `begin` may be inside a line."""
        size = self._tail.size
        self._tail = Tail(self._path, begin)
        self._tail.replaced()
        piece = self._tail.read(PIECE)
        # a line that began before is left out
        begin = self._tail.at - len(piece)
        self._begin, self._level = begin, "INFO"
        lines = self._lines(piece, begin)
        at = max((one.at for one in lines if one.at <= found), default=NOT_FOUND) if found >= 0 else NOT_SOUGHT
        self._tell(LogPiece(self.run, "anew", lines, begin, self._tail.at, max(size, self._tail.size), at))

    def _lines_before(self, end: int) -> tuple[int, tuple[LogLine, ...]]:
        begin = max(0, end - PIECE)
        try:
            with open(self._path, "rb") as handle:
                handle.seek(begin)
                piece = handle.read(end - begin)
        except OSError:
            return end, ()
        if begin and (newline := piece.find(b"\n") + 1) < len(piece):
            piece, begin = piece[newline:], begin + newline
        level, lines = self._level, self._lines(piece, begin)
        self._level = level
        return begin, lines

    def _lines(self, piece: bytes, at: int) -> tuple[LogLine, ...]:
        found = []
        for raw in piece.splitlines(keepends=True):
            text = raw[: 4 * LONGEST].decode("utf-8", errors="replace").rstrip("\r\n")[:LONGEST]
            head = HEAD.match(text)
            if head is not None:
                self._level = head.group(1)
            found.append(LogLine(at, self._level, text))
            at += len(raw)
        return tuple(found)


def _match(pattern: re.Pattern[bytes], piece: bytes) -> int:
    found = pattern.search(piece)
    return -1 if found is None else found.start()
