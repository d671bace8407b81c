"""What a new study's `study.toml` will hold, and the command line that makes the same study; to be read and copied."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from ard_gui.views.command_line import CommandLine


class TomlDialog(QDialog):
    """Read only.

    Parameters
    ----------
    text : str
        The whole file, or why there is none.
    command : str
    """

    def __init__(self, parent: QWidget, text: str, command: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("The study as study.toml")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(820, parent.width()), min(680, parent.height()))
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("study.toml")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.font().pointSizeF())
        self.text.setFont(font)
        self.command = CommandLine("Command line that makes the same study")
        self.command.tell(command)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = buttons.addButton("&Copy text", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text, 1)
        told = QLabel("The same from a terminal:")
        told.setBuddy(self.command)
        layout.addWidget(told)
        layout.addWidget(self.command)
        layout.addWidget(buttons)
