"""The real server as a child process, spoken to line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

Message = dict[str, Any]
SECONDS = 60


class Served:
    """A started server; `ask` sends, `until` reads on until a message fits."""

    def __init__(self, study: Path, environment: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "backend.serve", str(study)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self.lines: list[bytes] = []
        self._messages: Queue[Message | None] = Queue()
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_log)]
        self.log = b""
        for thread in self._threads:
            thread.start()
        self._count = 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._messages.put(json.loads(line))
        self._messages.put(None)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        self.log = self.process.stderr.read()

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def ask(self, do: str, **fields: Any) -> int:
        self._count += 1
        self.send(json.dumps({"id": self._count, "do": do, **fields}).encode())
        return self._count

    def until(self, fits: Callable[[Message], bool]) -> Message:
        """The next message that fits; others before it are passed over."""
        while True:
            try:
                message = self._messages.get(timeout=SECONDS)
            except Empty:
                raise AssertionError(f"no such message in {SECONDS} s; so far: {self.lines}") from None
            assert message is not None, "the server has ended"
            if fits(message):
                return message

    def end_of(self, id_: int | None) -> Message:
        """The last message about a request."""
        return self.until(lambda m: m["id"] == id_ and m["type"] in ("answer", "error", "dropped"))

    def answer(self, do: str, **fields: Any) -> Any:
        """Ask, and the result of the answer."""
        found = self.end_of(self.ask(do, **fields))
        assert found["type"] == "answer", found
        return found["result"]

    def error(self, do: str, **fields: Any) -> Message:
        found = self.end_of(self.ask(do, **fields))
        assert found["type"] == "error", found
        return found

    def close(self) -> int:
        """Close its stdin and wait for its end; returns its exit status."""
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            status = self.process.wait(SECONDS)
        finally:
            self.process.kill()
            for thread in self._threads:
                thread.join()
            for stream in (self.process.stdout, self.process.stderr):
                assert stream is not None
                stream.close()
        return status
