"""Every command with its shortcuts, as the table of actions has them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ard_gui.actions import Actions

PLACES = {"window": "anywhere", "browse": "in the table and the clips"}
TITLES = ("Command", "Keys", "Where the keys work", "")


class ShortcutSheet(QDialog):
    """A list to read and to search; made anew each time, so that it is never out of date."""

    def __init__(self, window: QWidget, actions: Actions) -> None:
        super().__init__(window)
        self.setWindowTitle("Shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(900, window.width()), min(720, window.height()))
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search commands and keys")
        self.field.setAccessibleName("Search commands and keys")
        self.field.setClearButtonEnabled(True)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Commands and their shortcuts")
        self.tree.setHeaderLabels(TITLES)
        self.tree.setAlternatingRowColors(True)
        self.tree.setUniformRowHeights(True)
        self._fill(actions)
        self.field.textChanged.connect(self._search)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        for widget in (self.field, self.tree, buttons):
            layout.addWidget(widget)
        self.field.setFocus()

    def _fill(self, actions: Actions) -> None:
        groups: dict[str, QTreeWidgetItem] = {}
        for id_, entry in actions.entries.items():
            if not actions.is_bound(id_):
                continue
            if entry.menu not in groups:
                groups[entry.menu] = QTreeWidgetItem(self.tree, [entry.menu.replace("&", "")])
                groups[entry.menu].setFirstColumnSpanned(True)
                font = groups[entry.menu].font(0)
                font.setBold(True)
                groups[entry.menu].setFont(0, font)
            keys = actions.all_shortcuts(id_)
            text = entry.text.replace("&", "")
            row = QTreeWidgetItem(groups[entry.menu], [text, keys, PLACES[entry.place] if keys else "", entry.tip])
            for column in range(4):
                row.setToolTip(column, row.text(column))
        self._groups = list(groups.values())
        self.tree.expandAll()
        for column in range(3):
            self.tree.resizeColumnToContents(column)

    def _search(self, typed: str) -> None:
        wanted = typed.casefold().split()
        for group in self._groups:
            rows = [group.child(place) for place in range(group.childCount())]
            for row in rows:
                told = " ".join(row.text(column) for column in range(4)).casefold()
                row.setHidden(not all(word in told for word in wanted))
            group.setHidden(all(row.isHidden() for row in rows))
