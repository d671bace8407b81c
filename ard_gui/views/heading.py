"""A label whose letters are larger than the rest, at every text size."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from ard_gui.theme import points


class Heading(QLabel):
    """Plain text, bold and `factor` times as large as the application's font, which it follows."""

    def __init__(self, text: str = "", factor: float = 1.4) -> None:
        super().__init__(text)
        self._factor = factor
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.theme_changed()

    def theme_changed(self) -> None:
        """The text size may be another."""
        font = points(self._factor)
        font.setBold(True)
        self.setFont(font)
