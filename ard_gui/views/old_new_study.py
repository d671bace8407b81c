"""Ask for what a study is made from, make it with `ard new`, and open it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.child import Child
from ard_gui.views.paths import FolderField, ask_for_folder

PROFILES = ("default", "ard-paper", "audiosae-paper", "tiny")
INTRODUCTION = (
    "A study is a folder with a commented study.toml. It only names the model and the folders of sound; "
    "nothing is copied. Computing begins with the command that the window shows afterwards."
)


class NewStudy(QDialog):
    """`made` is emitted with the study's folder.

    Parameters
    ----------
    sounds : list of Path
        Folders of sound to begin with.
    """

    made = Signal(object)

    def __init__(self, window: QWidget, sounds: list[Path]) -> None:
        super().__init__(window)
        self.setWindowTitle("New study")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(min(720, window.width()))
        self._child: Child | None = None
        self.folder = FolderField("Folder of the new study", "a new folder")
        self.model = FolderField("Model", "its folder, or its id on a model hub, e.g. openai/whisper-tiny")
        self.sounds = QListWidget()
        self.sounds.setAccessibleName("Folders of sound")
        self.sounds.addItems([str(one) for one in sounds])
        self.layer = QLineEdit()
        self.layer.setAccessibleName("Layer")
        self.layer.setPlaceholderText("encoder.3, decoder.0, last, or several with commas; empty for the profile's")
        self.profile = QComboBox()
        self.profile.setAccessibleName("Profile")
        self.profile.addItems(PROFILES)
        self.note = QLabel()
        self.note.setAccessibleName("What came of it")
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.note.hide()
        self._build()
        self._check()

    def arguments(self) -> list[str]:
        """The words behind `ard`."""
        layers = [one.strip() for one in self.layer.text().split(",") if one.strip()]
        folders = [self.sounds.item(row).text() for row in range(self.sounds.count())]
        words = ["new", self.folder.text(), "--model", self.model.text(), "--profile", self.profile.currentText()]
        words += [word for folder in folders for word in ("--audio", folder)]
        return words + [word for layer in layers for word in ("--layer", layer)]

    def _build(self) -> None:
        told = QLabel(INTRODUCTION)
        told.setWordWrap(True)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("&Folder", self.folder)
        form.addRow("&Model", self.model)
        form.addRow("&Sounds", self._sound_rows())
        form.addRow("&Layer", self.layer)
        form.addRow("&Profile", self.profile)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.make = buttons.addButton("Make the study", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._make)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(told)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(buttons)
        for line in (self.folder.line, self.model.line):
            line.textChanged.connect(lambda _: self._check())
        self.folder.setFocus()

    def _sound_rows(self) -> QWidget:
        add, remove = QPushButton("&Add …"), QPushButton("&Remove")
        add.setAccessibleName("Add a folder of sound")
        remove.setAccessibleName("Remove the chosen folder of sound")
        add.clicked.connect(lambda: ask_for_folder(self, "Folder of sound", self._add_sounds))
        remove.clicked.connect(self._remove_sounds)
        self.sounds.setMaximumHeight(5 * self.fontMetrics().height())
        rows = QWidget()
        layout = QHBoxLayout(rows)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.sounds, 1)
        buttons = QVBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        rows.setFocusProxy(self.sounds)
        return rows

    def _add_sounds(self, folder: Path) -> None:
        self.sounds.addItem(str(folder))
        self._check()

    def _remove_sounds(self) -> None:
        self.sounds.takeItem(self.sounds.currentRow())
        self._check()

    def _check(self) -> None:
        missing = [
            name
            for name, there in (
                ("a folder", self.folder.text()), ("a model", self.model.text()),
                ("a folder of sound", self.sounds.count()),
            ) if not there
        ]  # fmt: skip
        self.make.setEnabled(not missing and self._child is None)
        self.make.setToolTip(f"Still wanted: {', '.join(missing)}." if missing else "")

    def _make(self) -> None:
        self._explain("Making the study …")
        self._child = Child(self.arguments(), self)
        self._child.ended.connect(self._ended)
        self._child.start()
        self._check()

    def _ended(self, code: int, text: str) -> None:
        folder, self._child = self.folder.text(), None
        self._check()
        if code != 0:
            self._explain(text.removeprefix("ard: ") or f"ard new ended with status {code}")
            return
        self.close()
        self.made.emit(Path(folder).expanduser().absolute())

    def _explain(self, text: str) -> None:
        self.note.setText(text)
        self.note.show()

    def done(self, result: int) -> None:
        """Every way to close ends here."""
        if self._child is not None:
            self._child.close()
        super().done(result)
