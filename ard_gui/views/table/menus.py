"""Menus of the table and of its header, and the sort order they and a click on a title choose."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.views.table.column_chooser import ColumnChooser
from ard_gui.views.table.table import FeatureTable

ROWS = (
    "judge.star", "judge.name", "judge.tags", "judge.note", "judge.not_monosemantic", "judge.list", "",
    "steering.with_feature", "", "file.export", "edit.copy_rows", "edit.copy_csv", "",
)  # fmt: skip
"""Actions on marked rows; "" is a line between groups."""


class TableMenus:
    """Offers what can be done with rows and columns; actions that nobody answers are left out."""

    def __init__(self, session: Session, actions: Actions, table: FeatureTable) -> None:
        self._query, self._actions, self._table = session.query, actions, table
        self._sorts = QMenu("Sort by", table)
        table.customContextMenuRequested.connect(self._rows_asked)
        table.header.customContextMenuRequested.connect(self._header_asked)
        table.header.sort_asked.connect(self.sort_by)

    def sort_by(self, name: str) -> None:
        """Order by a column: the usual way first, then the other, then by feature number."""
        first = not self._table.features.words(self._table.features.names.index(name)).rising
        now = self._query.value
        if now.sort != name:
            self._query.update(sort=name, descending=first)
        elif now.descending == first:
            self._query.update(descending=not first)
        else:
            self._query.update(sort="", descending=True)
        self._table.header.show_sort(self._query.value.sort, self._query.value.descending)

    def rows_menu(self) -> QMenu:
        """What can be done with the marked rows."""
        menu = QMenu(self._table)
        for id_ in ROWS:
            if not id_:
                menu.addSeparator()
            elif id_ in self._actions.entries and self._actions.is_bound(id_):
                menu.addAction(self._actions[id_])
        self._add_sorts(menu.addMenu("S&ort by"))
        menu.addAction(self._actions["view.columns"])
        return menu

    def header_menu(self, name: str) -> QMenu:
        """What can be done with the column `name`; "" for none in particular."""
        menu, header = QMenu(self._table), self._table.header
        if name:
            for text, descending in (("Smallest first", False), ("Largest first", True)):
                action = menu.addAction(text)
                action.triggered.connect(
                    lambda _checked=False, to=descending: self._query.update(sort=name, descending=to)
                )
            menu.addAction("In order of features").triggered.connect(
                lambda _checked=False: self._query.update(sort="", descending=True)
            )
            menu.addSeparator()
            title = self._table.features.title(self._table.features.names.index(name))
            menu.addAction(f"&Hide “{title}”").triggered.connect(lambda _checked=False: header.show_column(name, False))
        menu.addAction(self._actions["view.columns"])
        menu.addAction("&Usual columns").triggered.connect(lambda _checked=False: header.usual())
        return menu

    def choose_sort(self) -> None:
        """Open the menu of what the table can be ordered by, over its head."""
        if self._table.features.names:
            self._sorts.clear()
            self._add_sorts(self._sorts)
            self._sorts.popup(self._table.header.mapToGlobal(QPoint(0, self._table.header.height())))

    def choose_columns(self) -> None:
        """Open the dialog of columns."""
        if self._table.features.names:
            ColumnChooser(self._table.header, self._table.features, self._table.window()).open()

    def _add_sorts(self, menu: QMenu) -> None:
        for name in self._table.header.shown_names():
            title = self._table.features.title(self._table.features.names.index(name))
            action = menu.addAction("star" if name == "star" else title)
            action.setCheckable(True)
            action.setChecked(name == self._query.value.sort)
            action.triggered.connect(lambda _checked=False, name=name: self.sort_by(name))

    def _rows_asked(self, place: QPoint) -> None:
        menu = self.rows_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._table.viewport().mapToGlobal(place))

    def _header_asked(self, place: QPoint) -> None:
        column = self._table.header.logicalIndexAt(place)
        menu = self.header_menu(self._table.features.names[column] if column >= 0 else "")
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._table.header.mapToGlobal(place))
