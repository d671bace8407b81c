"""Makes a map in a process of its own: `ard map … --events` (Rules 1 and 2)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

KILL_AFTER_MS = 3000


class MapMaker(QObject):
    """One run at a time.

    Signals
    -------
    progressed(str, float)
        What is being done, and the share that is done.
    made()
        The study names a new map.
    failed(str)
    stopped()
    """

    progressed = Signal(str, float)
    made = Signal()
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._rest = b""
        self._said = ""
        self._stopping = False

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, study: Path, sae_id: str, directions: str) -> None:
        """Begin; does nothing while a run is going on."""
        if self.running:
            return
        self._rest, self._said, self._stopping = b"", "", False
        process = self._process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._broken)
        words = ["map", str(study), "--sae", sae_id, "--directions", directions, "--events"]
        process.start(sys.executable, ["-P", "-m", "backend.cli.main", *words])

    def stop(self) -> None:
        """Ask the run to stop at its next safe point, and end it if it does not."""
        if self._process is not None:
            self._stopping = True
            self._process.terminate()
            QTimer.singleShot(KILL_AFTER_MS, self._process, self._process.kill)

    def close(self) -> None:
        """End the run at once and wait for that; nothing is lost but its work."""
        process, self._process = self._process, None
        if process is not None:
            process.disconnect(self)
            process.kill()
            process.waitForFinished(KILL_AFTER_MS)

    def _read(self) -> None:
        assert self._process is not None
        *lines, self._rest = (self._rest + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                self._notice(event)

    def _notice(self, event: dict[str, Any]) -> None:
        if event.get("type") == "progress" and event.get("total"):
            self.progressed.emit(str(event.get("unit", "")), float(event["done"]) / float(event["total"]))
        elif event.get("type") == "failed":
            self._said = " ".join(str(event.get(name) or "") for name in ("text", "todo")).strip()

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        process, self._process = self._process, None
        assert process is not None
        errors = bytes(process.readAllStandardError().data()).decode(errors="replace").strip().splitlines()
        process.deleteLater()
        if self._stopping:
            self.stopped.emit()
        elif code == 0 and status == QProcess.ExitStatus.NormalExit:
            self.made.emit()
        else:
            last = errors[-1].removeprefix("ard: ") if errors else f"the map's process ended with status {code}"
            self.failed.emit(self._said or last)

    def _broken(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            process, self._process = self._process, None
            self.failed.emit(f"the map's process could not be started: {process.errorString()}")
            process.deleteLater()
