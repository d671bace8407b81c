"""Change the study.toml of the open study and run what follows from it: the change is shown before it is made."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.command_answer import CommandAnswer
from ard_gui.services.draft_estimate import DraftEstimate
from ard_gui.services.worker import Failure
from ard_gui.session import Session
from ard_gui.state.form_rules import rule_problems
from ard_gui.state.study_edit import StudyEdit
from ard_gui.views.command_line import CommandLine
from ard_gui.views.estimate_panel import EstimatePanel
from ard_gui.views.heading import Heading
from ard_gui.views.plain_text import tip
from ard_gui.views.sentence import Sentence

SIZE = (1060, 740)
PANEL_LETTERS, DIFF_LINES = 38, 8
READ_AGAIN = (
    "study.toml was changed by another program since it was read, and nothing was written. It has been read again, "
    "and your wishes are laid over what it says now. Look at the change below, then press again."
)


class Part(Protocol):
    """What one kind of change asks for.

    Attributes
    ----------
    title, told : str
        Heading, and a sentence about what comes of it.
    command : str
        The stage that is run then, or "run" for all of them.
    """

    title: str
    told: str
    command: str

    def offer(self, choices: Mapping[str, Any]) -> None: ...

    def problems(self) -> dict[str, str]: ...

    def show_problems(self, problems: Mapping[str, str]) -> None: ...

    def widget(self) -> QWidget: ...

    def close_part(self) -> None: ...


class ChangeDialog(QDialog):
    """Nothing is written before a button is pressed; a file that somebody changed meanwhile is never written over."""

    def __init__(self, window: QWidget, session: Session, edit: StudyEdit, part: Part) -> None:
        super().__init__(window)
        self.setWindowTitle(part.title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(SIZE[0], window.width()), min(SIZE[1], window.height()))
        self._session, self.edit, self.part = session, edit, part
        self._root = edit.path.parent
        self._open, self._writing = True, False
        self._choices: Mapping[str, Any] = {}
        self._estimated = ""
        self.diff = QPlainTextEdit()
        self.command = CommandLine("Command line that runs the same")
        self.panel = EstimatePanel(DraftEstimate(session.worker, self._root, self))
        self.note = Sentence(kind="bad", name="What came of it")
        self.only, self.run = QPushButton("Change study.toml &only"), QPushButton("Change and &run")
        self._answer = CommandAnswer(self)
        self._answer.answered.connect(self._offer)
        self._answer.failed.connect(lambda text: self.note.tell(f"What can be chosen could not be listed: {text}"))
        self._build()
        edit.changed.connect(self._follow)
        for ending in (session.study_closing, session.closing):
            ending.connect(self.close)
        self._answer.ask(["choices", "--json"])
        self._follow()
        part.widget().setFocus()

    def _build(self) -> None:
        self.diff.setReadOnly(True)
        self.diff.setTabChangesFocus(True)
        self.diff.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.diff.setAccessibleName("What changes in study.toml")
        self.diff.setPlaceholderText("Nothing changes in study.toml yet.")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self.part.widget())
        left = QVBoxLayout()
        left.addWidget(Heading(self.part.title.rstrip(" …"), 1.15))
        left.addWidget(Sentence(self.part.told, "muted"))
        left.addWidget(area, 1)
        middle = QHBoxLayout()
        middle.addLayout(left, 1)
        middle.addWidget(self.panel)
        layout = QVBoxLayout(self)
        layout.addLayout(middle, 1)
        told = QLabel("What chan&ges in study.toml; then the command is run:")
        told.setWordWrap(True)
        told.setBuddy(self.diff)
        layout.addWidget(told)
        layout.addWidget(self.diff)
        layout.addWidget(self.command)
        layout.addWidget(self.note)
        layout.addLayout(self._buttons())
        self.theme_changed()

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.only.clicked.connect(lambda: self._write(run=False))
        self.run.clicked.connect(lambda: self._write(run=True))
        for button in (cancel, self.only, self.run):
            button.setAutoDefault(False)
            row.addWidget(button)
        return row

    def theme_changed(self) -> None:
        """The text size may be another."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.font().pointSizeF())
        self.diff.setFont(font)
        self.diff.setFixedHeight(self.diff.fontMetrics().height() * DIFF_LINES)
        self.panel.setFixedWidth(min(self.fontMetrics().averageCharWidth() * PANEL_LETTERS, self.width() * 3 // 10))

    def problems(self) -> dict[str, str]:
        """Why the change cannot be made."""
        found = self.edit.problems()
        return found or rule_problems(self.edit.settings(), {}, self._choices) | self.part.problems()

    def _offer(self, choices: dict[str, Any]) -> None:
        self._choices = choices
        self.part.offer(choices)
        self._follow()

    def _follow(self) -> None:
        problems = self.problems()
        self.part.show_problems(problems)
        diff = "" if problems else self.edit.diff()
        if diff != self.diff.toPlainText():
            self.diff.setPlainText(diff)
        self.command.tell(shlex.join(["ard", self.part.command, str(self._root)]))
        ready = bool(diff) and not self._writing and not self.edit.locked
        for button in (self.only, self.run):
            button.setEnabled(ready)
            button.setToolTip(tip(*problems.values()) if problems else "" if diff else "Nothing changes yet.")
        if self.edit.locked:
            self.note.tell(self.edit.locked, "bad")
        text = "" if not diff else self.edit.text()
        if text != self._estimated:
            self._estimated = text
            self.panel.draft((lambda: text) if text else None)

    def _write(self, *, run: bool) -> None:
        edit, self._writing = self.edit, True
        self._follow()
        self._session.worker.run(edit.write, lambda _: self._written(run=run), self._not_written)

    def _written(self, *, run: bool) -> None:
        self._writing = False
        if run:
            self._session.run_queue.start_again(self.part.command)
        else:
            self._session.notices.info(f"{self.edit.path} was changed")
        if self._open:
            self.close()

    def _not_written(self, failure: Failure) -> None:
        """Somebody else may have been first: read again, keep the wishes, and let the person look."""
        edit = self.edit

        def again(changed: bool) -> None:
            self._writing = False
            if self._open:
                self.note.tell(READ_AGAIN if changed else failure.text, "bad")
                edit.changed.emit()

        def unreadable(second: Failure) -> None:
            self._writing = False
            if self._open:
                self.note.tell(second.text, "bad")
                self._follow()

        self._session.worker.run(edit.read_if_changed, again, unreadable)

    def done(self, result: int) -> None:
        """Every way to close ends here."""
        self._open = False
        self._answer.close()
        self.panel.close_estimate()
        self.part.close_part()
        super().done(result)
