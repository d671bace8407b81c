"""Tells the desktop that a long run has ended: whoever started it may be at something else."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QStyle, QSystemTrayIcon, QWidget

from ard_gui.state.run_words import span
from ard_gui.state.runs import RunShown

LONG_SECONDS = 60.0
SHOWN_MS = 20_000
TOLD = {"finished": "has finished", "failed": "has failed", "killed": "was killed"}
"""Ends that are told; whoever paused or cancelled a run knows of it."""


class RunNews(QObject):
    """Uses the system's notifications where there are any, else `say` and a mark on the window.

    Parameters
    ----------
    window : QWidget
    say : function of a text
        Shows it in the window.
    show : function of a run's id
        Called when the notification is clicked.
    """

    def __init__(self, window: QWidget, say: Callable[[str, str], object], show: Callable[[str], object]) -> None:
        super().__init__(window)
        self._window, self._say, self._show = window, say, show
        self._icon: QSystemTrayIcon | None = None
        self._run = ""
        self._hiding = QTimer(self)
        self._hiding.setSingleShot(True)
        self._hiding.setInterval(SHOWN_MS)
        self._hiding.timeout.connect(self._hide)

    def tell(self, run: RunShown, study: str) -> bool:
        """Tell of the end of a run, if it was long and is one that is told; whether it was."""
        if run.seconds <= LONG_SECONDS or run.state not in TOLD:
            return False
        text = news(run, study)
        self._run = run.id
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            self._notify(text, failed=run.state != "finished")
        else:
            self._say(text, run.id)
            QApplication.alert(self._window)
        return True

    def _notify(self, text: str, *, failed: bool) -> None:
        if self._icon is None:
            picture = self._window.style().standardIcon(QStyle.StandardPixmap.SP_ComputerIcon)
            self._icon = QSystemTrayIcon(
                QApplication.windowIcon() if not QApplication.windowIcon().isNull() else picture
            )
            self._icon.setParent(self)
            self._icon.messageClicked.connect(self._clicked)
            self._icon.activated.connect(lambda _: self._clicked())
        self._icon.show()
        kind = QSystemTrayIcon.MessageIcon.Warning if failed else QSystemTrayIcon.MessageIcon.Information
        self._icon.showMessage("ARD", text, kind, SHOWN_MS)
        self._hiding.start()

    def _clicked(self) -> None:
        self._window.raise_()
        self._window.activateWindow()
        self._show(self._run)
        self._hide()

    def _hide(self) -> None:
        if self._icon is not None:
            self._icon.hide()


def news(run: RunShown, study: str) -> str:
    """The end of a run in a sentence."""
    words = run.command.split(" ")
    why = f": {' '.join(run.text.split())}" if run.text and run.state != "finished" else ""
    return f"{study}: ard {words[1]} {TOLD[run.state]} after {span(run.seconds)}{why}"
