"""The server's two threads: one takes requests in, the other works; only the newest of a kind is answered."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import IO

from backend.errors import ArdError, Stopped
from backend.serve.base import Fields, Request, Talk
from backend.serve.protocol import (
    CANCEL,
    VERSION,
    Asked,
    MisunderstoodError,
    NobodyListensError,
    Replies,
    error_fields,
    parse,
    unforeseen,
)
from backend.serve.resident import Resident

SECONDS_TO_END = 3.0
"""For the request that runs when stdin closes; nothing is being written, so the process may end in the middle of it."""


@dataclass(frozen=True)
class _Task:
    asked: Asked
    request: Request
    talk: Talk


class Server:
    """Answers requests about one study until its input closes.

    Parameters
    ----------
    lines : binary stream
        Requests, one JSON object a line.
    """

    def __init__(self, resident: Resident, lines: IO[bytes], replies: Replies) -> None:
        self._resident, self._lines, self._replies = resident, lines, replies
        self._change = threading.Condition()
        self._waiting: dict[str, _Task] = {}
        self._running: _Task | None = None
        self._open = True
        self._ended = threading.Event()

    def serve(self) -> None:
        """Work until the input closes or nobody reads the answers any more."""
        self._replies.send(None, "", "ready", protocol=VERSION, pid=os.getpid(), study=str(self._resident.study.root))
        threading.Thread(target=self._receive, name="requests", daemon=True).start()
        try:
            while (task := self._next()) is not None:
                self._answer(task)
        except NobodyListensError:
            pass
        finally:
            self._resident.close()
            self._ended.set()

    # the receiving thread

    def _receive(self) -> None:
        try:
            for line in self._lines:
                if line.strip():
                    self._take(line)
        except (OSError, NobodyListensError):
            pass
        with self._change:
            self._open = False
            self._waiting.clear()
            if self._running is not None:
                self._running.talk.stop()
            self._change.notify()
        if not self._ended.wait(SECONDS_TO_END):
            os._exit(0)

    def _take(self, line: bytes) -> None:
        try:
            asked = parse(line)
        except MisunderstoodError as error:
            if error.unexpected:
                traceback.print_exc(file=sys.stderr)
            self._replies.error(error.id, error.do, error.error, unexpected=error.unexpected)
            return
        if asked.do == CANCEL:
            self._replies.send(asked.id, CANCEL, "answer", result={"cancelled": self._cancel(asked)})
        elif asked.request is not None:
            self._enqueue(asked, asked.request)

    def _enqueue(self, asked: Asked, request: Request) -> None:
        def send(type_: str, fields: dict[str, object]) -> None:
            self._replies.send(asked.id, asked.do, type_, **fields)

        with self._change:
            overtaken = self._waiting.pop(asked.do, None)
            self._waiting[asked.do] = _Task(asked, request, Talk(send))
            running = self._running
            if running is not None:
                running.talk.give_way()
                if running.asked.do == asked.do and not running.request.finishes:
                    running.talk.stop()
            self._change.notify()
        if overtaken is not None:
            self._drop(overtaken)

    def _cancel(self, asked: Asked) -> bool:
        """Whether the request was still there to be cancelled."""
        with self._change:
            running = self._running
            if running is not None and running.asked.id == asked.of:
                running.talk.stop()
                return True
            kind = next((do for do, task in self._waiting.items() if task.asked.id == asked.of), None)
            task = self._waiting.pop(kind) if kind is not None else None
        if task is not None:
            self._drop(task)
        return task is not None

    def _drop(self, task: _Task) -> None:
        self._replies.send(task.asked.id, task.asked.do, "dropped")

    # the working thread

    def _next(self) -> _Task | None:
        with self._change:
            self._change.wait_for(lambda: self._waiting or not self._open)
            if not self._open:
                return None
            self._running = self._waiting.pop(next(iter(self._waiting)))
            return self._running

    def _answer(self, task: _Task) -> None:
        """Run one request and send its last message, after which it cannot be cancelled."""
        type_, fields = self._outcome(task)
        with self._change:
            self._running = None
            if task.talk.unwanted:
                type_, fields = "dropped", {}
        self._replies.send(task.asked.id, task.asked.do, type_, **fields)

    def _outcome(self, task: _Task) -> tuple[str, Fields]:
        """Type and fields of the answer; whatever goes wrong becomes an error, and the server lives on."""
        try:
            return "answer", {"result": task.request.run(self._resident, task.talk)}
        except Stopped:
            return "dropped", {}
        except ArdError as error:
            return "error", error_fields(error)
        except NobodyListensError:
            raise
        except (Exception, SystemExit) as error:
            traceback.print_exc(file=sys.stderr)
            if _out_of_memory(error):
                return "error", error_fields(_no_room(error))
            return "error", error_fields(unforeseen(error), unexpected=True)


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:
        return False
    from backend.extract.forward import is_out_of_memory

    return is_out_of_memory(error)


def _no_room(error: BaseException) -> ArdError:
    """Out of memory; gives back to the device what is no longer used."""
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return ArdError(
        f"there is too little memory for this: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        todo='Take a shorter sound, set model.dtype = "bfloat16", or use the CPU or a device with more memory.',
    )
