"""The player's line to the listener: which output is open, opening another, noticing that it is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from ard_gui.services.playback import portaudio
from ard_gui.services.playback.engine import Engine
from ard_gui.services.playback.outputs import SILENT, Output, silent_output
from ard_gui.services.playback.portaudio import Device
from ard_gui.services.playback.worker import Worker
from backend.errors import ArdError

Opener = Callable[[str, Engine | None], tuple[Output, Engine]]


@dataclass(frozen=True)
class _Opened:
    output: Output
    engine: Engine
    devices: tuple[Device, ...]
    problem: str


class Line(QObject):
    """Holds the open output and the engine it pulls; opening happens on a thread, the newest wish wins.

    Signals
    -------
    leaving()
        The engine is about to be exchanged.
    opened(fresh: bool)
        An output is there; `fresh` if the engine is a new one.
    listed()
        `devices` is up to date.
    banner(message: str)
    failed(message: str)
    """

    leaving = Signal()
    opened = Signal(bool)
    listed = Signal()
    banner = Signal(str)
    failed = Signal(str)

    def __init__(self, opener: Opener, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.wish = ""
        self.message = ""
        self.output: Output | None = None
        self.engine: Engine | None = None
        self.devices: tuple[Device, ...] = ()
        self._opener = opener
        self._opening = False
        self._newest: Output | None = None
        """Also one that is not announced yet; written by the worker while `_opening`, by the GUI thread otherwise."""
        self._gone: Output | None = None
        self._worker = Worker("sound-opening", self)

    def ensure(self) -> None:
        """Open the wanted output unless one is open or on its way."""
        if self.output is None and not self._opening:
            self.open(self.wish)

    def choose(self, wish: str) -> None:
        """Play through the output of this label from now on; before anything was played nothing is opened for it."""
        if self.output is None and not self._opening:
            self.wish = wish
        else:
            self.open(wish)

    def open(self, wish: str, *, rescan: bool = False) -> None:
        """Open the output of this label instead of the present one, after looking for devices again if `rescan`."""
        self.wish, self._opening = wish, True
        engine = self.engine
        self._worker.ask("open", lambda: self._reopen(wish, engine, rescan), self._arrived, self._refused)

    def watch(self) -> None:
        """If the output has stopped by itself, go on with a silent one."""
        lost = "" if self.output is None or self._opening else self.output.lost()
        if lost and self.output is not None:
            self._gone = self.output
            self._worker.ask("close", self._gone.close, lambda _: None, self.failed.emit)
            self._newest, engine = silent_output(lost, self.engine)
            self._take(self._newest, engine)

    def close(self) -> None:
        """End the thread and the output."""
        self._worker.close()
        for output in (self._gone, self._newest):
            if output is not None:
                output.close()

    def _reopen(self, wish: str, engine: Engine | None, rescan: bool) -> _Opened:
        problem = ""
        devices: tuple[Device, ...] = ()
        if self._newest is not None:
            self._newest.close()
        try:
            if rescan:
                portaudio.rescan()
            devices = tuple(portaudio.devices("output"))
        except ArdError as error:
            problem = str(error) if rescan else ""
        self._newest, fitting = self._opener(wish, engine)
        return _Opened(self._newest, fitting, devices, problem)

    def _arrived(self, found: _Opened) -> None:
        self.devices = found.devices
        self._take(found.output, found.engine)
        self.listed.emit()
        if found.problem:
            self.failed.emit(found.problem)

    def _refused(self, message: str) -> None:
        self._newest, engine = silent_output(message, self.engine)
        self._take(self._newest, engine)

    def _take(self, output: Output, engine: Engine) -> None:
        self._opening = False
        fresh = engine is not self.engine
        if fresh:
            self.leaving.emit()
        self.output, self.engine = output, engine
        silent = output.is_silent and self.wish != SILENT
        self.message = f"Playing silently, no sound device: {output.reason}" if silent else ""
        self.banner.emit(self.message)
        self.opened.emit(fresh)
