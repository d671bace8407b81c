"""Puts requests into the open study's queue and starts the process that works it off (design §2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.worker import Failure, Worker
from backend.study.folder import Study


class RunQueue(QObject):
    """Every change happens on the worker's thread; the window never waits for the disk.

    Signals
    -------
    added(str)
        Id of a request that is now in the queue.
    done()
        What was asked for has been written down.
    refused(str)
        Why something could not be.
    """

    added = Signal(str)
    done = Signal()
    refused = Signal(str)

    def __init__(self, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = worker
        self._study: Study | None = None

    def open(self, study: Study) -> None:
        """From now on requests are this study's."""
        self._study = study

    def leave(self) -> None:
        """No study is open; what runs goes on."""
        self._study = None

    def start(self, command: str, arguments: Sequence[str] = (), after: Sequence[str] = ()) -> None:
        """Queue `ard COMMAND STUDY ARGUMENTS…` and see that the queue is worked off."""
        self.start_all([(command, tuple(arguments))], after)

    def start_again(self, command: str, arguments: Sequence[str] = ()) -> None:
        """Queue a command that is to read the settings as they are now, also beside one that runs already."""

        def work(study: Study) -> list[str]:
            from backend.study.launch import steps

            split = steps(command, arguments)
            if len(split) > 1:
                return [one.id for one in _queue().add_all(study, split)]
            return [_queue().add_again(study, command, arguments).id]

        self._do(work, self._tell_added)

    def start_all(self, commands: Sequence[tuple[str, Sequence[str]]], after: Sequence[str] = ()) -> None:
        """Queue several commands, each after the one before it: all of them or none."""

        def work(study: Study) -> list[str]:
            from backend.study.launch import steps

            split = [step for command, arguments in commands for step in steps(command, arguments)]
            return [one.id for one in _queue().add_all(study, split, after)]

        self._do(work, self._tell_added)

    def pause(self, id_: str) -> None:
        self._do(lambda study: _queue().pause(study, id_))

    def resume(self, id_: str) -> None:
        self._do(lambda study: _queue().resume(study, id_))

    def retry(self, id_: str) -> None:
        self._do(lambda study: _queue().retry(study, id_))

    def cancel(self, id_: str) -> None:
        self._do(lambda study: _queue().cancel(study, id_))

    def dismiss(self, id_: str) -> None:
        self._do(lambda study: _queue().dismiss(study, id_), runs=False)

    def move(self, id_: str, by: int) -> None:
        self._do(lambda study: _queue().move(study, id_, by), runs=False)

    def work_off(self) -> None:
        """Start the supervisor, e.g. after it was killed; does nothing where one works already."""
        self._do(lambda study: None)

    def _do(
        self, work: Callable[[Study], Any], told: Callable[[Any], object] = lambda _: None, *, runs: bool = True
    ) -> None:
        study = self._study
        if study is None:
            self.refused.emit("no study is open")
            return

        def errand() -> Any:
            from backend.study.launch import start_supervisor

            result = work(study)
            if runs:
                start_supervisor(study.root)
            return result

        def finished(result: Any) -> None:
            told(result)
            self.done.emit()

        self._worker.run(errand, finished, self._refuse)

    def _tell_added(self, ids: list[str]) -> None:
        for one in ids:
            self.added.emit(one)

    def _refuse(self, failure: Failure) -> None:
        self.refused.emit(failure.text)


def _queue() -> Any:
    """The module, imported on the worker's thread when it is first needed: a window starts without it."""
    from backend.study import queue

    return queue
