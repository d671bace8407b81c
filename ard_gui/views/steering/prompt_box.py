"""What the model is asked about the sound: a field, what was asked before, and questions to begin with."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPlainTextEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ard_gui.services.model_kind import NAME, ModelKind
from ard_gui.session import Session
from ard_gui.state.steering import LONGEST_PROMPT
from ard_gui.views.plain_text import tip

LINES = 2
SHOWN = 60
MOST_NAMES = 4
KIND_TEXT = {
    "question": "Ask the model about the sound. Enter asks, Shift+Enter begins a new line.",
    "transcript": "Whisper transcribes: text here is taken to come before the sound. It may stay empty.",
    "representation": "This model answers nothing: it is shown how far its inner state moves.",
}


class PromptField(QPlainTextEdit):
    """A few lines. Signals: entered() on Enter; left() when the keyboard goes elsewhere."""

    entered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setAccessibleName("Prompt")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.theme_changed()

    def theme_changed(self) -> None:
        """As high as its lines."""
        margins = 2 * round(self.document().documentMargin()) + 2 * self.frameWidth() + 4
        self.setFixedHeight(self.fontMetrics().lineSpacing() * LINES + margins)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.entered.emit()
        else:
            super().keyPressEvent(event)


class PromptBox(QWidget):
    """The session's prompt.

    Signals
    -------
    entered()
        The person wants an answer.
    """

    entered = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._state = session, session.steering
        self.field, self.more, self.note = PromptField(), QToolButton(), QLabel()
        self.menu = QMenu(self)
        self.presets: tuple[tuple[str, str], ...] = ()
        self.kind: ModelKind = "question"
        self._build()
        self.field.textChanged.connect(self._edited)
        self.field.entered.connect(self.entered)
        self.menu.aboutToShow.connect(self._fill)
        session.steering.changed.connect(self._changed)
        self._changed("all")

    def _build(self) -> None:
        self.more.setText("Prompts")
        self.more.setAccessibleName("Prompts asked before, and questions to begin with")
        self.more.setToolTip("Prompts asked before, and questions to begin with")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self.menu)
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout()
        row.addWidget(self.field, 1)
        row.addWidget(self.more, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.note)

    def show_kind(self, kind: ModelKind, presets: tuple[tuple[str, str], ...]) -> None:
        """What the model does with a prompt, and prompts to begin with: (title, text)."""
        self.kind, self.presets = kind, presets
        takes = kind != "representation"
        self.field.setEnabled(takes)
        self.more.setEnabled(takes)
        self.field.setPlaceholderText(KIND_TEXT[kind] if takes else "")
        self.field.setToolTip(tip(KIND_TEXT[kind]))
        self._note()

    def _note(self) -> None:
        count = len(self._state.now.prompt)
        told = KIND_TEXT[self.kind] if self.kind == "representation" else ""
        if count > LONGEST_PROMPT:
            told = f"The prompt has {count:,} characters; at most {LONGEST_PROMPT:,} can be asked."
        self.note.setText(told)
        self.note.setVisible(bool(told))

    def _edited(self) -> None:
        # while it is typed nothing is asked: Enter asks
        with self._session.answers.held():
            self._state.set_prompt(self.field.toPlainText())
        self._note()

    def _changed(self, part: str) -> None:
        if part in ("prompt", "all") and self.field.toPlainText() != self._state.now.prompt:
            with QSignalBlocker(self.field):
                self.field.setPlainText(self._state.now.prompt)
        self._note()

    def _fill(self) -> None:
        self.menu.clear()
        for heading, found in (
            ("Asked before", [(one, one) for one in self._state.prompts]),
            ("To begin with", self._filled()),
        ):
            if found:
                self.menu.addSection(heading)
            for title, text in found:
                shown = " ".join(title.split())
                cut = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
                action = self.menu.addAction(cut.replace("&", "&&"))
                action.setToolTip(tip(text))
                action.triggered.connect(partial(self._take, text))
        self.menu.setToolTipsVisible(True)

    def _filled(self) -> list[tuple[str, str]]:
        """The prompts to begin with; one that asks for a name stands there once for each name that is steered."""
        session, found = self._session, list[tuple[str, str]]()
        features = [row.feature for row in self._state.now.rows if not row.is_set]
        names = [session.notes.feature(k).name or session.automatic_name(k) for k in features]
        names += [row.name for row in self._state.now.rows if row.is_set]
        for heading, text in self.presets:
            if NAME not in text:
                found.append((heading, text))
                continue
            asked = [text.replace(NAME, name) for name in dict.fromkeys(names) if name]
            found += [(one, one) for one in asked[:MOST_NAMES]]
        return found

    def _take(self, text: str, _checked: bool = False) -> None:
        self._state.settle()
        self._state.set_prompt(text)
        self.entered.emit()
