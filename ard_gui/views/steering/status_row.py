"""What the model is doing for the panel, how long it took, and what to do when it is gone."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.steering import GONE
from ard_gui.session import Session
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel

BUTTONS = (("steering.run", "Ask"), ("steering.stop", "Stop"), ("steering.save", "Save"))
ENGINE_TEXT = {
    "off": "The model is not loaded yet; it is with the first question.",
    "starting": "The model server starts.",
    "ready": "The model is ready.",
    "working": "The model works.",
}


class StatusRow(QWidget):
    """Buttons to ask, stop and save, a line of state, and what went wrong."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._answers = session.answers
        self.buttons = {id_: _button(actions, id_, text) for id_, text in BUTTONS}
        self.again = _button(actions, "steering.restart", "Start again")
        self.state, self.trouble = ElidedLabel(), QLabel()
        self._build()
        session.answers.state_changed.connect(self.refresh)
        session.answers.changed.connect(lambda _: self.refresh())
        self.refresh()

    def _build(self) -> None:
        self.state.setAccessibleName("State of the model")
        self.trouble.setAccessibleName("What went wrong")
        self.trouble.setWordWrap(True)
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.trouble.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        row, below = QHBoxLayout(), QHBoxLayout()
        for button in self.buttons.values():
            row.addWidget(button)
        row.addStretch(1)
        below.addWidget(self.trouble, 1)
        below.addWidget(self.again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.state)
        layout.addLayout(below)
        self.theme_changed()

    def theme_changed(self) -> None:
        """Colours of its own."""
        palette = self.trouble.palette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().warning))
        self.trouble.setPalette(palette)
        self.state.set_colour(colours().muted)

    def refresh(self) -> None:
        """Show the state as it is."""
        answers = self._answers
        gone = answers.engine.startswith(GONE)
        self.state.setText(told(answers.doing, answers.engine, answers.first_ms, answers.whole_ms, busy=answers.busy))
        self.state.set_tip(ENGINE_TEXT.get(answers.engine, answers.engine))
        trouble = [answers.problem] if answers.problem else []
        if gone and not answers.problem:
            trouble.append(f"The model server is gone: {answers.engine.removeprefix(GONE)}. Everything is kept.")
        if answers.restarted and not gone:
            trouble.append(f"The model server ended ({answers.restarted}) and was started again.")
        trouble += [one[:1].upper() + one[1:] + "." for one in answers.warnings]
        self.trouble.setText("\n".join(trouble))
        self.trouble.setVisible(bool(trouble))
        self.again.setVisible(gone)
        self.buttons["steering.stop"].setEnabled(answers.busy)


def told(doing: str, engine: str, first_ms: float, whole_ms: float, *, busy: bool) -> str:
    """The line of state."""
    if doing:
        return doing[:1].upper() + doing[1:] + (" …" if busy else ".")
    if math.isnan(first_ms):
        return ENGINE_TEXT.get(engine, "")
    if not first_ms:
        return "From memory."
    whole = "" if math.isnan(whole_ms) else f", all answers after {_time(whole_ms)}"
    return f"First token after {_time(first_ms)}{whole}."


def _time(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _button(actions: Actions, id_: str, text: str) -> QPushButton:
    found = QPushButton(text)
    key = actions.shortcut_text(id_)
    tip = actions.entries[id_].tip
    found.setToolTip(f"{tip} ({key})" if key else tip)
    found.setAccessibleName(actions.entries[id_].text.replace("&", ""))
    found.setAutoDefault(False)
    found.clicked.connect(lambda _=False: actions[id_].trigger())
    return found
