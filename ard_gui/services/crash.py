"""What goes wrong is told, written down, and found at the next start.

An exception in a slot or thread becomes a notice and the window lives on; one that ends the program, and a fault in
native code, leave a report in ``<user data>/crashes``; and a marker that a dead process left behind lets the next
window offer to go on where it was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

from ard_gui.services.versions import versions
from ard_gui.state.notices import Notices
from backend.study.atomic import write_text
from backend.study.liveness import Holder, this_process
from backend.study.user_data import user_data

LAST_ACTIONS = 40
KEPT_REPORTS = 20


@dataclass(frozen=True)
class Place:
    """Where a person was: what a restored session shows."""

    study: str = ""
    ranking: str = ""
    feature: int = -1
    query: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Crash:
    """A session that ended without closing.

    Attributes
    ----------
    place : Place
    report : Path
        What is known of its end.
    """

    place: Place
    report: Path


def folder() -> Path:
    """Where markers and reports lie."""
    return user_data() / "crashes"


class CrashGuard(QObject):
    """Watches one process from `begin` to `end`. There is one per process, made on the GUI thread."""

    _heard = Signal(str, str, str)

    def __init__(self, notices: Notices) -> None:
        super().__init__()
        self._notices = notices
        self._actions: deque[str] = deque(maxlen=LAST_ACTIONS)
        self._place = Place()
        self._writing = threading.Lock()
        self._native: IO[str] | None = None
        self._before: tuple[Any, Any] = (sys.excepthook, threading.excepthook)
        self._ended = False
        # Queued, so that a message of any thread, and one from inside a paint event, is told when that is safe.
        self._heard.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    @property
    def marker(self) -> Path:
        return folder() / f"running-{os.getpid()}.json"

    def begin(self) -> None:
        """From now on nothing is lost in silence."""
        sys.excepthook = self._exception
        threading.excepthook = self._thread_exception
        qInstallMessageHandler(self._qt_message)
        try:
            folder().mkdir(parents=True, exist_ok=True)
            self._native = open(self.marker.with_suffix(".fault"), "w", encoding="utf-8")  # noqa: SIM115
            faulthandler.enable(self._native)
            self.write()
        except OSError as error:
            self._notices.warning(f"a crash could not be reported: {error}")

    def end(self) -> None:
        """The window was closed as it should be; what comes now is told to nobody."""
        self._ended = True
        sys.excepthook, threading.excepthook = self._before
        qInstallMessageHandler(None)
        if self._native is not None:
            faulthandler.disable()
            self._native.close()
        # where user data cannot be written there is nothing to remove either
        with self._writing, suppress(OSError):
            self.marker.unlink(missing_ok=True)
            self.marker.with_suffix(".fault").unlink(missing_ok=True)

    def did(self, action: str) -> None:
        """Remember an action for the report."""
        self._actions.append(f"{datetime.now():%H:%M:%S} {action}")

    def at(self, place: Place) -> None:
        """Remember where the person is; `write` keeps it."""
        self._place = place

    def write(self) -> None:
        """Write the marker; not on the GUI thread but at the start. OSError if that cannot be done."""
        found = {
            **asdict(this_process()),
            "versions": versions(), "actions": list(self._actions), "place": asdict(self._place),
        }  # fmt: skip
        with self._writing:
            write_text(self.marker, json.dumps(found, ensure_ascii=False))

    def report(self, error: BaseException) -> Path:
        """Write down an exception that ends the program."""
        text = "".join(traceback.format_exception(error))
        return _write_report(asdict(self._place), list(self._actions), versions(), text)

    def _exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(details)
        self._heard.emit("error", f"Something went wrong: {kind.__name__}: {error}", self._with_actions(details))

    def _thread_exception(self, found: threading.ExceptHookArgs) -> None:
        if found.exc_value is not None:
            self._exception(found.exc_type, found.exc_value, found.exc_traceback)

    def _qt_message(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        if kind == QtMsgType.QtFatalMsg:
            _write_report(asdict(self._place), list(self._actions), versions(), f"Qt ended the program: {text}")
        elif kind == QtMsgType.QtCriticalMsg:
            self._heard.emit("warning", f"Qt: {text}", _where(context))
        elif kind == QtMsgType.QtWarningMsg:
            self._heard.emit("info", f"Qt: {text}", _where(context))

    def _with_actions(self, details: str) -> str:
        return f"{details}\nlast actions:\n" + "\n".join(self._actions)

    def _tell(self, level: str, text: str, details: str) -> None:
        if not self._ended:
            self._notices.add(level, text, details)  # type: ignore[arg-type]


def find_crashes() -> list[Crash]:
    """Sessions that ended without closing, the newest first; their markers become reports. Not on the GUI thread."""
    found = []
    for marker in sorted(folder().glob("running-*.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        crash = _crash_of(marker)
        if crash is not None:
            found.append(crash)
    _forget_old()
    return found


def _crash_of(marker: Path) -> Crash | None:
    fault = marker.with_suffix(".fault")
    try:
        told = json.loads(marker.read_text(encoding="utf-8"))
        writer = Holder.read(told)
        if writer is not None and writer.alive is not False:
            return None
        place = _place(told["place"])
        text = fault.read_text(encoding="utf-8", errors="replace") if fault.exists() else ""
        report = _write_report(
            told["place"], told["actions"], told["versions"], text or "The program was ended from outside."
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        # Not even the marker can be read: there is nothing to restore and nothing to say.
        place, report = Place(), None
    marker.unlink(missing_ok=True)
    fault.unlink(missing_ok=True)
    return None if report is None else Crash(place, report)


def _place(found: dict[str, Any]) -> Place:
    place = Place(str(found["study"]), str(found["ranking"]), int(found["feature"]), dict(found["query"]))
    return place


def _write_report(place: dict[str, Any], actions: list[str], told_versions: str, text: str) -> Path:
    path = folder() / f"crash-{datetime.now():%Y%m%d-%H%M%S-%f}.txt"
    parts = (
        "ARD ended unexpectedly.", f"found {datetime.now():%Y-%m-%d %H:%M:%S}", told_versions,
        "\n".join(f"{name}: {value}" for name, value in place.items()),
        "last actions:\n" + "\n".join(actions), text,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _where(context: QMessageLogContext) -> str:
    return f"{context.category or ''} {context.file or ''}:{context.line or 0}" if context.file else ""


def _forget_old() -> None:
    for path in sorted(folder().glob("crash-*.txt"))[:-KEPT_REPORTS]:
        path.unlink(missing_ok=True)
