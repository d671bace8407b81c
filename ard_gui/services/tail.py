"""Reads a file that grows, in bounded pieces, and notices when it becomes another one; for a thread that may wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

MARK = 64
BURST_SECONDS, LINES_PER_LOOK = 0.008, 16


class Tail:
    """Whole lines of a file, each once.

    A line without its newline waits for the rest of it; one that is longer than a piece is left out.

    Parameters
    ----------
    at : int
        Byte to begin at.
    torn : bool, optional
        Whether a line may have begun before it, which is left out; so it is taken, where `at` is not 0.

    Attributes
    ----------
    at : int
        Byte to go on from.
    size : int
        Of the file at the last look.
    """

    def __init__(self, path: Path, at: int = 0, *, torn: bool | None = None) -> None:
        self.path, self.at, self.size = path, at, 0
        self._inode, self._mark, self._torn = -1, b"", at > 0 if torn is None else torn

    @property
    def behind(self) -> int:
        """Bytes that were there at the last look and have not been read."""
        return max(0, self.size - self.at)

    def replaced(self) -> bool:
        """Look at the file: whether it is no longer the one that was read, so that reading begins anew."""
        try:
            found = self.path.stat()
        except OSError:
            self.size = self.at
            return False
        known, self._inode, self.size = self._inode, found.st_ino, found.st_size
        if known not in (-1, found.st_ino) or found.st_size < self.at or self._other_text():
            self.at, self._mark, self._torn = 0, b"", False
            return True
        return False

    def read(self, most: int) -> bytes:
        """The next whole lines, `most` bytes at most; empty if there are none yet."""
        if self.behind == 0:
            return b""
        try:
            with open(self.path, "rb") as handle:
                handle.seek(self.at)
                found = handle.read(most)
        except OSError:
            return b""
        end = found.rfind(b"\n") + 1
        if end == 0 and len(found) < most:
            return b""
        taken = found[: end or len(found)]
        self.at += len(taken)
        self._mark = taken[-MARK:]
        if self._torn:
            newline = taken.find(b"\n") + 1
            taken, self._torn = (taken[newline:], False) if newline else (b"", True)
        if end == 0:
            taken, self._torn = b"", True
        return taken

    def _other_text(self) -> bool:
        """Whether what stands before the place of reading is not what was read there."""
        if not self._mark:
            return False
        try:
            with open(self.path, "rb") as handle:
                handle.seek(self.at - len(self._mark))
                return handle.read(len(self._mark)) != self._mark
        except OSError:
            return False


def paced(lines: list[bytes]) -> Iterator[bytes]:
    """The lines, with a rest after each burst that is as long as the burst was.

    Python lets one thread compute at a time: without rests a thread that parses would make the window's thread wait
    for its turn at every call of Qt.
    """
    began = time.perf_counter()
    for number, line in enumerate(lines):
        yield line
        if number % LINES_PER_LOOK == 0 and (spent := time.perf_counter() - began) > BURST_SECONDS:
            REST.wait(spent)
            began = time.perf_counter()


REST = threading.Event()
"""Never set: waiting for it gives way."""
