"""The steerability profile as a panel: a table of shares by layer, place and strength, and what follows from it."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.actions import Actions
from ard_gui.services.steerability import (
    PLACE_WORDS,
    ShownProfile,
    SteerabilityRun,
    cell_sentence,
    cell_words,
    command,
    heading,
    read_profile,
)  # fmt: skip
from ard_gui.session import Session
from backend.store.steerability import Profile

NONE_YET = (
    "Nobody has measured yet where this model can be steered.\n\nDifferences of the clips' classes are added to the "
    "residual stream, layer by layer, and the answers are read. No SAE is needed; it takes some minutes."
)
READING, ADVICE = "steerability", "What follows from the profile"
SHARE = Qt.ItemDataRole.UserRole
DARKEST = 0.85
WIDEST, ROOM = "94–100", 12
"""The widest text of a cell, and pixels around it."""


class SteerabilityProfile(QWidget):
    """Shows the study's profile, or offers to measure one."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self.shown: ShownProfile | None = None
        self.measuring = SteerabilityRun(self)
        self.label, self.measure, self.stop = QComboBox(), QPushButton("Measure"), QPushButton("Stop")
        self.progress, self.offer, self.command = QProgressBar(), QLabel(), QLabel()
        self.head, self.words, self.details = QLabel(), QLabel(), QLabel()
        self.cells = QTableWidget()
        self._middle = QStackedWidget()
        self._build()
        self._connect()
        self._ask()

    # what is shown

    def _ask(self) -> None:
        overview = self._session.overview
        if overview is None:
            self._show_none("No study is open.")
            return
        if self.shown is None:
            self._show_none("Looking for the profile …")
        study = overview.study
        self._session.reader.ask(READING, lambda: (study.root, read_profile(study)))

    def _arrived(self, kind: str, result: Any) -> None:
        overview = self._session.overview
        if kind == READING and overview is not None and result[0] == overview.study.root:
            self._show(result[1])

    def _failed(self, kind: str, message: str) -> None:
        if kind == READING:
            self._show_none(message, offer=True)

    def _show(self, found: ShownProfile) -> None:
        before, self.shown = self.shown, found
        if before is None or before.labels != found.labels:
            chosen = self.label.currentText()
            self.label.clear()
            self.label.addItems(found.labels)
            self.label.setCurrentIndex(max(0, self.label.findText(chosen)))
        self.measure.setEnabled(bool(found.labels) and not self.measuring.running)
        if found.profile is None:
            self._show_none(NONE_YET if found.labels else "The clips of this study have no labels.", offer=True)
        elif before is None or before.profile != found.profile:
            self._show_profile(found.profile)

    def _show_profile(self, profile: Profile) -> None:
        self._middle.setCurrentIndex(1)
        stale = f"\nThis profile is old: {profile.stale}." if profile.stale else ""
        self.head.setText(heading(profile) + stale)
        self.words.setText("\n".join(f"• {line}" for line in profile.recommendation["words"]))
        self._fill(profile)
        self.cells.setCurrentCell(0, 0)

    def _fill(self, profile: Profile) -> None:
        layers, strengths = profile.settings["layers"], profile.settings["strengths"]
        rows = [(layer, place) for layer in layers for place in profile.places(layer)]
        steers = {(one["layer"], p): best for one in profile.recommendation["layers"]
                  for p, best in one["places"].items() if best["steers"]}  # fmt: skip
        self.cells.clear()
        self.cells.setRowCount(len(rows))
        self.cells.setColumnCount(len(strengths))
        self.cells.setHorizontalHeaderLabels([f"{one:g}x" for one in strengths])
        self.cells.setVerticalHeaderLabels([f"{layer}\n{PLACE_WORDS[place]}" for layer, place in rows])
        for row, (layer, place) in enumerate(rows):
            for column, strength in enumerate(strengths):
                cell = profile.cell(layer, place, strength)
                item = QTableWidgetItem("–" if cell is None else cell_words(cell))
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setData(SHARE, -1.0 if cell is None else cell["steered"]["value"] or 0.0)
                sentence = cell_sentence(profile, layer, place, strength)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, sentence)
                item.setToolTip(sentence)
                best = steers.get((layer, place))
                if best is not None and best["strength"] == strength:
                    font = QFont(self.cells.font())
                    font.setBold(True)
                    item.setFont(font)
                self.cells.setItem(row, column, item)

    def _tell(self) -> None:
        """Everything about the chosen cell."""
        item = self.cells.currentItem()
        self.details.setText("" if item is None else item.data(Qt.ItemDataRole.AccessibleTextRole))

    def _show_none(self, text: str, *, offer: bool = False) -> None:
        """Words in place of a profile, and the command that measures one."""
        self._middle.setCurrentIndex(0)
        self.offer.setText(text)
        overview = self._session.overview
        shown = offer and overview is not None
        self.command.setVisible(shown)
        if shown and overview is not None:
            words = ["ard", *command(overview.study.root, self.label.currentText() or "category")]
            self.command.setText(shlex.join(words))
        self.measure.setEnabled(offer and self.label.count() > 0 and not self.measuring.running)

    # what the person does

    def _start(self) -> None:
        overview = self._session.overview
        if overview is not None and self.label.currentText():
            self.measuring.start(overview.study.root, self.label.currentText())
            self._working(True)

    def _working(self, on: bool) -> None:
        self.progress.setRange(0, 0 if on else 1000)
        self.progress.setVisible(on)
        self.stop.setVisible(on)
        self.measure.setEnabled(not on)
        self.label.setEnabled(not on)

    def _progressed(self, what: str, share: float) -> None:
        self.progress.setRange(0, 1000)
        self.progress.setFormat(f"{what}: %p %")
        self.progress.setValue(round(1000 * share))

    def _ended(self, text: str = "", *, error: bool = False) -> None:
        self._working(False)
        if error:
            self._session.notices.error(f"The steerability profile was not measured: {text}")
        self._ask()

    def _closed(self) -> None:
        self.measuring.close()
        self._working(False)
        self.shown = None
        self.label.clear()
        self._show_none("No study is open.")

    # building

    def _build(self) -> None:
        self.label.setAccessibleName("Label whose classes are steered to")
        self.label.setToolTip("Label of the clips whose values are the classes.")
        self.measure.setToolTip("Measure where the model can be steered between the classes of this label.")
        self.cells.setAccessibleName("Share of shifted answers by layer, place and strength")
        self.cells.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.cells.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.cells.setItemDelegate(_Shade(self.cells))
        self.cells.setWordWrap(False)
        self.cells.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.cells.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.progress.setAccessibleName("Progress of the measurement")
        for label in (self.offer, self.command, self.head, self.words, self.details):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        for label, name in (
            (self.command, "Command that measures"), (self.words, ADVICE), (self.details, "The chosen cell"),
        ):  # fmt: skip
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setAccessibleName(name)
        self.offer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.command.setAlignment(Qt.AlignmentFlag.AlignCenter)
        top = QHBoxLayout()
        title = QLabel("Classes of")
        title.setBuddy(self.label)
        top.addWidget(title)
        top.addWidget(self.label, 1)
        top.addWidget(self.measure)
        below = QHBoxLayout()
        below.addWidget(self.progress, 1)
        below.addWidget(self.stop)
        self._middle.addWidget(self._empty())
        self._middle.addWidget(self._filled())
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addLayout(below)
        layout.addWidget(self._middle, 1)
        self.setFocusProxy(self.cells)
        self._widen()
        self._working(False)

    def _empty(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addStretch(1)
        layout.addWidget(self.offer)
        layout.addWidget(self.command)
        layout.addStretch(1)
        return page

    def _filled(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.head)
        layout.addWidget(self.cells, 3)
        layout.addWidget(self.details)
        # long words of advice must not squeeze the table in a low window
        advice = QScrollArea()
        advice.setAccessibleName(ADVICE)
        advice.setWidgetResizable(True)
        advice.setFrameShape(QScrollArea.Shape.NoFrame)
        advice.setWidget(self.words)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(advice, 1)
        return page

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._widen()

    def _widen(self) -> None:
        """Columns hold their intervals at every text size; a narrow panel scrolls."""
        font = QFont(self.font())
        font.setBold(True)
        self.cells.horizontalHeader().setMinimumSectionSize(QFontMetrics(font).horizontalAdvance(WIDEST) + ROOM)

    def _connect(self) -> None:
        session = self._session
        self.measure.clicked.connect(self._start)
        self.stop.clicked.connect(self.measuring.stop)
        self.cells.currentItemChanged.connect(lambda new, old: self._tell())
        self.measuring.progressed.connect(self._progressed)
        self.measuring.made.connect(self._ended)
        self.measuring.stopped.connect(self._ended)
        self.measuring.failed.connect(partial(self._ended, error=True))
        session.reader.ready.connect(self._arrived)
        session.reader.failed.connect(self._failed)
        session.study_opened.connect(self._ask)
        session.study_refreshed.connect(self._ask)
        session.watch.runs_changed.connect(self._ask)
        session.study_closing.connect(self.measuring.close)
        session.closing.connect(self.measuring.close)
        session.study_closed.connect(self._closed)


class _Shade(QStyledItemDelegate):
    """Colours each cell by its share, from the palette of the moment."""

    def initStyleOption(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        share = index.data(SHARE)
        if share is None or share < 0:
            return
        palette: QPalette = option.palette
        ground = _between(palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Highlight), share)
        option.backgroundBrush = QBrush(ground)
        text = QColor("#000000") if ground.lightnessF() > 0.5 else QColor("#ffffff")
        palette.setColor(QPalette.ColorRole.Text, text)


def _between(low: QColor, high: QColor, share: float) -> QColor:
    part = DARKEST * min(1.0, max(0.0, share))
    return QColor.fromRgbF(
        *(a + part * (b - a) for a, b in zip(low.getRgbF()[:3], high.getRgbF()[:3], strict=True))  # type: ignore[index]
    )
