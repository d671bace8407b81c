"""Named lists of features: their order, a note on each entry, and from there to the table or to a file."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.views.plain_text import tip
from ard_gui.views.text_editor import TextEditor
from backend.store.notes.lists import Feature
from backend.store.notes.records import Entry

COLUMNS = ("feature", "name", "note")
NOTE = 2
EMPTY = "No list yet. Mark features in the table and press Shift+L, or make a list with +."
NOTHING = "This list is empty. Mark features in the table and press Shift+L."


class ListsView(QWidget):
    """Shows one named list; its entries may be of any SAE, those of the shown one can be visited."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self._entries: tuple[Entry, ...] = ()
        self._shown: tuple[Feature, ...] = ()
        self._marks: list[Feature] = []
        self._filling = False
        self.choice = QComboBox()
        self.choice.setAccessibleName("List")
        self.table = QTableWidget(0, len(COLUMNS))
        self.note = QLabel()
        self._build()
        session.notes.changed.connect(self._refresh)
        session.ranking_opened.connect(self._refresh)
        self._refresh()

    def key(self) -> str:
        """Key of the shown list; "" for none."""
        return str(self.choice.currentData() or "")

    def marked(self) -> list[Feature]:
        """The marked entries in the list's order."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [(self._entries[row].sae, self._entries[row].feature) for row in rows]

    def shift(self, by: int) -> None:
        """Move the marked entries up (−1) or down (1)."""
        marked = self.marked()
        places = [i for i, one in enumerate(self._entries) if (one.sae, one.feature) in set(marked)]
        if not places or not places[0] + by >= 0 or places[-1] + by >= len(self._entries):
            return
        rest = [(one.sae, one.feature) for one in self._entries if (one.sae, one.feature) not in set(marked)]
        at = places[0] + by
        order, key = [*rest[:at], *marked, *rest[at:]], self.key()
        self._marks = marked
        self._session.notes.write(lambda notes, _: notes.order_list(key, order))

    def remove(self) -> None:
        """Take the marked entries out of the list."""
        marked, key = self.marked(), self.key()
        if marked:
            self._session.notes.write(lambda notes, _: notes.remove_entries(key, marked))

    def _build(self) -> None:
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.setAccessibleName("Features of the list")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        self.table.setAlternatingRowColors(True)
        self.table.setWordWrap(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(NOTE, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(0, 70)
        self.table.cellActivated.connect(lambda row, column: self._activated(row, column))
        self.table.itemChanged.connect(self._edited)
        self.choice.activated.connect(lambda _: self._refresh())
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.addWidget(self.choice, 1)
        for text, name, handler in (
            ("+", "New list", self._new), ("▲", "Move up", lambda: self.shift(-1)),
            ("▼", "Move down", lambda: self.shift(1)), ("−", "Take out of the list", self.remove),
        ):  # fmt: skip
            button = QToolButton()
            button.setText(text)
            button.setToolTip(name)
            button.setAccessibleName(name)
            button.clicked.connect(handler)
            top.addWidget(button)
        top.addWidget(self._menu_button())
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        for keys, act in (
            ("Ctrl+Up", lambda: self.shift(-1)),
            ("Ctrl+Down", lambda: self.shift(1)),
            ("Del", self.remove),
        ):
            QShortcut(QKeySequence(keys), self.table, act, context=Qt.ShortcutContext.WidgetShortcut)

    def _menu_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("…")
        button.setToolTip("More about this list")
        button.setAccessibleName("More about this list")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.addAction("Show only these in the table", self._show_in_table)
        menu.addAction("Rename …", self._rename)
        menu.addAction("Description …", self._describe)
        menu.addAction("Export …", self._export)
        menu.addSeparator()
        menu.addAction("Delete list", self._delete)
        button.setMenu(menu)
        return button

    def _refresh(self) -> None:
        found = self._session.notes.now.lists
        wanted = self.key()
        self.choice.clear()
        for one, entries in found:
            self.choice.addItem(f"{one.name}  ({len(entries)})", one.key)
            self.choice.setItemData(self.choice.count() - 1, tip(one.description), Qt.ItemDataRole.ToolTipRole)
        place = max(self.choice.findData(wanted), 0)
        self.choice.setCurrentIndex(place if found else -1)
        self._entries = found[place][1] if found else ()
        description = found[place][0].description if found else ""
        self.note.setText(description if self._entries else (NOTHING if found else EMPTY))
        self.note.setVisible(bool(self.note.text()))
        self._fill()

    def _fill(self) -> None:
        self._filling = True
        marks, self._marks = set(self._marks or self._still_marked()), []
        self.table.setRowCount(len(self._entries))
        for row, one in enumerate(self._entries):
            for column, text in enumerate((str(one.feature), self._name(one), one.note)):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(text))
                if column != NOTE:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(row, column, item)
        self.table.clearSelection()
        self._filling = False
        self._mark(marks)

    def _still_marked(self) -> list[Feature]:
        """Marked entries that are still in the list."""
        there = {(one.sae, one.feature) for one in self._entries}
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        shown = [self._shown[row] for row in rows if row < len(self._shown)]
        return [one for one in shown if one in there]

    def _mark(self, marks: set[Feature]) -> None:
        self._shown = tuple((one.sae, one.feature) for one in self._entries)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        for row, one in enumerate(self._shown):
            if one in marks:
                self.table.selectRow(row)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)

    def _name(self, entry: Entry) -> str:
        if entry.sae != self._session.notes.now.key:
            return "(a feature of another SAE)"
        own = self._session.notes.feature(entry.feature).name
        return own or self._session.automatic_name(entry.feature)

    def _activated(self, row: int, column: int) -> None:
        entry = self._entries[row]
        if column != NOTE and entry.sae == self._session.notes.now.key:
            self._session.selection.choose(entry.feature)

    def _edited(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != NOTE:
            return
        entry, key, text = self._entries[item.row()], self.key(), item.text()
        self._session.notes.write(lambda notes, _: notes.set_entry_note(key, (entry.sae, entry.feature), text))

    def _new(self) -> None:
        self._ask("New list", "", lambda name: self._session.notes.write(lambda notes, _: notes.create_list(name)))

    def _rename(self) -> None:
        key = self.key()
        if key:
            name = next(one.name for one, _ in self._session.notes.now.lists if one.key == key)
            self._ask("Rename list", name, lambda to: self._session.notes.write(lambda n, _: n.rename_list(key, to)))

    def _describe(self) -> None:
        key = self.key()
        if key:
            text = next(one.description for one, _ in self._session.notes.now.lists if one.key == key)
            editor = TextEditor(self, "Description of the list", text)
            editor.chosen.connect(lambda to: self._session.notes.write(lambda n, _: n.describe_list(key, to)))
            editor.open()

    def _delete(self) -> None:
        key = self.key()
        if key:
            self._session.notes.write(lambda notes, _: notes.delete_list(key))

    def _export(self) -> None:
        if self.key():
            self._session.query.update(listed=self.key())
            self._actions["file.export"].trigger()

    def _show_in_table(self) -> None:
        if self.key():
            self._session.query.update(listed=self.key())

    def _ask(self, title: str, text: str, chosen: Callable[[str], object]) -> None:
        if not self._session.notes.available:
            return
        dialog = QInputDialog(self)
        dialog.setWindowTitle(title)
        dialog.setLabelText("Name:")
        dialog.setTextValue(text)
        dialog.textValueSelected.connect(chosen)
        dialog.open()
