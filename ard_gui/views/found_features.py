"""The features of a tested sound as a table: the strongest first, the marked ones in the colours of their traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeySequence, QPainter, QPixmap, QResizeEvent, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from ard_gui.services.sound_test import FoundFeature
from ard_gui.theme import colours
from backend.export.wording import number

NAME = 1
SHORTEST_NAME = 20
MEANING = {
    "feature": "number of the feature; a coloured square: its trace is drawn",
    "r": "representativeness r = μ·c of the sound for the feature (Eq. 2)",
    "μ": "mean activation over all tokens of the sound",
    "c": "coverage: share of the sound's tokens at which the feature is active",
    "max": "largest activation at a token",
}
SWATCH = 12


class FoundFeatures(QTableWidget):
    """Shows features of one sound; several rows can be marked.

    Signals
    -------
    marked_changed()
    visited(feature: int)
        Enter or a double click: the person wants to see this feature.
    play_wanted()
        The space key.

    Parameters
    ----------
    name_of : function
        What a feature is called.
    """

    marked_changed = Signal()
    visited = Signal(int)
    play_wanted = Signal()

    def __init__(self, name_of: Callable[[int], str]) -> None:
        super().__init__(0, 6)
        self._name_of = name_of
        self._found: tuple[FoundFeature, ...] = ()
        self._extra: FoundFeature | None = None
        self._titles: tuple[str, ...] = ()
        self.setAccessibleName("Features of the sound")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(40)
        self._size_columns()
        self.itemSelectionChanged.connect(self._marks_changed)
        self.cellActivated.connect(lambda row, _column: self.visited.emit(self._feature(row)))
        QShortcut(
            QKeySequence(Qt.Key.Key_Space), self, self.play_wanted.emit, context=Qt.ShortcutContext.WidgetShortcut
        )

    def show_features(self, found: Sequence[FoundFeature], score: str, name: str) -> None:
        """Show what was found, under the study's own `score`; what was marked stays marked, else the first row is.

        `name` heads the column of names.
        """
        marked = {one.feature for one in self.marked()}
        self._found, self._extra = tuple(found), None
        figures = ("μ", "c", "max") if score in ("mean", "coverage") else (score, "μ", "c", "max")
        titles = ("feature", name, *figures)
        self.setColumnCount(len(titles))
        for column, title in enumerate(titles):
            heading = QTableWidgetItem(title)
            heading.setToolTip(MEANING.get(title, title))
            self.setHorizontalHeaderItem(column, heading)
        self._titles = titles
        self._fill(marked)

    def show_extra(self, one: FoundFeature | None) -> None:
        """One more row, of the feature whose page is shown; None for none, or if it is among the others."""
        known = {one.feature for one in self._found}
        before, self._extra = self._extra, one if one is not None and one.feature not in known else None
        if before != self._extra:
            self._fill({one.feature for one in self.marked()})

    def rename(self) -> None:
        """Names have changed."""
        for row in range(self.rowCount()):
            self._set_name(row)

    def marked(self) -> list[FoundFeature]:
        """The marked features, in the table's order."""
        by_feature = {one.feature: one for one in self._rows()}
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [by_feature[self._feature(row)] for row in rows if self._feature(row) in by_feature]

    def current(self) -> FoundFeature | None:
        """The feature the cursor is on, if it is marked; else the first marked one."""
        marked = self.marked()
        here = self._feature(self.currentRow()) if self.currentRow() >= 0 else -1
        return next((one for one in marked if one.feature == here), marked[0] if marked else None)

    def paint_marks(self) -> None:
        """Coloured squares on the marked rows, in the order in which their traces are drawn."""
        by_feature = {one.feature: colour for one, colour in zip(self.marked(), colours().traces, strict=False)}
        for row in range(self.rowCount()):
            colour = by_feature.get(self._feature(row))
            self._cell(row, 0).setIcon(_swatch(colour) if colour else QIcon())

    def _rows(self) -> tuple[FoundFeature, ...]:
        return self._found if self._extra is None else (*self._found, self._extra)

    def _feature(self, row: int) -> int:
        item = self.item(row, 0)
        return -1 if item is None else int(item.data(Qt.ItemDataRole.UserRole))

    def _fill(self, marked: set[int]) -> None:
        with QSignalBlocker(self):
            self.clearSelection()
            rows = self._rows()
            self.setRowCount(len(rows))
            for row, one in enumerate(rows):
                figures = {"r": one.score, "μ": one.mean, "c": one.coverage, "max": one.max}
                self._cell(row, 0).setData(Qt.ItemDataRole.UserRole, one.feature)
                self._cell(row, 0).setText(str(one.feature))
                self._set_name(row)
                for column, title in enumerate(self._titles[NAME + 1 :], NAME + 1):
                    self._cell(row, column).setText(number(figures[title]))
            self._mark(marked if any(one.feature in marked for one in rows) else {rows[0].feature} if rows else set())
        self._marks_changed()

    def _mark(self, marked: set[int]) -> None:
        self.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        for row in range(self.rowCount()):
            if self._feature(row) in marked:
                self.selectRow(row)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        """The cell, made if it is not there; numbers stand on the right."""
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            if column != NAME:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
        return item

    def _set_name(self, row: int) -> None:
        feature = self._feature(row)
        name = self._name_of(feature)
        on_page = self._extra is not None and feature == self._extra.feature
        item = self._cell(row, NAME)
        item.setText(f"{name} (the feature shown)".strip() if on_page else name)
        item.setToolTip(item.text())

    def _marks_changed(self) -> None:
        self.paint_marks()
        self.marked_changed.emit()

    def _size_columns(self) -> None:
        digit = self.fontMetrics().horizontalAdvance("0")
        self.horizontalHeader().setDefaultSectionSize(digit * 7 + 6)
        self.horizontalHeader().resizeSection(0, digit * 6 + 2 * SWATCH)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self._give_name_the_rest()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._give_name_the_rest()

    def _give_name_the_rest(self) -> None:
        """Names take the room that the figures leave, and are never narrower than a word or two."""
        header = self.horizontalHeader()
        others = sum(header.sectionSize(column) for column in range(header.count()) if column != NAME)
        word = self.fontMetrics().averageCharWidth() * SHORTEST_NAME
        if header.count() > NAME:
            header.resizeSection(NAME, max(word, self.viewport().width() - others))


def _swatch(colour: str) -> QIcon:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(QColor(Qt.GlobalColor.black))
    with QPainter(picture) as painter:
        painter.fillRect(1, 1, SWATCH - 2, SWATCH - 2, QColor(colour))
    icon = QIcon(picture)
    # a marked row would tint it
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon
