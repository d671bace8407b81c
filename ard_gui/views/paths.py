"""Fields and dialogs for folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


def ask_for_folder(parent: QWidget, title: str, chosen: Callable[[Path], object], start: str = "") -> QFileDialog:
    """Let the person choose a folder that exists; returns at once, `chosen` is called with the folder."""
    dialog = QFileDialog(parent, title, start)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(lambda path: chosen(Path(path)))
    dialog.open()
    return dialog


class FolderField(QWidget):
    """A line for a path with a button that asks for it."""

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self._name = name
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.line.setPlaceholderText(hint)
        self.button = QPushButton("Choose …")
        self.button.setAccessibleName(f"Choose: {name}")
        self.button.clicked.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)
        self.setFocusProxy(self.line)

    def text(self) -> str:
        return self.line.text().strip()

    def _ask(self) -> None:
        ask_for_folder(self, self._name, lambda path: self.line.setText(str(path)), self.text())
