"""A command line that does the same as the window, to be copied."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget


class CommandLine(QWidget):
    """Read only; its button puts all of it on the clipboard."""

    def __init__(self, name: str = "The same as a command line") -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setReadOnly(True)
        self.line.setAccessibleName(name)
        self.copy = QPushButton("Copy command")
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.line.text()))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.copy)
        self.setFocusProxy(self.line)
        self.theme_changed()

    def tell(self, command: str) -> None:
        """Show another one, from its beginning."""
        if command != self.line.text():
            self.line.setText(command)
            self.line.setCursorPosition(0)

    def theme_changed(self) -> None:
        """The text size may be another."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.font().pointSizeF())
        self.line.setFont(font)
