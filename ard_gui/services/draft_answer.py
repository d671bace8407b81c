"""What a draft of a `study.toml` would come to: asked of a command of ARD a moment after its last change."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.command_answer import CommandAnswer
from ard_gui.services.worker import Failure, Worker

WAIT_MS = 600

Draft = Callable[[], str]
"""Gives the text of a `study.toml`; called on the worker's thread, since making it may look at the disk."""


Words = Callable[[Path], list[str]]
"""The words behind `ard` that ask about a draft's file."""


def status_words(study: Path) -> Words:
    """Which results of a study would be finished, stale or missing under changed settings."""
    return lambda draft: ["status", str(study), "--settings", str(draft), "--json"]


class DraftAnswer(QObject):
    """Only the newest draft is asked about; its file lies in a temporary folder that goes with this object.

    Signals
    -------
    answered(dict)
    failed(str)
    asking(bool)
        Whether an answer is waited for.
    """

    answered = Signal(dict)
    failed = Signal(str)
    asking = Signal(bool)

    def __init__(self, worker: Worker, words: Words, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker, self._words = worker, words
        self._folder: Path | None = None
        self._draft: Draft | None = None
        self._number = 0
        self._open = True
        self._answer = CommandAnswer(self)
        self._answer.answered.connect(self._answered)
        self._answer.failed.connect(self._failed)
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.setInterval(WAIT_MS)
        self._waiting.timeout.connect(lambda: self._write(lambda path: self._answer.ask(self._words(path))))

    def draft(self, draft: Draft | None) -> None:
        """The draft is another one: ask about it soon. None: it cannot be used now, nothing is asked."""
        self.stop()
        self._draft = draft
        if draft is not None and self._open:
            self._waiting.start()

    def stop(self) -> None:
        """Wait for no answer any more."""
        self._number += 1
        self._waiting.stop()
        self._answer.stop()
        self.asking.emit(False)

    def close(self) -> None:
        """End what is asked and remove the draft's folder; the object is of no use afterwards."""
        self._open = False
        self._number += 1
        self._waiting.stop()
        self._answer.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, ask: Callable[[Path], object]) -> None:
        """Write the draft's file, then ask about it, unless there is a newer one by then."""
        self._number += 1
        number, draft = self._number, self._draft
        assert draft is not None
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="ard-draft-"))
        path = self._folder / "study.toml"
        self.asking.emit(True)

        def work() -> None:
            text = draft()
            if self._open:
                path.write_text(text, encoding="utf-8")

        def done(_: Any) -> None:
            if number == self._number:
                ask(path)

        def failed(failure: Failure) -> None:
            if number == self._number:
                self._failed(failure.text)

        self._worker.run(work, done, failed)

    def _answered(self, answer: dict[str, Any]) -> None:
        self.asking.emit(False)
        self.answered.emit(answer)

    def _failed(self, text: str) -> None:
        self.asking.emit(False)
        self.failed.emit(text)
