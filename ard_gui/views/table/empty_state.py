"""What stands where the rows would be when there are none."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QLabel, QPushButton, QVBoxLayout, QWidget


class EmptyState(QWidget):
    """A sentence and perhaps a button, in the middle of a scroll area's viewport.

    It is no child of the viewport: scrolling would carry it away.
    """

    def __init__(self, area: QAbstractScrollArea) -> None:
        super().__init__(area)
        self._over = area.viewport()
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setWordWrap(True)
        self.button = QPushButton("Clear all filters")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(self.text)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(2)
        self._over.installEventFilter(self)
        self.hide()

    def say(self, text: str, *, clear: bool = False) -> None:
        """Show a sentence, with the button if `clear`; "" shows nothing."""
        self.text.setText(text)
        self.button.setVisible(clear)
        self.setVisible(bool(text))
        self.setGeometry(self._over.geometry())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.geometry())
        return False
