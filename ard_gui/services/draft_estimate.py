"""What a draft of a study would cost: guessed at once after every change, measured when that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.child import Child
from ard_gui.services.draft_answer import DraftAnswer
from ard_gui.services.worker import Worker


class DraftEstimate(DraftAnswer):
    """`ard estimate` about a draft.

    Parameters
    ----------
    study : Path or None
        The study that the draft changes, whose finished results are not counted; None for a new study.

    Signals
    -------
    progressed(str, float)
        While clips are timed: what is being done, and the share of it that is done.

    Attributes
    ----------
    measuring : bool
        Whether clips are being timed.
    """

    progressed = Signal(str, float)

    def __init__(self, worker: Worker, study: Path | None = None, parent: QObject | None = None) -> None:
        within = [] if study is None else ["--within", str(study)]
        super().__init__(worker, lambda draft: ["estimate", str(draft), *within, "--json"], parent)
        self._within = within
        self._child: Child | None = None
        self._found: dict[str, Any] | None = None
        self._said = ""

    @property
    def measuring(self) -> bool:
        return self._child is not None

    def measure(self) -> None:
        """Ask about the same draft again, with some of its clips timed."""
        if self._draft is not None:
            self.stop()
            self._write(self._begin)

    def stop(self) -> None:
        """Wait for no answer any more; what is being timed ends at its next safe point, unheard."""
        child, self._child = self._child, None
        if child is not None:
            child.blockSignals(True)
            child.stop()
        super().stop()

    def close(self) -> None:
        """End what is asked or timed."""
        for child in self.findChildren(Child):
            child.close()
        self._child = None
        super().close()

    def _begin(self, path: Path) -> None:
        self._found, self._said = None, ""
        child = self._child = Child(["estimate", str(path), *self._within, "--measure", "--events"], self)
        child.heard.connect(self._hear)
        child.ended.connect(self._measured)
        child.start()
        self.asking.emit(True)

    def _hear(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "estimate":
            self._found = event["values"]
        elif kind == "progress" and event.get("total"):
            self.progressed.emit(str(event.get("unit", "")), float(event["done"]) / float(event["total"]))
        elif kind == "failed":
            self._said = " ".join(str(event.get(name) or "") for name in ("text", "todo")).strip()

    def _measured(self, code: int, text: str) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.deleteLater()
        if code == 0 and self._found is not None:
            self._answered(self._found)
        else:
            last = text.splitlines()[-1].removeprefix("ard: ") if text else f"its process ended with status {code}"
            self._failed(self._said or last)
