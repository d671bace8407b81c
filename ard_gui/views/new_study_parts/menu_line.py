"""A line to write into, with a button whose menu writes into it too."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QPushButton, QWidget


class MenuLine(QWidget):
    """Whoever makes one fills its menu when that is about to show.

    Signals
    -------
    edited()
        The person has written something else.
    """

    edited = Signal()

    def __init__(self, name: str, chooses: str, empty: str, told: str) -> None:
        super().__init__()
        self.line, self.button, self.menu = QLineEdit(), QPushButton("Choose"), self.make_menu()
        self.line.setAccessibleName(name)
        self.line.setPlaceholderText(empty)
        self.line.setToolTip(told)
        self.button.setAccessibleName(f"Choose: {chooses}")
        self.button.setMenu(self.menu)
        self.line.textEdited.connect(lambda _: self.edited.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)
        self.setFocusProxy(self.line)

    def make_menu(self) -> QMenu:
        """The menu, still empty."""
        return QMenu(self)
