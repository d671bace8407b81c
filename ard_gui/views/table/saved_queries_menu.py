"""The menu and the dialog of saved queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.services.saved_queries import QueryStore
from ard_gui.services.worker import Failure
from ard_gui.session import Session
from ard_gui.state.query import Query
from ard_gui.state.undo import Step

LONGEST_NAME = 80
NAME = Qt.ItemDataRole.UserRole


class SavedQueriesButton(QToolButton):
    """A menu of the saved queries, read from the store in the background; changes can be undone."""

    def __init__(self, session: Session, store: QueryStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.store = store
        self.queries: dict[str, Query] = {}
        self.dialog: QueriesDialog | None = None
        self.setText("Queries")
        self.setAccessibleName("Saved queries")
        self.setToolTip("Keep what narrows and orders the table under a name, and use it again.")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_ = QMenu(self)
        self.menu_.aboutToShow.connect(self._fill)
        self.setMenu(self.menu_)
        self._fill()

    def load(self) -> None:
        """Read the store again."""
        self._session.worker.run(self.store.load_queries, self._take, self._failed)

    def apply(self, name: str) -> None:
        """Use a saved query; what was chosen on the map or in a list is left."""
        if name in self.queries:
            self._session.query.set(self.queries[name])

    def keep(self, name: str) -> None:
        """Save the query in use under a name, in place of one that has it."""
        found = replace(self._session.query.value, chosen=(), listed="")
        self._change({**self.queries, name: found}, f"saved query “{name}”")

    def rename(self, old: str, new: str) -> str:
        """Give a saved query another name; why that cannot be done, or ""."""
        if new == old:
            return ""
        if not new:
            return "A saved query needs a name."
        if new in self.queries:
            return f"There is a saved query “{new}” already."
        renamed = {new if name == old else name: query for name, query in self.queries.items()}
        self._change(renamed, f"new name of query “{old}”")
        return ""

    def remove(self, name: str) -> None:
        self._change({one: query for one, query in self.queries.items() if one != name}, f"removal of query “{name}”")

    def open_dialog(self) -> None:
        """Save, rename and remove."""
        self.dialog = QueriesDialog(self, self.window())
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    def _closed(self, _result: int) -> None:
        self.dialog = None

    def _change(self, queries: dict[str, Query], label: str) -> None:
        before = self.queries
        self._set(queries)
        self._session.undo.push(Step(label, lambda: self._set(before), lambda: self._set(queries)))

    def _set(self, queries: dict[str, Query]) -> None:
        self._take(queries)
        self._session.worker.run(lambda: self.store.save_queries(queries), failed=self._failed)

    def _take(self, queries: dict[str, Query]) -> None:
        self.queries = dict(queries)
        self._fill()
        if self.dialog is not None:
            self.dialog.fill()

    def _failed(self, failure: Failure) -> None:
        self._session.notices.warning(f"Saved queries: {failure.text}", failure.details)

    def _fill(self) -> None:
        self.menu_.clear()
        for name in self.queries:
            # An & in a name is no mnemonic.
            action = self.menu_.addAction(name.replace("&", "&&"))
            action.triggered.connect(lambda _checked=False, name=name: self.apply(name))
        if self.queries:
            self.menu_.addSeparator()
        self.menu_.addAction("&Save, rename, remove …").triggered.connect(lambda _checked=False: self.open_dialog())


class QueriesDialog(QDialog):
    """The saved queries, and a field to save the one in use."""

    def __init__(self, owner: SavedQueriesButton, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._owner = owner
        self._filling = False
        self.setWindowTitle("Saved queries")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setPlaceholderText("Name of the query in use")
        self.name.setAccessibleName("Name under which the query in use is saved")
        self.list = QListWidget()
        self.list.setAccessibleName("Saved queries")
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        self.save, self.apply = QPushButton("&Save"), QPushButton("&Use")
        self.edit, self.remove = QPushButton("Re&name"), QPushButton("&Remove")
        self._build()
        self.fill()

    def _build(self) -> None:
        top, buttons, layout = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        top.addWidget(self.name, 1)
        top.addWidget(self.save)
        done = QPushButton("&Close")
        for button in (self.apply, self.edit, self.remove, done):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        self.save.setDefault(True)
        hint = QLabel("Words, filter, ranges, tags, status and order are kept; a list or a choice on the map is not.")
        hint.setWordWrap(True)
        layout.addLayout(top)
        for widget in (hint, self.list, self.note):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.save.clicked.connect(self._save)
        self.apply.clicked.connect(lambda: self._with_chosen(self._owner.apply))
        self.remove.clicked.connect(lambda: self._with_chosen(self._owner.remove))
        self.edit.clicked.connect(lambda: self.list.editItem(self.list.currentItem()))
        self.list.itemChanged.connect(self._renamed)
        self.list.itemSelectionChanged.connect(self._enable)
        done.clicked.connect(self.accept)
        self.resize(420, 380)

    def fill(self) -> None:
        """Show what is saved now."""
        self._filling = True
        row = self.list.currentRow()
        self.list.clear()
        for name in self._owner.queries:
            item = QListWidgetItem(name)
            item.setData(NAME, name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.addItem(item)
        self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
        self._filling = False
        self._enable()

    def _enable(self) -> None:
        for button in (self.apply, self.edit, self.remove):
            button.setEnabled(self.list.currentItem() is not None)

    def _save(self) -> None:
        name = " ".join(self.name.text().split())
        self.note.setText(f"Saved as “{name}”." if name else "Type a name first.")
        if name:
            self._owner.keep(name)
            self.name.clear()

    def _with_chosen(self, do: Callable[[str], None]) -> None:
        item = self.list.currentItem()
        if item is not None:
            do(item.data(NAME))

    def _renamed(self, item: QListWidgetItem) -> None:
        if not self._filling:
            old, new = item.data(NAME), " ".join(item.text().split())[:LONGEST_NAME]
            self.note.setText(self._owner.rename(old, new))
            self.fill()
