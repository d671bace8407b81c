"""One question to ARD and its one answer: `ard … --json` in a process of its own (Rules 1 and 2).

For commands that write nothing and print one JSON object, such as `ard choices --json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, QProcess, Signal


class CommandAnswer(QObject):
    """One question at a time: a new one puts an end to the one before, whose answer is never heard.

    Signals
    -------
    answered(dict)
    failed(str)
        What the command said when it could not answer.
    """

    answered = Signal(dict)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None

    @property
    def asking(self) -> bool:
        return self._process is not None

    def ask(self, words: Sequence[str]) -> None:
        """Begin `ard` with these words, `--json` among them; exactly one of the signals follows, unless stopped."""
        self.stop()
        process = self._process = QProcess(self)
        process.setProgram(sys.executable)
        process.setArguments(["-P", "-m", "backend.cli.main", *words])
        process.finished.connect(lambda code, how: self._finished(process, code, how))
        process.errorOccurred.connect(lambda error: self._not_started(process, error))
        process.start()

    def stop(self) -> None:
        """Drop the question; nothing more is heard of it. Its process is killed, and nobody waits for that."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.connect(process.deleteLater)
            process.kill()

    def close(self) -> None:
        """Kill every process that is still there; the object is of no use afterwards."""
        self._process = None
        for process in self.findChildren(QProcess):
            process.blockSignals(True)
            if process.state() != QProcess.ProcessState.NotRunning:
                process.kill()
                process.waitForFinished(1000)

    def _finished(self, process: QProcess, code: int, how: QProcess.ExitStatus) -> None:
        if process is not self._process:
            return
        self._process = None
        process.deleteLater()
        said = _text(process.readAllStandardError().data())
        if code == 0 and how == QProcess.ExitStatus.NormalExit:
            self._take(_text(process.readAllStandardOutput().data()), said)
        else:
            self.failed.emit(_last_sentence(said) or f"its process ended with status {code}")

    def _take(self, printed: str, said: str) -> None:
        try:
            found: Any = json.loads(printed)
        except ValueError:
            found = None
        if isinstance(found, dict):
            self.answered.emit(found)
        else:
            self.failed.emit(_last_sentence(said) or "the command did not print the JSON object that was asked for")

    def _not_started(self, process: QProcess, error: QProcess.ProcessError) -> None:
        if process is self._process and error == QProcess.ProcessError.FailedToStart:
            self._process = None
            process.deleteLater()
            self.failed.emit(process.errorString())


def _text(data: bytes | bytearray | memoryview) -> str:
    return bytes(data).decode("utf-8", errors="replace").strip()


def _last_sentence(said: str) -> str:
    """The error, which a command prints last, after whatever libraries had to say."""
    return said.splitlines()[-1].removeprefix("ard: ") if said else ""
