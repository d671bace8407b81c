"""A command of ARD in a process of its own, watched without waiting (design §2, Rule 2)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

KILL_AFTER_MS = 10_000
LONGEST_TEXT = 20_000


class Child(QObject):
    """`ard …` as a child; its JSON lines are events, its other words are kept for the case that it fails.

    Signals
    -------
    heard(dict)
        One event of `backend.jobs.events`.
    ended(int, str)
        Exit status (−1 if it could not be started or was killed) and what it said on stderr.
    """

    heard = Signal(dict)
    ended = Signal(int, str)

    def __init__(self, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProgram(sys.executable)
        self._process.setArguments(["-P", "-m", "backend.cli.main", *arguments])
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._hear)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)
        self._text, self._rest = "", b""
        self._killing = QTimer(self)
        self._killing.setSingleShot(True)
        self._killing.setInterval(KILL_AFTER_MS)
        self._killing.timeout.connect(self._process.kill)

    @property
    def running(self) -> bool:
        return self._process.state() != QProcess.ProcessState.NotRunning

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        """Ask it to stop at its next safe point; after ten seconds it is killed, which is safe too (Rule 3)."""
        self._process.terminate()
        self._killing.start()

    def close(self) -> None:
        """Kill it and hear nothing more of it."""
        self._process.blockSignals(True)
        if self.running:
            self._process.kill()
            self._process.waitForFinished(1000)

    def _read(self) -> None:
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                self.heard.emit(found)

    def _hear(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", errors="replace")
        self._text = (self._text + text)[-LONGEST_TEXT:]

    def _finished(self, code: int, how: QProcess.ExitStatus) -> None:
        self._killing.stop()
        self._read()
        self._hear()
        self.ended.emit(code if how == QProcess.ExitStatus.NormalExit else -1, self._text.strip())

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(-1, self._process.errorString())
