"""Where a clip is heard, told at the pace of the screen and only while that changes."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

FRAME_MS, LINGER_FRAMES = 16, 30


class Heard(Protocol):
    """Whose place is told: the clip's row (−1 for none), whether it plays, and the second that is heard now."""

    @property
    def row(self) -> int: ...

    @property
    def playing(self) -> bool: ...

    def position(self) -> float: ...


class Playhead(QObject):
    """One playhead: where it goes to another clip, the first clip is told that it is heard no more.

    Signals
    -------
    moved(row: int, seconds: float or None)
    """

    moved = Signal(int, object)

    def __init__(self, heard: Heard, parent: QObject) -> None:
        super().__init__(parent)
        self._heard = heard
        self._row = -1
        self._seconds: float | None = None
        self._lingering = 0
        self._frame = QTimer(self)
        self._frame.setInterval(FRAME_MS)
        self._frame.setTimerType(Qt.TimerType.PreciseTimer)
        self._frame.timeout.connect(self._next_frame)

    def follow(self) -> None:
        """A clip plays: tell its place every frame until it rests or is hidden."""
        self._lingering = LINGER_FRAMES
        self._frame.start()

    def show(self, row: int, seconds: float) -> None:
        """Tell a place once."""
        self._tell(row, seconds)

    def hide(self) -> None:
        """What was heard is heard no more."""
        self._tell(self._row, None)

    def close(self) -> None:
        """Tell nothing any more."""
        self._frame.stop()

    def _next_frame(self) -> None:
        # a device still plays what it was given before a pause: the playhead comes to rest a little later
        self._lingering -= not self._heard.playing
        if self._lingering < 0 or self._heard.row < 0 or (not self._heard.playing and self._seconds is None):
            self._frame.stop()
        else:
            self._tell(self._heard.row, self._heard.position())

    def _tell(self, row: int, seconds: float | None) -> None:
        if row < 0 or (row, seconds) == (self._row, self._seconds):
            return
        before, was_shown = self._row, self._seconds is not None
        self._row, self._seconds = row, seconds
        if was_shown and before != row:
            self.moved.emit(before, None)
        self.moved.emit(row, seconds)
