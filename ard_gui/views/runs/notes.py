"""What has to be said above the list of runs, each with the button that helps."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ard_gui.state.run_words import IDLE
from ard_gui.state.runs import RunsShown
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel

READ_ONLY = "This study cannot be written to: it can be looked at, and not computed with. Copy it to run anything."
NAMED = 3
LINES = 3


class RunNotes(QWidget):
    """One line each for: a read-only study, a queue that nobody works off, damaged requests, stale results."""

    def __init__(self, start: Callable[[], object], update: Callable[[], object]) -> None:
        super().__init__()
        self.read_only, self.idle = Note(), Note("Start", start)
        self.problems, self.stale = Note(), Note("Bring up to date", update)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for note in (self.read_only, self.idle, self.problems, self.stale):
            layout.addWidget(note)

    def show_state(self, shown: RunsShown) -> None:
        """Say what holds now."""
        self.read_only.say("" if shown.writable else READ_ONLY)
        self.idle.say(IDLE if shown.waits and shown.writable else "")
        self.problems.say("\n".join(shown.problems[:NAMED]), bad=True)
        quiet = not shown.writable or shown.active is not None or any(one.request for one in shown.rows)
        self.stale.say("" if quiet else stale_words(shown.stale), "\n".join(shown.stale))
        self.setVisible(any(not one.isHidden() for one in (self.read_only, self.idle, self.problems, self.stale)))


def stale_words(stale: tuple[str, ...]) -> str:
    """Which results are stale; "" for none."""
    if not stale:
        return ""
    more = f" and {len(stale) - NAMED} more" if len(stale) > NAMED else ""
    many = "1 result was" if len(stale) == 1 else f"{len(stale)} results were"
    return f"{many} made from other settings or inputs: {', '.join(stale[:NAMED])}{more}."


class Note(QWidget):
    """A text of a few lines, and a button where one helps."""

    def __init__(self, button: str = "", do: Callable[[], object] | None = None) -> None:
        super().__init__()
        self.text = ElidedLabel(lines=LINES)
        self.text.setAccessibleName("Note on the queue")
        self._bad = False
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, 1)
        if do is not None:
            self.button = QPushButton(button)
            self.button.setAutoDefault(False)
            self.button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            self.button.clicked.connect(lambda _=False: do())
            layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def say(self, text: str, more: str = "", *, bad: bool = False) -> None:
        """Show a text; "" shows nothing."""
        if text != self.text.text() or bad != self._bad:
            self._bad = bad
            self.text.setText(text)
            self.theme_changed()
        self.text.set_tip(more)
        self.setVisible(bool(text))

    def theme_changed(self) -> None:
        """Colour of its own."""
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().bad if self._bad else colours().warning))
        self.text.setPalette(palette)
