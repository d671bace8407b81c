"""A command of ARD that makes one result in a process of its own: `ard … --events` (Rules 1 and 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.child import Child


class CommandRun(QObject):
    """One run at a time.

    Signals
    -------
    progressed(str, float)
        What is being done, and the share that is done.
    made()
        The result is there.
    failed(str)
    stopped()
    """

    progressed = Signal(str, float)
    made = Signal()
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._child: Child | None = None
        self._said = ""
        self._stopping = False

    @property
    def running(self) -> bool:
        return self._child is not None

    def run(self, words: Sequence[str]) -> None:
        """Begin `ard` with these words and --events; does nothing while a run is going on."""
        if self.running:
            return
        self._said, self._stopping = "", False
        self._child = Child([*words, "--events"], self)
        self._child.heard.connect(self._notice)
        self._child.ended.connect(self._ended)
        self._child.start()

    def stop(self) -> None:
        """Ask the run to stop at its next safe point."""
        if self._child is not None:
            self._stopping = True
            self._child.stop()

    def close(self) -> None:
        """End the run at once; nothing is lost but its work since its last safe point."""
        child, self._child = self._child, None
        if child is not None:
            child.close()
            child.deleteLater()

    def _notice(self, event: dict[str, Any]) -> None:
        if event.get("type") == "progress" and event.get("total"):
            self.progressed.emit(str(event.get("unit", "")), float(event["done"]) / float(event["total"]))
        elif event.get("type") == "failed":
            self._said = " ".join(str(event.get(name) or "") for name in ("text", "todo")).strip()

    def _ended(self, code: int, text: str) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.deleteLater()
        last = text.splitlines()[-1].removeprefix("ard: ") if text else f"its process ended with status {code}"
        if code == 0:
            self.made.emit()
        elif self._stopping:
            self.stopped.emit()
        else:
            self.failed.emit(self._said or last)
