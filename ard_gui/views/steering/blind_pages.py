"""The three pages of an A/B blind test: what is asked, one sound after the other, and the result."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.steered_sound import called
from ard_gui.state.steering_blind import CANNOT_TELL, QUESTIONS, REFERENCES, BlindTest, Trial
from ard_gui.theme import row_height
from ard_gui.views.plain_text import tip

DRAWN, SHOWN = "drawn", "shown"
MOST, USUAL, SEEDS = 500, 10, 1_000_000
TOLD = (
    "Two answers to each sound, one of them steered with the sliders as they are now. Which is which is drawn, and "
    "told at the end."
)
RESULT = ("sound", "you said", "steered was", "steered answer")


class Asking(QWidget):
    """What the test is about. Signals: begun()."""

    begun = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.question, self.reference, self.source = QComboBox(), QComboBox(), QComboBox()
        self.count, self.seed = QSpinBox(), QSpinBox()
        self.start, self.note = QPushButton("S&tart"), wrapped("Why no test can be started")
        for key, text in QUESTIONS.items():
            self.question.addItem(text, key)
        for name in REFERENCES:
            self.reference.addItem(name, name)
        self.source.addItem("drawn from the study", DRAWN)
        self.source.addItem("of the feature page", SHOWN)
        self.count.setRange(1, MOST)
        self.count.setValue(USUAL)
        self.seed.setRange(0, SEEDS - 1)
        self.seed.setToolTip("Of the draws of sounds, of their order and of the sides; it is kept with the result")
        self.draw_seed()
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for text, widget, name in (
            ("&Question", self.question, "Question"), ("Steered a&gainst", self.reference, "Steered against"),
            ("So&unds", self.source, "Sounds"), ("&At most", self.count, "Sounds at most"),
            ("See&d", self.seed, "Seed of the draws"),
        ):  # fmt: skip
            form.addRow(text, widget)
            widget.setAccessibleName(name)
            if isinstance(widget, QComboBox):
                widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                widget.setMinimumContentsLength(10)
                widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        told = wrapped("What an A/B blind test is")
        told.setText(TOLD)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(told)
        layout.addLayout(form)
        layout.addWidget(self.start, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.note)
        layout.addStretch(1)
        self.start.clicked.connect(self.begun)
        self.setFocusProxy(self.question)

    def draw_seed(self) -> None:
        """Another seed, for another test."""
        self.seed.setValue(secrets.randbelow(SEEDS))

    def refuse(self, text: str) -> None:
        """Say why no test can be started; "" if it can."""
        self.note.setText(text)
        self.note.setVisible(bool(text))
        self.start.setEnabled(not text)


class Judgement(QWidget):
    """One sound with its two answers.

    Signals
    -------
    judged(verdict: str)
    play_wanted(), end_wanted()
    """

    judged = Signal(str)
    play_wanted = Signal()
    end_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.place, self.question, self.note = wrapped("Place"), wrapped("Question"), wrapped("State of the test")
        self.play, self.end = QPushButton("&Play"), QPushButton("&End the test")
        self.texts = [QPlainTextEdit(), QPlainTextEdit()]
        self.buttons = {"A": QPushButton("&A"), "B": QPushButton("&B"), CANNOT_TELL: QPushButton("&Cannot tell")}
        self.play.setToolTip("Play the sound that both answers are about")
        self.end.setToolTip("Judge no more, and see the result of what was judged")
        top, choices = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.place, 1)
        top.addWidget(self.play)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.note)
        for name, text in zip("AB", self.texts, strict=True):
            head = QLabel(f"Answer {name}")
            text.setReadOnly(True)
            text.setTabChangesFocus(True)
            text.setAccessibleName(f"Answer {name}")
            text.setMinimumHeight(60)
            layout.addWidget(head)
            layout.addWidget(text, 1)
        layout.addWidget(self.question)
        for verdict, button in self.buttons.items():
            choices.addWidget(button)
            button.clicked.connect(lambda _=False, verdict=verdict: self.judged.emit(verdict))
        layout.addLayout(choices)
        layout.addWidget(self.end, 0, Qt.AlignmentFlag.AlignRight)
        self.play.clicked.connect(self.play_wanted)
        self.end.clicked.connect(self.end_wanted)
        self.setFocusProxy(self.play)

    def show_trial(self, test: BlindTest, trial: Trial, doing: str) -> None:
        """Show a sound, and its answers once both are there; nothing tells which is which."""
        over = sum(one.over for one in test.trials)
        self.place.setText(f"Sound {over + 1} of {len(test.trials)}")
        self.question.setText(QUESTIONS[test.question])
        waits = "" if trial.ready else f"Both answers are being written … {doing}".strip()
        self.note.setText(waits)
        self.note.setVisible(bool(waits))
        for widget, text in zip(self.texts, test.shown(trial) if trial.ready else ("", ""), strict=True):
            if widget.toPlainText() != text:
                widget.setPlainText(text)
        for button in self.buttons.values():
            button.setEnabled(trial.ready)


class Result(QWidget):
    """What the test came to. Signals: export_wanted(), again_wanted()."""

    export_wanted = Signal()
    again_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.told, self.table = wrapped("Result of the test"), QTableWidget(0, len(RESULT))
        self.export, self.keep, self.again = QPushButton("E&xport …"), QPushButton("Add to &note"), QPushButton("&New")
        self.menu = QMenu(self.keep)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table.setHorizontalHeaderLabels(list(RESULT))
        self.table.setAccessibleName("Judgements")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.export.setToolTip("Write every judgement as CSV, with the seed and all settings")
        self.keep.setToolTip("Write the result into the note of a saved steering result")
        self.keep.setMenu(self.menu)
        self.again.setToolTip("Another test")
        buttons = QHBoxLayout()
        for button in (self.export, self.keep, self.again):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.told)
        layout.addLayout(buttons)
        layout.addWidget(self.table, 1)
        self.export.clicked.connect(self.export_wanted)
        self.again.clicked.connect(self.again_wanted)
        self.setFocusProxy(self.table)

    def show_test(self, test: BlindTest) -> None:
        """Show the outcome; only now is told which answer was which."""
        self.told.setText(test.sentence())
        self.table.verticalHeader().setDefaultSectionSize(row_height(self.table))
        self.table.setRowCount(len(test.trials))
        for row, one in enumerate(test.trials):
            self._fill(row, one)

    def _fill(self, row: int, one: Trial) -> None:
        said = one.problem or ("same answer" if one.same else one.verdict or "not judged")
        cells: Sequence[str] = (called(one.sound), said, one.steered, one.texts.get("steered", ""))
        for column, text in enumerate(cells):
            item = QTableWidgetItem(" ".join(text.split()))
            item.setToolTip(tip(text, *(f"{name}: {found}" for name, found in one.texts.items())))
            self.table.setItem(row, column, item)


def wrapped(name: str) -> QLabel:
    """A label of several lines, shown as it is."""
    found = QLabel()
    found.setWordWrap(True)
    found.setTextFormat(Qt.TextFormat.PlainText)
    found.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    found.setAccessibleName(name)
    return found
