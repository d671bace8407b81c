"""The list of the queue and the runs, with what can be done to a row as buttons, menu and keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from ard_gui.state.runs import RunShown, RunsShown
from ard_gui.theme import row_height
from ard_gui.views.runs.table import (
    COMMAND,
    LEFT,
    PROGRESS,
    STARTED,
    STATE,
    TOOK,
    ProgressCell,
    RunsModel,
    StateCell,
)

WIDTHS = {STATE: 13, PROGRESS: 16, LEFT: 13, STARTED: 15, TOOK: 13}
LEAST_LETTERS = 12
"""In mean letters."""
Mark = tuple[str, str]
"""Request and run of a row, which are "" where it has none."""
NOTHING: Mark = ("", "")


class RunList(QTableView):
    """Signals: chosen(), the current row is another one; marked_changed().

    Attributes
    ----------
    doings : list of (title, keys, function of a RunShown, whether it can be done to it)
        Filled by the panel; the context menu and the keys are made from it.
    """

    chosen = Signal()
    marked_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.runs = RunsModel()
        self.doings: list[Doing] = []
        self._filling = False
        self._marks: list[Mark] = []
        self._current: Mark = NOTHING
        self.setModel(self.runs)
        self.setAccessibleName("Queue and runs")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setItemDelegateForColumn(STATE, StateCell(self))
        self.setItemDelegateForColumn(PROGRESS, ProgressCell(self))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(COMMAND, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().selectionChanged.connect(self._selected)
        self._fit()

    def add_doings(self, doings: list[Doing]) -> None:
        """Offer these in the menu; their keys work in the list."""
        self.doings = doings
        for one in doings:
            if one.keys:
                QShortcut(QKeySequence(one.keys), self, lambda one=one: self._do(one),
                          context=Qt.ShortcutContext.WidgetShortcut)  # fmt: skip

    def show_runs(self, shown: RunsShown) -> None:
        """Show these; the current and the marked rows stay, by their ids."""
        self._filling = True
        if self.runs.show(shown):
            self._mark()
        self._filling = False
        if self._marks != [mark_of(one) for one in self.marked()] or self._current != mark_of(self.current()):
            self._selected()

    def current(self) -> RunShown | None:
        """The row that is looked at."""
        row = self.currentIndex().row()
        rows = self.runs.shown.rows
        return rows[row] if 0 <= row < len(rows) else None

    def marked(self) -> list[RunShown]:
        """The marked rows, from the top."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return [self.runs.shown.rows[row] for row in rows if row < len(self.runs.shown.rows)]

    def choose(self, id_: str) -> bool:
        """Make the row of a request or run the current one; False if it is not there."""
        row = self.runs.place(id_, id_)
        if row >= 0:
            self.selectRow(row)
            self.setCurrentIndex(self.runs.index(row, STATE))
        return row >= 0

    def _mark(self) -> None:
        """Mark the same rows again; the selection's own went with the model's."""
        places = [place for place in (self.runs.place(*one) for one in self._marks) if place >= 0]
        at = self.runs.place(*self._current)
        chosen = QItemSelection()
        for place in places:
            chosen.select(self.runs.index(place, STATE), self.runs.index(place, TOOK))
        model = self.selectionModel()
        model.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if at >= 0:
            model.setCurrentIndex(self.runs.index(at, STATE), QItemSelectionModel.SelectionFlag.NoUpdate)

    def _selected(self, *_: object) -> None:
        if self._filling:
            return
        before, self._current = self._current, mark_of(self.current())
        self._marks = [mark_of(one) for one in self.marked()]
        if before != self._current:
            self.chosen.emit()
        self.marked_changed.emit()

    def _do(self, doing: Doing) -> None:
        row = self.current()
        if row is not None and doing.can(row):
            doing.do(row)

    def _menu(self, at: QPoint) -> None:
        row = self.current()
        if row is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for one in self.doings:
            action = menu.addAction(one.title, lambda one=one: self._do(one))
            action.setEnabled(one.can(row))
            if one.keys:
                action.setShortcut(QKeySequence(one.keys))
        menu.popup(self.viewport().mapToGlobal(at))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        """Heights and widths at the text size in use."""
        self.verticalHeader().setDefaultSectionSize(row_height(self))
        letter = self.fontMetrics().averageCharWidth()
        self.horizontalHeader().setMinimumSectionSize(letter * LEAST_LETTERS)
        for column, letters in WIDTHS.items():
            self.setColumnWidth(column, letter * letters)


def mark_of(row: RunShown | None) -> Mark:
    """By what a row is found again when it has moved, or its request has left the queue."""
    return NOTHING if row is None else (row.request, row.run)


class Doing:
    """Something that can be done to a row."""

    def __init__(
        self, title: str, do: Callable[[RunShown], object], can: Callable[[RunShown], bool] = lambda row: True,
        keys: str = "", button: str = "",
    ) -> None:  # fmt: skip
        self.title, self.do, self.can, self.keys, self.button = title, do, can, keys, button
