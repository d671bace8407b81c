"""Choose a named list by typing, or make a new one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.views.plain_text import tip
from backend.store.notes.records import NamedList

KEY = Qt.ItemDataRole.UserRole


class ListChooser(QDialog):
    """Typing narrows the lists; Enter takes the chosen one, or makes one of the typed name.

    Signals
    -------
    chosen(key: str)
        An existing list.
    named(name: str)
        A list that is to be made.
    """

    chosen = Signal(str)
    named = Signal(str)

    def __init__(self, parent: QWidget, lists: Sequence[NamedList]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add to list")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(400, 320)
        self._lists = lists
        self.entry = QLineEdit()
        self.entry.setPlaceholderText("Name of a list, new or not")
        self.entry.setAccessibleName("Name of a list")
        self.found = QListWidget()
        self.found.setAccessibleName("Lists")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self._take = buttons.button(QDialogButtonBox.StandardButton.Ok)
        layout = QVBoxLayout(self)
        layout.addWidget(self.entry)
        layout.addWidget(self.found, 1)
        layout.addWidget(buttons)
        self.entry.textChanged.connect(self._narrow)
        self.entry.installEventFilter(self)
        self.found.itemActivated.connect(lambda _: self.accept())
        self.accepted.connect(self._tell)
        self._narrow("")
        self.entry.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Arrows move in the lists while the cursor stays in the field."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step:
                row = self.found.currentRow() + step
                self.found.setCurrentRow(min(max(row, 0), self.found.count() - 1))
                return True
        return super().eventFilter(watched, event)

    def _narrow(self, text: str) -> None:
        typed = text.strip()
        self.found.clear()
        for one in self._lists:
            if typed.casefold() in one.name.casefold():
                item = QListWidgetItem(f"{one.name}  ({one.entries})")
                item.setData(KEY, one.key)
                item.setToolTip(tip(one.description))
                self.found.addItem(item)
        if typed and all(one.name != typed for one in self._lists):
            item = QListWidgetItem(f"New list “{typed}”")
            item.setData(KEY, "")
            self.found.addItem(item)
        self.found.setCurrentRow(0)
        self._take.setEnabled(self.found.count() > 0)

    def _tell(self) -> None:
        if not self.found.selectedItems():
            return
        key = str(self.found.currentItem().data(KEY))
        if key:
            self.chosen.emit(key)
        else:
            self.named.emit(self.entry.text().strip())
