"""Which model a study is about: the built-in one, a folder, or a name on a model hub; and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QColor, QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QWidget,
)

from ard_gui.services.command_answer import CommandAnswer
from ard_gui.session import Session
from ard_gui.state.model_words import found_words, problem_words
from ard_gui.theme import colours
from ard_gui.views.paths import FolderField
from backend.resources import BUILTIN_MODEL, resource

TYPED_MS = 400
"""So long nobody has typed when the model is looked at."""
NOTHING = "Say which model."
LOOKING = "Looking at the model …"


class ModelPart(QWidget):
    """Asks for a model and says what it is; `close` ends the process that looks.

    Signals
    -------
    changed()
        Another model is named, or something else is known of it.

    Attributes
    ----------
    inspection : dict or None
        What `ard inspect-model` says of `model`; None while nobody knows.
    looking : bool
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.inspection: dict[str, Any] | None = None
        self.looking = False
        self.builtin, self.local, self.hub = (
            QRadioButton("&Built-in model"), QRadioButton("F&older"), QRadioButton("&Name on a model hub"),
        )  # fmt: skip
        self.folder = FolderField("Folder of the model", "with config.json and the weights")
        self.name = QLineEdit()
        self.found, self.problems, self.again = QLabel(), QLabel(), QPushButton("&Look again")
        self._asked = ""
        self._answer = CommandAnswer(self)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._build()
        self._connect(session)
        self.set_model(str(resource(BUILTIN_MODEL)))

    @property
    def model(self) -> str:
        """Path of the folder, or the id on a hub; "" where nothing is named yet."""
        if self.builtin.isChecked():
            return str(resource(BUILTIN_MODEL))
        if self.local.isChecked():
            # a relative path could be taken for a name on a hub
            text = self.folder.text()
            return str(Path(text).expanduser().absolute()) if text else ""
        return self.name.text().strip()

    def set_model(self, model: str) -> None:
        """Name a model; a path is taken for a folder."""
        if model == str(resource(BUILTIN_MODEL)):
            self.builtin.setChecked(True)
        elif Path(model).is_absolute() or model.startswith((".", "~")):
            self.folder.line.setText(model)
            self.local.setChecked(True)
        else:
            self.name.setText(model)
            self.hub.setChecked(True)
        self._named()
        self._look()

    def _build(self) -> None:
        self.name.setAccessibleName("Name of the model on a model hub")
        self.name.setPlaceholderText("for example openai/whisper-tiny")
        self.builtin.setToolTip("A small model that answers questions about sound; it comes with ARD.")
        kinds = QButtonGroup(self)
        for button in (self.builtin, self.local, self.hub):
            kinds.addButton(button)
        for label, name in ((self.found, "What the model is"), (self.problems, "Problems of the model")):
            label.setAccessibleName(name)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.builtin, 0, 0, 1, 2)
        for row, (button, field) in enumerate(((self.local, self.folder), (self.hub, self.name)), start=1):
            layout.addWidget(button, row, 0)
            layout.addWidget(field, row, 1)
        layout.addWidget(self.found, 3, 0, 1, 2)
        layout.addWidget(self.problems, 4, 0, 1, 2)
        layout.addWidget(self.again, 5, 0, 1, 2, Qt.AlignmentFlag.AlignLeft)
        layout.setColumnStretch(1, 1)
        self.setFocusProxy(self.builtin)
        self.theme_changed()

    def _connect(self, session: Session) -> None:
        # what is written in a field is meant
        self.folder.line.textEdited.connect(lambda _: self._mean(self.local))
        self.name.textEdited.connect(lambda _: self._mean(self.hub))
        self.folder.line.textChanged.connect(lambda _: self._named())
        self.name.textChanged.connect(lambda _: self._named())
        for button in (self.builtin, self.local, self.hub):
            button.toggled.connect(lambda on: self._named() if on else None)
        self.again.clicked.connect(lambda _=False: self._look())
        self._typed.timeout.connect(self._look)
        self._answer.answered.connect(self._answered)
        self._answer.failed.connect(self._failed)
        session.closing.connect(self._end)

    def _mean(self, button: QRadioButton) -> None:
        if not button.isChecked():
            button.setChecked(True)

    def _named(self) -> None:
        """Perhaps another model is named: what was known is of the one before."""
        if self.model == self._asked:
            return
        self._asked, self.inspection, self.looking = self.model, None, False
        self._answer.stop()
        self._typed.start()
        self._say("" if self.model else NOTHING, "")
        self.changed.emit()

    def _look(self) -> None:
        self._typed.stop()
        self._asked = self.model
        if not self.model:
            return
        self.inspection, self.looking = None, True
        self._say(LOOKING, "")
        # the tilde is the person's, a word that begins with a dash would be an option
        self._answer.ask(["inspect-model", "--json", "--", self.model])

    def _answered(self, inspection: dict[str, Any]) -> None:
        self.inspection, self.looking = inspection, False
        self._say(found_words(inspection), problem_words(inspection["problems"]))
        self.changed.emit()

    def _failed(self, text: str) -> None:
        self.looking = False
        self._say("", f"{text[:1].upper()}{text[1:]}")
        self.changed.emit()

    def _say(self, found: str, problems: str) -> None:
        for label, text in ((self.found, found), (self.problems, problems)):
            label.setText(text)
            label.setVisible(bool(text))
        self.again.setVisible(bool(problems))

    def theme_changed(self) -> None:
        """The colours may be others."""
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().warning))
        self.problems.setPalette(palette)

    def _end(self) -> None:
        self._typed.stop()
        self._answer.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self._end()
        super().closeEvent(event)
