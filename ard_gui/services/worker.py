"""Work that must all be done, in order, away from the window: exports, notes, settings (Rule 2)."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from backend.errors import ArdError


@dataclass(frozen=True)
class Failure:
    """Why a piece of work was not done.

    Attributes
    ----------
    text : str
        For people.
    details : str
        The traceback of a fault that is not theirs; "" otherwise.
    error : Exception
    """

    text: str
    details: str
    error: Exception


@dataclass(frozen=True)
class _Errand:
    work: Callable[[], Any]
    done: Callable[[Any], object]
    failed: Callable[[Failure], object]


class Worker(QObject):
    """One thread that does everything it is given, the oldest first; results come back on the thread that asked.

    `Reader` drops what is overtaken; a worker never does.
    """

    _answer = Signal(object, object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._open = True
        self._errands: queue.SimpleQueue[_Errand | None] = queue.SimpleQueue()
        self._answer.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(
        self, work: Callable[[], Any], done: Callable[[Any], object] = lambda _: None,
        failed: Callable[[Failure], object] = lambda _: None,
    ) -> None:  # fmt: skip
        """Do `work` on the worker's thread, then call `done` with its result, or `failed`, on this one."""
        self._errands.put(_Errand(work, done, failed))

    def close(self, seconds: float = 0.5) -> bool:
        """End the thread when all it was given is done, and drop the answers; whether it ended within `seconds`.

        May be called again to wait longer.
        """
        self.end()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def end(self) -> None:
        """The same without waiting for it."""
        if self._open:
            self._open = False
            self._errands.put(None)

    def _serve(self) -> None:
        while (errand := self._errands.get()) is not None:
            try:
                result = errand.work()
            except ArdError as error:
                self._tell(errand.failed, Failure(str(error), "", error))
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                self._tell(errand.failed, Failure(text, traceback.format_exc(), error))
            else:
                self._tell(errand.done, result)

    def _tell(self, listener: Callable[[Any], object], value: Any) -> None:
        if self._open:
            self._answer.emit(listener, value)

    def _deliver(self, listener: Callable[[Any], object], value: Any) -> None:
        if self._open:
            listener(value)
