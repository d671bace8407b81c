"""The model server's process, with the two threads that talk to it; nothing here waits in the window's thread."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

Message = dict[str, Any]
SECONDS_TO_LEAVE = 5.0
"""After stdin closed; the server itself gives a running request three."""
SECONDS_TO_OBEY = 2.0
"""After it was told to terminate."""
LAST_LINES = 3


class ModelProcess:
    """One `python -P -m backend.serve STUDY`, from its start to its end.

    Parameters
    ----------
    heard : function
        Called with every message, on a thread of this object.
    ended : function
        Called once with the reason, when the process is gone for whatever reason.

    Attributes
    ----------
    pid : int
        0 until it has started.
    """

    def __init__(self, study: Path, heard: Callable[[Message], None], ended: Callable[[str], None]) -> None:
        self.pid = 0
        self._study, self._heard, self._ended = study, heard, ended
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        # a daemon: an interpreter that ends without `close` takes the pipe with it, and the server follows
        self._reader = threading.Thread(target=self._run, name="model-server", daemon=True)
        self._closer: threading.Thread | None = None
        self._reader.start()

    def send(self, message: Message) -> None:
        """Write one message soon."""
        self._lines.put(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Let the process end: close its stdin, then terminate it, then kill it; returns at once."""
        self._lines.put(None)
        # no daemon: the interpreter waits for it, so that a server that hangs is killed all the same
        self._closer = threading.Thread(target=self._reader.join, name="model-server-closer")
        self._closer.start()

    def wait(self, seconds: float) -> bool:
        """Whether process and threads are gone, after at most `seconds`."""
        self._reader.join(seconds)
        if self._closer is not None and not self._reader.is_alive():
            self._closer.join(seconds)
        return not self._reader.is_alive()

    def _run(self) -> None:
        with tempfile.TemporaryFile() as log:
            try:
                process = self._start(log)
            except OSError as error:
                self._ended(f"the model server cannot be started: {error}")
                return
            self.pid = process.pid
            writer = threading.Thread(target=self._write, args=(process,), name="model-server-writer", daemon=True)
            writer.start()
            complaint = self._read(process)
            self._lines.put(None)
            writer.join()
            status = process.wait()
            assert process.stdout is not None
            process.stdout.close()
            self._ended(complaint or _reason(status, log))

    def _start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "backend.serve", str(self._study)]
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, creationflags=flags,
            start_new_session=True,  # Ctrl-C in the terminal is for the window, which then closes the server
        )  # fmt: skip

    def _read(self, process: subprocess.Popen[bytes]) -> str:
        """Hand on every message until there are no more; returns why the server could not open the study, if so."""
        assert process.stdout is not None
        complaint = ""
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                message: Message = json.loads(line)
                if message["type"] == "error" and message["id"] is None:
                    complaint = " ".join(filter(None, (f"{message['what']}.", message.get("todo"))))
                self._heard(message)
        return complaint

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        """Write what is to be sent until the end is asked for; then see that the process ends."""
        assert process.stdin is not None
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(line)
                process.stdin.flush()
        with contextlib.suppress(OSError):
            process.stdin.close()
        for seconds, stop in ((SECONDS_TO_LEAVE, process.terminate), (SECONDS_TO_OBEY, process.kill)):
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                stop()


def _reason(status: int, log: IO[bytes]) -> str:
    """How the process ended, with the last that it said."""
    if status == 0:
        return "it ended"
    if status < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-status).name
            hint = ", perhaps because memory ran out" if name == "SIGKILL" else ""
            return f"it was stopped by {name}{hint}"
    log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    said = " / ".join(lines[-LAST_LINES:])
    return f"it ended with status {status}" + (f": {said}" if said else "")
