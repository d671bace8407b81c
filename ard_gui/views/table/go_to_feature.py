"""The small dialog that goes to a feature by its number."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget


class GoToFeature(QDialog):
    """Asks for a number; `go` is called with it and says why it could not, or "".

    Closes only when the feature is shown.
    """

    def __init__(self, features: int, go: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._features, self._go = features, go
        self.setWindowTitle("Go to feature")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.number = QLineEdit()
        self.number.setAccessibleName("Number of the feature")
        self.number.setPlaceholderText(f"0 to {features - 1:,}" if features else "")
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        self.note.setMinimumWidth(26 * self.fontMetrics().horizontalAdvance("m"))
        button = QPushButton("&Go")
        button.setDefault(True)
        button.clicked.connect(self.go)
        row = QHBoxLayout()
        row.addWidget(self.number, 1)
        row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.note)
        if not features:
            self.note.setText("No features are open.")

    def go(self) -> None:
        """Go to the number in the field, or say why not."""
        problem = self._problem()
        self.note.setText(problem)
        if problem:
            self.number.selectAll()
            self.number.setFocus()
        else:
            self.accept()

    def _problem(self) -> str:
        text = self.number.text().strip().lstrip("#").replace(",", "")
        if not self._features:
            return "No features are open."
        if not (text.isascii() and text.isdigit()):
            return "Type the number of a feature."
        if len(text) > 12 or int(text) >= self._features:
            return f"There is no feature {text[:20]}; they go from 0 to {self._features - 1:,}."
        return self._go(int(text))
