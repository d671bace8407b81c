"""The one thread that reads the study: requests go in, the newest of each kind comes out (Rule 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from backend.errors import ArdError

Work = Callable[[], Any]


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
        self._change = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="study-reader", daemon=True)
        self._thread.start()

    def ask(self, kind: str, work: Work) -> None:
        """Run `work` soon; a waiting or running request of the same kind will not be reported."""
        with self._change:
            self._waiting.pop(kind, None)
            self._waiting[kind] = self._newest[kind] = work
            self._change.notify()

    def close(self, seconds: float = 0.5) -> bool:
        """End the thread after the running request, whose result is dropped; whether it ended within `seconds`."""
        with self._change:
            self._open = False
            self._waiting.clear()
            self._newest.clear()
            self._change.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or not self._open)
                if not self._open:
                    return
                kind = next(iter(self._waiting))
                work = self._waiting.pop(kind)
            self._run(kind, work)

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
