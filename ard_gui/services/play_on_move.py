"""When what is moved to is played by itself: once the person stays, never because the window opened a page."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.state.preferences import Preferences

AFTER_MS = 120
"""Longer than keys repeat (some 90 ms on the slowest usual setting): a held arrow plays only where it is let go."""


class PlayOnMove(QObject):
    """Signals.

    due()
        Play the current clip now.
    """

    due = Signal()

    def __init__(self, preferences: Preferences, parent: QObject) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._quiet = True
        self._wait = self._timer(lambda: self._next.start())
        # after a page that took long, the keys that came meanwhile are heard before anything is played
        self._next = self._timer(self.due.emit)
        self._settled = self._timer(self._end_quiet)

    def _timer(self, slot: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(0)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer

    def opened(self) -> None:
        """Another study or SAE: its first page is not the person's choice."""
        self.forget()
        self._settled.stop()
        self._quiet = True

    def page_shown(self) -> None:
        """What follows from showing the page still belongs to it; then moves are the person's."""
        if self._quiet:
            self._settled.start()

    def moved(self) -> None:
        """Another clip is the current one."""
        if self._preferences.values.autoplay and not self._quiet:
            self._next.stop()
            self._wait.start(AFTER_MS)

    def soon(self) -> None:
        """The person has asked for it: as soon as the page has chosen its current clip."""
        self._next.start()

    def forget(self) -> None:
        """Whatever was about to play does not."""
        self._wait.stop()
        self._next.stop()

    def close(self) -> None:
        """Say nothing any more."""
        self.forget()
        self._settled.stop()

    def _end_quiet(self) -> None:
        self._quiet = False
