"""The window's side of the model server (docs/model-server.md): ask, and be told by signals."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from ard_gui.services.model_process import Message, ModelProcess
from backend.errors import ArdError


class ModelServer(QObject):
    """Starts the server when it is first asked, and again after it was lost. For the window's thread.

    Signals
    -------
    answered(id: int, do: str, result: dict)
    part_answered(id: int, do: str, result: dict)
        Part of an answer that is not complete.
    progressed(id: int, text: str, fraction: float)
        What is being done; the fraction is −1 where it is unknown.
    failed(id: int, do: str, message: str)
    dropped(id: int, do: str)
        Overtaken by a newer request of its kind, or cancelled.
    state_changed(state: str)
        "off", "starting", "ready", "working", or "gone: " and the reason.
    """

    answered = Signal(int, str, dict)
    part_answered = Signal(int, str, dict)
    progressed = Signal(int, str, float)
    failed = Signal(int, str, str)
    dropped = Signal(int, str)
    state_changed = Signal(str)
    _heard = Signal(int, object)
    _ended = Signal(int, str)

    def __init__(self, study: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.study = study
        self.state = "off"
        self._process: ModelProcess | None = None
        self._last: ModelProcess | None = None
        self._starts = 0
        self._pending: dict[int, str] = {}
        self._count = 0
        self._closed = False
        # the process's threads emit; everything is kept account of in the window's thread
        self._heard.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._lost, Qt.ConnectionType.QueuedConnection)

    @property
    def pid(self) -> int:
        """Of the process; 0 where there is none."""
        return 0 if self._process is None else self._process.pid

    def ask(self, do: str, **fields: Any) -> int:
        """Send a request and return its id, which comes back with every signal about it."""
        self._count += 1
        if self._closed:
            self.failed.emit(self._count, do, "the model server has been closed")
            return self._count
        starts = self._process is None
        process = self._process or self._start()
        self._pending[self._count] = do
        process.send({"id": self._count, "do": do, **fields})
        self._enter("starting" if starts or self.state == "starting" else "working")
        return self._count

    def cancel(self, id_: int) -> None:
        """Drop a request that is no longer wanted; nothing happens if it has been answered."""
        if self._process is not None and id_ in self._pending:
            self._process.send({"id": None, "do": "cancel", "of": id_})

    def close(self) -> None:
        """End the server without waiting for it; no signal comes any more."""
        self._closed = True
        self._pending.clear()
        if self._process is not None:
            self._process.close()
        self._process = None

    def wait_gone(self, seconds: float) -> bool:
        """Whether the process and its threads are gone, after at most `seconds`; for the end of a program."""
        return self._last is None or self._last.wait(seconds)

    def _start(self) -> ModelProcess:
        self._starts += 1
        start = self._starts

        def heard(message: Message) -> None:
            self._tell(self._heard, start, message)

        def ended(reason: str) -> None:
            self._tell(self._ended, start, reason)

        self._process = self._last = ModelProcess(self.study, heard, ended)
        return self._process

    def _tell(self, signal: Any, start: int, what: Any) -> None:
        """Hand something from a thread of the process to the window's thread."""
        if not self._closed:
            with contextlib.suppress(RuntimeError):  # the window was destroyed without closing the server
                signal.emit(start, what)

    def _take(self, start: int, message: Message) -> None:
        if self._process is None or start != self._starts:
            return
        type_, id_ = message["type"], message["id"]
        if type_ == "ready":
            self._enter("working" if self._pending else "ready")
        do = self._pending.get(id_, "") if isinstance(id_, int) else ""
        if not do:
            return
        if type_ == "progress":
            fraction = message["fraction"]
            self.progressed.emit(id_, message["text"], -1.0 if fraction is None else fraction)
        elif type_ == "part":
            self.part_answered.emit(id_, do, message["result"])
        else:
            self._finish(id_, do, type_, message)

    def _finish(self, id_: int, do: str, type_: str, message: Message) -> None:
        """The last message about a request."""
        del self._pending[id_]
        if not self._pending:
            self._enter("ready")
        if type_ == "answer":
            self.answered.emit(id_, do, message["result"])
        elif type_ == "dropped":
            self.dropped.emit(id_, do)
        else:
            self.failed.emit(id_, do, str(ArdError(message["what"], path=message["path"], todo=message["todo"])))

    def _lost(self, start: int, reason: str) -> None:
        if self._process is None or start != self._starts:
            return
        self._process = None
        pending, self._pending = self._pending, {}
        self._enter(f"gone: {reason}")
        for id_, do in pending.items():
            self.failed.emit(id_, do, f"the model server is gone: {reason}. It starts again when it is next asked.")

    def _enter(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
