"""A thread for work that would make the window wait; the newest request of a kind is the one that is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from backend.errors import ArdError

Work = Callable[[], Any]
Answer = Callable[[Any], None]
Refusal = Callable[[str], None]


class Worker(QObject):
    """Runs work on its own thread and answers on the thread it was made on.

    A request that is overtaken by one of its kind before it is answered is not answered.
    """

    _over = Signal(object, object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._requests: dict[str, tuple[Work, Answer, Refusal]] = {}
        self._newest: dict[str, object] = {}
        self._change = threading.Condition()
        self._open = True
        self._over.connect(self._answer, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def ask(self, kind: str, work: Work, answer: Answer, refusal: Refusal) -> None:
        """Run `work` soon; then `answer(result)`, or `refusal(message)` if it failed."""
        with self._change:
            request = (work, answer, refusal)
            self._requests.pop(kind, None)
            self._requests[kind] = request
            self._newest[kind] = request
            self._change.notify()

    def forget(self, kind: str) -> None:
        """Answer no request of this kind any more."""
        with self._change:
            self._requests.pop(kind, None)
            self._newest.pop(kind, None)

    def close(self) -> None:
        """Finish what is running and end the thread; nothing is answered any more."""
        with self._change:
            self._open = False
            self._requests.clear()
            self._newest.clear()
            self._change.notify()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._requests or not self._open)
                if not self._open:
                    return
                kind = next(iter(self._requests))
                request = self._requests.pop(kind)
            work, answer, refusal = request
            try:
                result = work()
            except ArdError as error:
                self._over.emit((kind, request), refusal, str(error))
            except Exception as error:
                # a fault of ours or of a driver: the window lives on and says what it was
                self._over.emit((kind, request), refusal, f"Sound failed: {type(error).__name__}: {error}")
            else:
                self._over.emit((kind, request), answer, result)

    @Slot(object, object, object)
    def _answer(self, asked: tuple[str, object], answer: Callable[[Any], None], result: Any) -> None:
        kind, request = asked
        with self._change:
            wanted = self._newest.get(kind) is request
            if wanted:
                del self._newest[kind]
        if wanted:
            answer(result)
