"""Looks once a second whether the open study has new results, new runs, or is gone (design §3)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, SignalInstance

from backend.study.folder import Study

EVERY_SECONDS = 1.0
Stamp = tuple[int, int, int]
Stamps = dict[str, Stamp]


class StudyWatch(QObject):
    """A thread that stats the few files which name a study's valid results; it opens none of them.

    Signals
    -------
    results_changed()
        The clip index or a `current.json` is new, another, or gone.
    runs_changed()
        A run began, or its manifest was written.
    vanished(), returned()
        `study.toml` is no longer there; it is there again.
    """

    results_changed = Signal()
    runs_changed = Signal()
    vanished = Signal()
    returned = Signal()

    def __init__(self, every: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._every = every
        self._study: Study | None = None
        self._known: Stamps = {}
        self._wake = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="study-watch", daemon=True)
        self._thread.start()

    def start(self, study: Study, known: Stamps) -> None:
        """Watch `study` and no other; `known` are its `result_stamps` from before the window read it."""
        with self._wake:
            self._study, self._known = study, known
            self._wake.notify()

    def stop(self) -> None:
        """Watch nothing."""
        with self._wake:
            self._study = None

    def close(self, seconds: float = 0.5) -> bool:
        """End the thread; whether it ended within `seconds` (a dead network drive can hold it)."""
        with self._wake:
            self._open, self._study = False, None
            self._wake.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        looking: _Look | None = None
        while True:
            with self._wake:
                seen = None if looking is None else looking.study
                self._wake.wait_for(partial(self._is_new, seen), self._every)
                if not self._open:
                    return
                study, known = self._study, self._known
            if study is None:
                looking = None
                continue
            if looking is None or looking.study is not study:
                looking = _Look(study, known, run_stamps(study))
            for news in looking.again():
                self._tell(study, getattr(self, news))

    def _is_new(self, seen: Study | None) -> bool:
        return not self._open or self._study is not seen

    def _tell(self, study: Study, signal: SignalInstance) -> None:
        with self._wake:
            wanted = self._open and self._study is study
        if wanted:
            signal.emit()


class _Look:
    """What was there at the last look at one study."""

    def __init__(self, study: Study, results: Stamps, runs: Stamps) -> None:
        self.study, self._results, self._runs, self._there = study, results, runs, True

    def again(self) -> Iterator[str]:
        """Names of the signals that tell what is new."""
        there = self.study.toml.exists()
        if there != self._there:
            self._there = there
            yield "returned" if there else "vanished"
        if not there:
            return
        results, runs = result_stamps(self.study), run_stamps(self.study)
        if results != self._results:
            yield "results_changed"
        if runs != self._runs:
            yield "runs_changed"
        self._results, self._runs = results, runs


def result_stamps(study: Study) -> Stamps:
    """Inode, size and time of the files that name the valid results."""
    return _stamps((study.index_manifest, *_inside(study.root / "features", "current.json")))


def run_stamps(study: Study) -> Stamps:
    """The same of the runs' requests and manifests."""
    return _stamps((*_inside(study.runs, "request.json"), *_inside(study.runs, "manifest.json")))


def _inside(folder: Path, name: str) -> list[Path]:
    try:
        return [folder / entry.name / name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return []


def _stamps(paths: tuple[Path, ...]) -> Stamps:
    found: Stamps = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found
