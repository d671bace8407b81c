"""The one thread that reads the study: requests go in, the newest of each kind comes out (Rule 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from backend.errors import ArdError

Work = Callable[[], Any]
REST_SECONDS = 0.02
"""Before each step in spare time: Python runs one thread at a time, and the window has something to show meanwhile."""


class Reader(QObject):
    """Runs reading work on its own thread; a request overtaken by one of the same kind is dropped.

    Signals
    -------
    ready(kind: str, result: object)
    failed(kind: str, message: str)
    """

    ready = Signal(str, object)
    failed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[str, Work] = {}
        self._newest: dict[str, Work] = {}
        self._spare: Callable[[], bool] | None = None
        self._change = threading.Condition()
        self._open, self._running = True, False
        self._thread = threading.Thread(target=self._serve, name="study-reader", daemon=True)
        self._thread.start()

    def ask(self, kind: str, work: Work) -> None:
        """Run `work` soon; a waiting or running request of the same kind will not be reported."""
        with self._change:
            self._waiting.pop(kind, None)
            self._waiting[kind] = self._newest[kind] = work
            self._change.notify()

    def in_spare_time(self, step: Callable[[], bool]) -> None:
        """Run `step` again and again while nothing is asked for, until it returns False.

        It replaces the one given before. It reports nothing, and a step that fails is the last one: whoever needs
        what it would have read will read it and see the error.
        """
        with self._change:
            self._spare = step
            self._change.notify()

    @property
    def busy(self) -> bool:
        """Whether anything is asked for, being read, or left to do in spare time."""
        with self._change:
            return self._running or bool(self._waiting) or self._spare is not None

    def close(self, seconds: float = 0.5) -> bool:
        """End the thread after the running request, whose result is dropped; whether it ended within `seconds`."""
        with self._change:
            self._open = False
            self._waiting.clear()
            self._newest.clear()
            self._spare = None
            self._change.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            with self._change:
                self._running = False
                self._change.wait_for(lambda: self._waiting or self._spare or not self._open)
                if self._spare and not self._waiting:
                    self._change.wait_for(lambda: self._waiting or not self._open, REST_SECONDS)
                if not self._open:
                    return
                spare = None if self._waiting else self._spare
                kind = "" if spare else next(iter(self._waiting))
                work = None if spare else self._waiting.pop(kind)
                self._running = True
            if spare is not None:
                self._step(spare)
            elif work is not None:
                self._run(kind, work)
            # a study that is no longer shown must not be kept open by the last thing that was read of it
            spare = work = None

    def _step(self, step: Callable[[], bool]) -> None:
        try:
            more = step()
        except Exception:
            more = False
        with self._change:
            if not more and self._spare is step:
                self._spare = None

    def _run(self, kind: str, work: Work) -> None:
        try:
            result = work()
        except ArdError as error:
            if self._wanted(kind, work):
                self.failed.emit(kind, str(error))
        except Exception as error:
            # Anything else is a fault of ours or of the disk; the window lives on and says what it was.
            if self._wanted(kind, work):
                self.failed.emit(kind, f"Reading the study failed: {type(error).__name__}: {error}")
        else:
            if self._wanted(kind, work):
                self.ready.emit(kind, result)

    def _wanted(self, kind: str, work: Work) -> bool:
        with self._change:
            return self._newest.get(kind) is work
