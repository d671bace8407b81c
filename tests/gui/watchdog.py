"""What the suite watches while windows are tested: stalls of the GUI thread, exceptions in slots, words of Qt."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

STALL_SECONDS = 0.1
HARMLESS = "This plugin does not support"
"""How the platform plugin without a screen begins what it says of windows, mouse and keyboard."""


class Stalls:
    """Spans in which the event loop did not answer the heartbeat of `until`; those over `STALL_SECONDS` are kept.

    Beside its length a span has the seconds of processor that the GUI thread used in it: on a machine that is busy with
    something else a thread can stand still without being to blame.

    Attributes
    ----------
    found : list of (test, seconds, seconds of processor)
    runs : int
        How often the event loop was run.
    What a test does between two runs of the loop is the test's own and is not counted.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, float, float]] = []
        self.runs = 0
        self.test = ""
        self._last, self._worked = 0.0, 0.0

    def begin(self) -> None:
        """The loop is about to run."""
        self.runs += 1
        self.listened()

    def beat(self) -> None:
        """The loop answers."""
        seconds = time.perf_counter() - self._last
        if seconds > STALL_SECONDS:
            self.found.append((self.test, seconds, time.thread_time() - self._worked))

    def listened(self) -> None:
        """The test has looked at its condition, which may have taken a while."""
        self._last, self._worked = time.perf_counter(), time.thread_time()


STALLS = Stalls()


class Faults:
    """Exceptions that slots raised, and warnings of Qt, during one test."""

    def __init__(self) -> None:
        self.exceptions: list[BaseException] = []
        self.warnings: list[str] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Collect until the end."""
        hook = sys.excepthook
        sys.excepthook = self._exception
        qInstallMessageHandler(self._message)
        try:
            yield
        finally:
            sys.excepthook = hook
            qInstallMessageHandler(None)

    def take(self, text: str) -> None:
        """Expect one exception or warning with this text, and forget it."""
        told = [*(f"{type(one).__name__}: {one}" for one in self.exceptions), *self.warnings]
        assert any(text in one for one in told), told
        self.exceptions = [one for one in self.exceptions if text not in f"{type(one).__name__}: {one}"]
        self.warnings = [one for one in self.warnings if text not in one]

    def _exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self.exceptions.append(error)
        sys.__excepthook__(kind, error, trace)

    def _message(self, kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and kind != QtMsgType.QtInfoMsg and not text.startswith(HARMLESS):
            self.warnings.append(text)
