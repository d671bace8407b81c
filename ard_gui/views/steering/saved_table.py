"""The list of saved steering results, with a title that can be edited and a filter over everything that they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from ard_gui.state.text_search import folded, words
from ard_gui.theme import row_height
from ard_gui.views.plain_text import tip
from backend.store.notes.saved_steering import SavedResult

COLUMNS = ("title", "features", "sound", "saved")
TITLE, FEATURES, SOUND, SAVED = range(4)


@dataclass(frozen=True)
class ResultFilter:
    """Which results are shown.

    Attributes
    ----------
    text : str
        Every word of it must occur in what a result says.
    sae : str
        `sae_key` of the SAE they are of; "" for any.
    """

    text: str = ""
    sae: str = ""

    def __call__(self, one: SavedResult) -> bool:
        return self.sae in ("", one.sae) and all(word in searched(one) for word in words(self.text))


def searched(one: SavedResult) -> str:
    """Everything that a filter looks at."""
    found = one.contents
    sound = [] if found.clip is None else [found.clip.record, found.clip.path]
    features = [f"{feature.feature} {feature.name}" for feature in found.features]
    said = (one.heading, one.note, found.author, found.ranking, found.prompt, *sound, *features)
    return folded(" ".join((*said, *found.answers.values())))


class SavedTable(QTableWidget):
    """Signals: current_changed(); renamed(id, title); play_wanted(), delete_wanted(), open_wanted()."""

    current_changed = Signal()
    renamed = Signal(str, str)
    play_wanted = Signal()
    delete_wanted = Signal()
    open_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.results: tuple[SavedResult, ...] = ()
        self._filling = False
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.setAccessibleName("Saved steering results")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(TITLE, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(FEATURES, QHeaderView.ResizeMode.Stretch)
        self.itemChanged.connect(self._edited)
        self.itemSelectionChanged.connect(self._selected)
        self.cellActivated.connect(lambda *_: self.open_wanted.emit())
        for keys, signal in (("Space", self.play_wanted), ("Del", self.delete_wanted)):
            QShortcut(QKeySequence(keys), self, signal.emit, context=Qt.ShortcutContext.WidgetShortcut)

    def show_results(self, results: Sequence[SavedResult]) -> None:
        """Show these; what was marked and is still there stays so, else the first one is."""
        marked = {one.id for one in self.marked()}
        now = self.current()
        self._filling = True
        self.results = tuple(results)
        self.setRowCount(len(self.results))
        for row, one in enumerate(self.results):
            self._fill_row(row, one)
        self._size_rows()
        self._filling = False
        self._mark(marked, "" if now is None else now.id)
        self.current_changed.emit()

    def current(self) -> SavedResult | None:
        """The result whose answers are shown."""
        row = self.currentRow()
        return self.results[row] if 0 <= row < len(self.results) else None

    def marked(self) -> list[SavedResult]:
        """The marked results, from the top."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [self.results[row] for row in rows if row < len(self.results)]

    def choose(self, result: str) -> None:
        """Make a result the current one, if it is shown."""
        row = next((row for row, one in enumerate(self.results) if one.id == result), -1)
        if row >= 0:
            self.setCurrentCell(row, TITLE)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        # the answers below make room for themselves, and the current row must not go under
        self.scrollTo(self.currentIndex())

    def _fill_row(self, row: int, one: SavedResult) -> None:
        found = one.contents
        sound = "" if found.clip is None else found.clip.record or found.clip.path
        features = ", ".join(f"{each.name or each.feature} = {each.value:.4g}" for each in found.features)
        told = (
            tip(one.heading, found.problem, one.note),
            tip("\n".join(f"{each.feature} {each.name} = {each.value:.6g}" for each in found.features)),
            tip(sound, found.prompt),
            tip(f"{found.saved[:19].replace('T', ' ')} UTC, by {found.author}", f"SAE: {found.ranking}"),
        )
        texts = (one.heading, features if not found.problem else "cannot be read", sound, day(found.saved))
        for column, (text, shown) in enumerate(zip(texts, told, strict=True)):
            item = QTableWidgetItem(" ".join(text.split()))
            item.setToolTip(shown)
            if column != TITLE:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
            self.setItem(row, column, item)

    def _size_rows(self) -> None:
        self.verticalHeader().setDefaultSectionSize(row_height(self))
        header, digit = self.horizontalHeader(), self.fontMetrics().averageCharWidth()
        header.resizeSection(SOUND, digit * 16)
        header.resizeSection(SAVED, digit * 13)

    def _mark(self, marked: set[str], current: str) -> None:
        self._filling = True
        rows = [row for row, one in enumerate(self.results) if one.id in marked]
        first = next((row for row, one in enumerate(self.results) if one.id == current), rows[0] if rows else 0)
        if self.results:
            self.setCurrentCell(first, TITLE)
            self.clearSelection()
            self.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
            for row in {*rows, first}:
                self.selectRow(row)
            self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
            self.setCurrentCell(first, TITLE, self.selectionModel().SelectionFlag.NoUpdate)
        self._filling = False

    def _selected(self) -> None:
        if not self._filling:
            self.current_changed.emit()

    def _edited(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == TITLE:
            one = self.results[item.row()]
            if item.text() != one.heading:
                self.renamed.emit(one.id, item.text())


def day(time: str) -> str:
    """A time of the notes as the person's clock shows it; "" where there is none."""
    try:
        moment = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return f"{moment.astimezone():%Y-%m-%d}"
