"""Follows the queue, the runs and the events of the open study (design §3)."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal

from ard_gui.state.runs import RunsShown, Wanted
from backend.study.folder import Study

if TYPE_CHECKING:
    from ard_gui.services.run_log import LogReading

EVERY_SECONDS = 0.25
"""Between two looks while something goes on, and between two tellings: four a second at most."""
REST_SECONDS = 1.0
"""Between two looks while nothing does."""
CATCHING_UP_SECONDS = 0.02
"""Between two pieces of a log that is still to be read."""
CURVES_SECONDS = 0.5
AFTER_FAULT_SECONDS = 5.0

Errand = Callable[["LogReading"], object]


class RunWatch(QObject):
    """One thread does all looking and parsing; its signals arrive on the window's thread.

    Signals
    -------
    changed(RunsShown)
        Something the panel shows is another; at most four times a second.
    ended(RunShown)
        A run that went on has ended.
    curves_read(CurvesShown)
        Of the run that is looked at.
    log_read(LogPiece)
        Of the run that is looked at.
    failed(str, str)
        The thread met a fault of ours, which it goes on after; what, and the traceback.

    Attributes
    ----------
    shown : RunsShown
        As told last.
    """

    changed = Signal(object)
    ended = Signal(object)
    curves_read = Signal(object)
    log_read = Signal(object)
    failed = Signal(str, str)
    _arrived = Signal(object, str, object)

    def __init__(self) -> None:
        super().__init__()
        self.shown = RunsShown()
        self._study: Study | None = None
        self._wanted = Wanted()
        self._errands: deque[Errand] = deque()
        self._woken, self._open = False, True
        self._wake = threading.Condition()
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._serve, name="run-watch", daemon=True)
        self._thread.start()

    def open(self, study: Study) -> None:
        """Follow this study and no other."""
        self.shown, self._wanted = RunsShown(), Wanted()
        self._set(study)

    def leave(self) -> None:
        """Follow nothing."""
        self.shown, self._wanted = RunsShown(), Wanted()
        self._set(None)

    def close(self, seconds: float = 0.5) -> bool:
        """End the thread; whether it ended within `seconds` (a dead network drive can hold it)."""
        with self._wake:
            self._open, self._study = False, None
            self._wake.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def want(self, wanted: Wanted) -> None:
        """What somebody looks at from now on."""
        with self._wake:
            if wanted != self._wanted:
                self._wanted, self._woken = wanted, True
                self._wake.notify()

    def look_now(self) -> None:
        """Something has just been asked of the queue."""
        with self._wake:
            self._woken = True
            self._wake.notify()

    def read_log(self, errand: Errand) -> None:
        """Let the thread do something with the log that is looked at; nothing if none is."""
        with self._wake:
            self._errands.append(errand)
            self._wake.notify()

    def searching(self) -> bool:
        """Whether a search that goes on should end, because something newer is wanted; on the thread."""
        return not self._open or bool(self._errands) or self._woken

    def _set(self, study: Study | None) -> None:
        with self._wake:
            self._study = study
            self._errands.clear()
            self._wake.notify()

    def _serve(self) -> None:
        looking: _Telling | None = None
        while True:
            with self._wake:
                seen = None if looking is None else looking.study
                self._wake.wait_for(partial(self._is_new, seen), None if looking is None else looking.pause)
                self._woken = False
                study, wanted, errands = self._study, self._wanted, list(self._errands)
                self._errands.clear()
                is_open = self._open
            if looking is not None and looking.study is not study:
                looking.close()
                looking = None
            if not is_open:
                return
            if study is not None:
                looking = looking or _Telling(study, self._tell)
                self._look(looking, wanted, errands)

    def _look(self, looking: _Telling, wanted: Wanted, errands: list[Errand]) -> None:
        try:
            looking.again(wanted, errands)
        except Exception as error:
            text = f"The runs of this study cannot be followed: {type(error).__name__}: {error}"
            if not looking.faulty:
                self._tell(looking.study, "failed", (text, traceback.format_exc()))
            looking.faulty, looking.pause = True, AFTER_FAULT_SECONDS

    def _is_new(self, seen: Study | None) -> bool:
        return not self._open or self._study is not seen or self._woken or bool(self._errands)

    def _tell(self, study: Study, what: str, value: Any) -> None:
        with self._wake:
            wanted = self._open and self._study is study
        if wanted:
            self._arrived.emit(study, what, value)

    def _deliver(self, study: Study, what: str, value: Any) -> None:
        if study is not self._study:
            return
        if what == "changed":
            self.shown = value
        getattr(self, what).emit(*value if what == "failed" else (value,))


class _Telling:
    """Looks at one study and tells what is new, not too often."""

    def __init__(self, study: Study, tell: Callable[[Study, str, Any], None]) -> None:
        from ard_gui.services.run_look import StudyLook  # a window starts without it

        self.study, self._tell = study, tell
        self._look = StudyLook(study, lambda piece: tell(study, "log_read", piece))
        self._told: RunsShown | None = None
        self._told_at = self._curves_at = 0.0
        self.pause, self.faulty = 0.0, False

    def again(self, wanted: Wanted, errands: list[Errand]) -> None:
        more = self._look.again(wanted)
        for errand in errands:
            if self._look.log is not None:
                errand(self._look.log)
        now = time.monotonic()
        late = 0.0
        if self._look.shown != self._told:
            late = self._told_at + EVERY_SECONDS - now
            if late <= 0:
                self._told, self._told_at = self._look.shown, now
                self._tell(self.study, "changed", self._told)
        for run in self._look.ended:
            self._tell(self.study, "ended", run)
        self._look.ended = []
        curves = self._look.curves
        if curves is not None and now - self._curves_at >= CURVES_SECONDS:
            self._look.curves, self._curves_at = None, now
            self._tell(self.study, "curves_read", curves)
        often = self._look.busy or late > 0 or self._look.curves is not None or wanted.log or wanted.curves
        self.pause = CATCHING_UP_SECONDS if more else EVERY_SECONDS if often else REST_SECONDS

    def close(self) -> None:
        self._look.close()
