"""Adding features to steer: by number or name, from the selection, near a row, in the sound; and sets of features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.services.concept_sets import ConceptSet
from ard_gui.services.study_reading import OpenRanking
from ard_gui.session import Session
from backend.export.wording import number, title

SHOWN = 200
NEAR, IN_SOUND = "neighbours of steered features", "features of the steered clip"
ALL, MARKED, NEIGHBOURS, SOUND, SETS = "all", "marked", "near", "sound", "sets"
SOURCES = (
    (ALL, "All features"), (MARKED, "Marked in the table"), (NEIGHBOURS, "Nearest to those that are steered"),
    (SOUND, "In this sound"), (SETS, "Sets of features"),
)  # fmt: skip
NOTHING = {
    ALL: "No feature has this number or these words in its name.",
    MARKED: "No feature is marked in the table.",
    NEIGHBOURS: "No feature is steered yet, or there are no nearest directions.",
    SOUND: "What is in this sound is not known: it is no clip of the study, and was not tested.",
    SETS: "This study has no sets of features for this SAE. Run: ard effects",
}


@dataclass(frozen=True)
class Line:
    """One row of the list: a feature, or a set."""

    text: str
    feature: int = -1
    found: ConceptSet | None = None


class AddFeature(QDialog):
    """Search as you type, Enter adds what is marked and leaves the window open for more.

    Parameters
    ----------
    sets : sequence of ConceptSet
        Of the shown SAE.
    """

    def __init__(self, parent: QWidget, session: Session, sets: Sequence[ConceptSet] = ()) -> None:
        super().__init__(parent)
        self._session, self._state, self._sets = session, session.steering, tuple(sets)
        self._near: list[tuple[int, str]] = []
        self._sound: list[tuple[int, str]] = []
        self._lines: list[Line] = []
        self.source, self.search, self.list, self.note = QComboBox(), QLineEdit(), QListWidget(), QLabel()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.add = self.buttons.addButton("&Add", QDialogButtonBox.ButtonRole.ActionRole)
        self._build()
        self._connect()
        self._ask()
        self._fill()

    def _build(self) -> None:
        self.setWindowTitle("Add features to steer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(460, 480)
        for key, text in SOURCES:
            self.source.addItem(text, key)
        self.source.setAccessibleName("Which features are offered")
        self.search.setAccessibleName("Search by number or name")
        self.search.setPlaceholderText("Number, or words of the name")
        self.search.setClearButtonEnabled(True)
        self.list.setAccessibleName("Features")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.note.setWordWrap(True)
        for button in self.buttons.buttons():
            # Enter in the search field adds; a default button would add once more
            button.setAutoDefault(False)  # type: ignore[attr-defined]
            button.setDefault(False)  # type: ignore[attr-defined]
        layout = QVBoxLayout(self)
        for widget in (self.source, self.search, self.list, self.note, self.buttons):
            layout.addWidget(widget, int(widget is self.list))
        self.search.setFocus()

    def _connect(self) -> None:
        self.source.activated.connect(lambda _: self._fill())
        self.search.textChanged.connect(lambda _: self._fill())
        self.search.returnPressed.connect(self.add_marked)
        self.search.installEventFilter(self)
        self.list.itemActivated.connect(lambda _: self.add_marked())
        self.list.itemSelectionChanged.connect(self._enable)
        self.add.clicked.connect(self.add_marked)
        self.buttons.rejected.connect(self.close)
        self._session.reader.ready.connect(self._arrived)
        self._session.ranking_opened.connect(self.close)
        self._session.study_closing.connect(self.close)

    def offer(self, source: str) -> None:
        """Offer the features of another source."""
        self.source.setCurrentIndex(self.source.findData(source))
        self._fill()

    def add_marked(self) -> None:
        """Add what is marked; with nothing marked, the first that is offered."""
        rows = sorted(index.row() for index in self.list.selectedIndexes()) or ([0] if self._lines else [])
        chosen = [self._lines[row] for row in rows]
        count = self._state.add_features(self.maxima(one.feature for one in chosen if one.feature >= 0))
        sets = [one.found for one in chosen if one.found is not None]
        told = " ".join(filter(None, (self._add_set(one) for one in sets)))
        count += len(sets)
        self._say(f"{count} added. {told}".strip() if count else "These are steered already." if chosen else "")
        self.search.selectAll()

    def _add_set(self, one: ConceptSet) -> str:
        """Give a set its slider, and the first one the settings it was measured with; what is to be said about them."""
        state = self._state
        first = not state.now.rows
        state.add_set(one.name, one.pairs)
        now = state.now.settings
        if all(getattr(now, name) == value for name, value in one.settings.items()):
            return ""
        if not first:
            return f"{one.name} was measured with other settings: {one.told}."
        state.set_settings(**one.settings)
        return f"The settings are now those that {one.name} was measured with."

    def maxima(self, features: Iterable[int]) -> list[tuple[int, float]]:
        """Each feature with its largest value on the probing set."""
        ranking = self._session.ranking
        return [] if ranking is None else [(k, float(ranking.columns["max"][k])) for k in features]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """↓ in the search field goes to the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
            self.list.setFocus()
            if self.list.count() and not self.list.selectedIndexes():
                self.list.setCurrentRow(0)
            return True
        return super().eventFilter(watched, event)

    def _ask(self) -> None:
        """Neighbours and the clip's features are read away from the window."""
        ranking, sound = self._session.ranking, self._state.now.sound
        if ranking is None:
            return
        steered = [row.feature for row in self._state.now.rows if row.feature >= 0]
        self._session.reader.ask(NEAR, lambda: (ranking, near(ranking, steered)))
        if sound is not None and sound.record:
            record = sound.record
            self._session.reader.ask(IN_SOUND, lambda: (ranking, in_clip(ranking, record)))
        elif self._session.sound_test.encoded is not None and self._is_tested():
            found = self._session.sound_test.encoded.features
            self._sound = [(one.feature, f"score {number(one.score)}") for one in found]

    def _is_tested(self) -> bool:
        sound, tested = self._state.now.sound, self._session.sound_test.path
        return sound is not None and tested is not None and sound.path == str(tested)

    def _arrived(self, kind: str, result: Any) -> None:
        if kind in (NEAR, IN_SOUND) and result[0] is self._session.ranking:
            if kind == NEAR:
                self._near = result[1]
            else:
                self._sound = result[1]
            self._fill()

    def _fill(self) -> None:
        source, text = str(self.source.currentData()), self.search.text().strip()
        makers: dict[str, Callable[[str], list[Line]]] = {
            ALL: self._all, MARKED: self._marked, NEIGHBOURS: lambda t: self._listed(self._near, t),
            SOUND: lambda t: self._listed(self._sound, t), SETS: self._of_sets,
        }  # fmt: skip
        self._lines = makers[source](text)
        self.list.clear()
        known = {row.key for row in self._state.now.rows}
        for line in self._lines:
            item = QListWidgetItem(line.text + ("  (steered)" if str(line.feature) in known else ""))
            item.setToolTip(line.text)
            self.list.addItem(item)
        self._say("" if self._lines else NOTHING[source])
        self._enable()

    def _all(self, text: str) -> list[Line]:
        """By number first, then those whose names have all words, the best by score before the others."""
        ranking = self._session.ranking
        if ranking is None:
            return []
        columns, count = ranking.columns, self._session.features
        found = [int(text)] if text.isdecimal() and int(text) < count else []
        if text and "name" in columns:
            there = np.ones(count, bool)
            for word in text.split():
                there &= columns.contains("name", word)
            order = columns.order("m", descending=True) if "m" in columns else np.arange(count)
            found += [k for k in order[there[order]][:SHOWN].tolist() if k not in found]
        elif not text:
            shown = self._session.shown if len(self._session.shown) else np.arange(count)
            found = shown[:SHOWN].tolist()
        return [self._line(k) for k in found]

    def _marked(self, text: str) -> list[Line]:
        selection = self._session.selection
        features = selection.features or ((selection.feature,) if selection.feature >= 0 else ())
        return self._listed([(k, "") for k in features], text)

    def _listed(self, found: Sequence[tuple[int, str]], text: str) -> list[Line]:
        lines = [self._line(feature, told) for feature, told in found]
        return [one for one in lines if all(word.casefold() in one.text.casefold() for word in text.split())]

    def _of_sets(self, text: str) -> list[Line]:
        lines = [Line(f"{one.name}  ({len(one.pairs)} features; {one.told})", found=one) for one in self._sets]
        return [one for one in lines if text.casefold() in one.text.casefold()]

    def _line(self, feature: int, told: str = "") -> Line:
        own = self._session.notes.feature(feature).name
        name = own or title(self._session.automatic_name(feature))
        return Line("  ".join(part for part in (str(feature), name, told) if part), feature)

    def _enable(self) -> None:
        self.add.setEnabled(bool(self._lines))

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))


def near(ranking: OpenRanking, features: Sequence[int]) -> list[tuple[int, str]]:
    """Features whose decoder directions are near one of these, the nearest first; on the reader's thread."""
    best: dict[int, float] = {}
    for feature in features:
        view = ranking.file.feature(feature)
        for other, cosine in zip(view.neighbours.tolist(), view.neighbour_cosines.tolist(), strict=True):
            if other not in features:
                best[other] = max(cosine, best.get(other, -1.0))
    ordered = sorted(best.items(), key=lambda one: -one[1])
    return [(feature, f"cosine {cosine:.2f}") for feature, cosine in ordered[:SHOWN]]


def in_clip(ranking: OpenRanking, record: str) -> list[tuple[int, str]]:
    """The strongest features of a clip; on the reader's thread."""
    names = ranking.clips.text["record"]
    if record not in names:
        return []
    found = ranking.clip_features(names.index(record))
    return [(one.feature, f"score {number(one.score)}") for one in found]
