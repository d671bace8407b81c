"""Tags of one or several features: those there are, and one more by typing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip


class TagEditor(QDialog):
    """Every change counts at once; Delete takes the chosen tag away.

    Signals
    -------
    added(tag: str), removed(tag: str)
    """

    added = Signal(str)
    removed = Signal(str)

    def __init__(self, parent: QWidget, features: Sequence[int], tags: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(parent)
        whose = f"feature {features[0]}" if len(features) == 1 else f"{len(features)} features"
        self.setWindowTitle(f"Tags of {whose}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(360, 300)
        self.entry = QLineEdit()
        self.entry.setPlaceholderText("Type a tag and press Enter")
        self.entry.setAccessibleName("New tag")
        completer = QCompleter(list(known), self.entry)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.entry.setCompleter(completer)
        self.entry.returnPressed.connect(self._add)
        self.tags = QListWidget()
        self.tags.setAccessibleName(f"Tags of {whose}")
        self.tags.addItems(list(tags))
        self.tags.itemActivated.connect(self._remove)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        # Enter belongs to the field
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.entry)
        layout.addWidget(QLabel("Enter on a tag takes it away:"))
        layout.addWidget(self.tags, 1)
        layout.addWidget(buttons)
        self.entry.setFocus()

    def _add(self) -> None:
        tag = self.entry.text().strip()
        self.entry.clear()
        if tag and not self.tags.findItems(tag, Qt.MatchFlag.MatchExactly):
            self.tags.addItem(tag)
            self.added.emit(tag)

    def _remove(self, item: QListWidgetItem) -> None:
        self.tags.takeItem(self.tags.row(item))
        self.removed.emit(item.text())
