"""Exports from the window: the writers of the command line, on a thread of their own, with progress and stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag

from PySide6.QtCore import QObject, Signal

from ard_gui.services.worker import Failure, Worker
from backend.errors import Stopped
from backend.export.own_work import OwnWork
from backend.export.records import Export, Record, features_for_export
from backend.export.writers import export_folder, export_to
from backend.study.folder import Study


@dataclass(frozen=True)
class ExportRequest:
    """What is written, and where.

    Attributes
    ----------
    rows : tuple of int
        Features in the order wanted.
    own : OwnWork
        What the person noted.
    kind : str
        One of `backend.export.writers.FORMATS`; "folder" for the HTML report as a folder.
    path : Path
        File, or for "wav" and "folder" a new folder.
    clips : int
        Clips of each list.
    sound : bool
        html: with sounds and pictures.
    least : bool
        wav: the least representative clips too.
    roots : mapping
        Where folders named in the study lie on this machine.
    """

    study: Study
    sae_id: str
    rows: tuple[int, ...]
    own: OwnWork
    kind: str
    path: Path
    clips: int = 4
    sound: bool = True
    least: bool = False
    roots: Mapping[str, str] = field(default_factory=dict)


def write(request: ExportRequest, progress: Callable[[int], None], stopped: Callable[[], bool]) -> int:
    """Write it whole or not at all; the number of features.

    Raises Stopped as soon as `stopped` says so, and ArdError as the writers do.
    """
    export = features_for_export(
        request.study, request.sae_id, clips=request.clips, rows=request.rows, own=request.own
    )  # fmt: skip
    if export.source is not None:
        export.source.table.roots = [request.roots.get(root, root) for root in export.source.table.roots]
    watched = replace(export, records=lambda: _watched(export, progress, stopped))
    if request.kind == "folder":
        export_folder(watched, request.path, sound=request.sound)
    else:
        export_to(watched, request.kind, request.path, sound=request.sound, least=request.least)
    return len(export.rows)


def _watched(export: Export, progress: Callable[[int], None], stopped: Callable[[], bool]) -> Iterator[Record]:
    for done, record in enumerate(export.records()):
        if stopped():
            raise Stopped("the export was stopped; nothing was written")
        progress(done)
        yield record


class Exporter(QObject):
    """Runs one export after the other.

    Signals
    -------
    progressed(done: int, total: int)
    finished(path: str, features: int)
    failed(text: str, details: str)
    stopped()
    """

    progressed = Signal(int, int)
    finished = Signal(str, int)
    failed = Signal(str, str)
    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._worker: Worker | None = None
        self._stop = Flag()

    def start(self, request: ExportRequest) -> None:
        """Write `request` after what is being written."""
        if self._worker is None:
            self._worker = Worker("export")
        self._stop.clear()
        total = len(request.rows)
        self._worker.run(
            lambda: write(request, lambda done: self.progressed.emit(done, total), self._stop.is_set),
            lambda features: self.finished.emit(str(request.path), features),
            self._failure,
        )

    def stop(self) -> None:
        """Stop at the next feature; nothing of the file is left."""
        self._stop.set()

    def close(self) -> None:
        """Stop at the next feature and end the thread then; the window does not wait for it."""
        self._stop.set()
        if self._worker is not None:
            self._worker.end()

    def _failure(self, failure: Failure) -> None:
        if isinstance(failure.error, Stopped):
            self.stopped.emit()
        else:
            self.failed.emit(failure.text, failure.details)
