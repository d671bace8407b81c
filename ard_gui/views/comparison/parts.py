"""What the view Compare is made of: its fields, buttons and tables, and how they lie."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.state.pair_rows import KEPT, PAIR_WORDS
from ard_gui.views.comparison.figures_table import FiguresTable
from ard_gui.views.comparison.pairs_table import PairsTable
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.plain_text import tip

SIDES = ("a", "b")
STEPS = 1000


class ComparisonParts:
    """Built into `view`; speaks of no session."""

    def __init__(self, view: QWidget) -> None:
        self.a, self.b, self.side = QComboBox(), QComboBox(), QComboBox()
        self.kept, self.sort = QComboBox(), QComboBox()
        self.swap, self.copy = QToolButton(), QPushButton("Copy as CSV")
        self.compare, self.stop = QPushButton("Compare"), QPushButton("Stop")
        self.progress, self.search = QProgressBar(), QLineEdit()
        self.summary, self.counts, self.details = QLabel(), QLabel(), ElidedLabel(lines=4)
        self.figures, self.pairs, self.tabs = FiguresTable(), PairsTable(), QTabWidget()
        self._name()
        self._lay_out(view)
        self.working(False, two=False, there=False)

    @property
    def chosen_side(self) -> str:
        """ "a" or "b": whose features are listed."""
        return SIDES[max(0, self.side.currentIndex())]

    def show_saes(self, saes: Sequence[str], a: str, b: str) -> None:
        """What can be chosen, and what is."""
        for box, chosen in ((self.a, a), (self.b, b)):
            if [box.itemText(i) for i in range(box.count())] != list(saes):
                box.clear()
                box.addItems(list(saes))
                for row, name in enumerate(saes):
                    box.setItemData(row, tip(name), Qt.ItemDataRole.ToolTipRole)
            box.setCurrentText(chosen)
            box.setToolTip(tip(chosen))

    def say(self, summary: str, empty: str = "") -> None:
        """What the comparison says, or what stands in place of its features."""
        self.summary.setText(summary)
        self.summary.setVisible(bool(summary))
        if empty:
            self.pairs.empty.say(empty)

    def show_counts(self, shown: int, there: int) -> None:
        """How many rows the table has."""
        self.counts.setText(f"{shown:,} of {there:,} features" if there else "")
        self.pairs.empty.say("" if shown or not there else "No feature is left by this filter.")
        for one in (self.side, self.kept, self.sort, self.search, self.copy):
            one.setEnabled(bool(there))

    def show_progress(self, what: str, share: float) -> None:
        self.progress.setRange(0, STEPS)
        self.progress.setFormat(f"{what}: %p %")
        self.progress.setValue(round(STEPS * share))

    def working(self, on: bool, *, two: bool, there: bool) -> None:
        """Whether a comparison is being made; `two`: there are two SAEs, `there`: they have been compared."""
        if not on or not self.progress.isVisible():
            self.progress.setRange(0, 0 if on else STEPS)
            self.progress.setValue(0)
        self.progress.setVisible(on)
        self.stop.setVisible(on)
        self.compare.setEnabled(two and not on and not there)
        self.compare.setToolTip("They have been compared." if there else "Find the features that these two share.")
        for one in (self.a, self.b, self.swap):
            one.setEnabled(two and not on)

    def _name(self) -> None:
        for box, name in (
            (self.a, "First SAE"), (self.b, "Second SAE"), (self.side, "Whose features are listed"),
            (self.kept, "Which features are listed"), (self.sort, "Column by which the features are sorted"),
        ):  # fmt: skip
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        self.side.addItems(["Features of A", "Features of B"])
        for key, text in KEPT.items():
            self.kept.addItem(text, key)
        for key, words in PAIR_WORDS.items():
            self.sort.addItem(f"By {words.title}", key)
        self.sort.setCurrentIndex(self.sort.findData("cosine"))
        self.sort.setToolTip("Sort by a column; choose it again, or click on its title, to turn the order round.")
        self.swap.setText("⇄")
        self.swap.setAccessibleName("Exchange the two")
        self.swap.setToolTip("Exchange the two SAEs.")
        self.search.setAccessibleName("Text in the names")
        self.search.setPlaceholderText("Text in the names")
        self.search.setClearButtonEnabled(True)
        self.copy.setToolTip("Put the marked rows, or all that are shown, on the clipboard (Ctrl+C in the table).")
        self.stop.setToolTip("Stop comparing; nothing of it is kept.")
        self.progress.setAccessibleName("Progress of the comparison")
        self.details.setAccessibleName("The current row")
        for label, name in ((self.summary, "What the comparison says"), (self.counts, "Rows")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAccessibleName(name)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.tabs.setAccessibleName("Parts of the comparison")

    def _lay_out(self, view: QWidget) -> None:
        top = QGridLayout()
        for row, (text, box) in enumerate((("&A", self.a), ("&B", self.b))):
            label = QLabel(text)
            label.setBuddy(box)
            top.addWidget(label, row, 0)
            top.addWidget(box, row, 1)
        top.addWidget(self.swap, 0, 2)
        top.addWidget(self.compare, 1, 2)
        top.setColumnStretch(1, 1)
        running = QHBoxLayout()
        running.addWidget(self.progress, 1)
        running.addWidget(self.stop)
        self.tabs.addTab(self._features(), "Features")
        self.tabs.addTab(self.figures, "Figures")
        layout = QVBoxLayout(view)
        layout.addLayout(top)
        layout.addLayout(running)
        layout.addWidget(self.summary)
        layout.addWidget(self.tabs, 1)

    def _features(self) -> QWidget:
        page = QWidget()
        choice, find, below = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        choice.addWidget(self.side, 1)
        choice.addWidget(self.kept, 1)
        find.addWidget(self.search, 1)
        find.addWidget(self.sort)
        below.addWidget(self.counts, 1)
        below.addWidget(self.copy)
        layout = QVBoxLayout(page)
        layout.addLayout(choice)
        layout.addLayout(find)
        layout.addWidget(self.pairs, 1)
        layout.addWidget(self.details)
        layout.addLayout(below)
        return page
