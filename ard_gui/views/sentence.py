"""A sentence in one of the theme's colours: what is wrong, what to mind, what is said beside."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QLabel

from ard_gui.theme import colours

Kind = Literal["plain", "muted", "warning", "bad"]


class Sentence(QLabel):
    """Plain text that wraps, can be selected, and takes no room while there is none."""

    def __init__(self, text: str = "", kind: Kind = "plain", name: str = "") -> None:
        super().__init__()
        self._kind: Kind = kind
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if name:
            self.setAccessibleName(name)
        self.tell(text, kind)

    def tell(self, text: str, kind: Kind | None = None) -> None:
        """Show another sentence; "" hides the label."""
        if text != self.text():
            self.setText(text)
        self.setVisible(bool(text))
        if kind is not None:
            self._kind = kind
        self.theme_changed()

    def theme_changed(self) -> None:
        """The theme may be another."""
        if self._kind != "plain":
            palette = self.palette()
            palette.setColor(QPalette.ColorRole.WindowText, QColor(getattr(colours(), self._kind)))
            self.setPalette(palette)
