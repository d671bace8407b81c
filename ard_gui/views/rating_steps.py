"""The two steps of a blind rating: the rater's own label first, then the name and its rating (A-45)."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from ard_gui.views.heading import Heading

ANCHORS = ("unrelated", "marginal", "weak", "partly right", "mostly right", "exact")
"""What the ratings 0 to 5 mean (A-45)."""
QUESTION = "How well does the name reflect the core acoustic properties?"
LONGEST = 300


def plain(text: str = "") -> QLabel:
    """A label that shows its text as it is, over as many lines as it needs."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


class LabelStep(QWidget):
    """Step 1.

    Signals
    -------
    given(label: str)
        The rater wants to go on with this label; it may be too early.
    """

    given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.label = QLineEdit()
        self.label.setAccessibleName("Your label for what the clips have in common")
        self.label.setPlaceholderText("What do you hear in all of these clips?")
        self.label.setMaxLength(LONGEST)
        self.go_on = QPushButton("Continue")
        self.go_on.setAccessibleName("Continue: keep the label and show the name")
        self.told = plain()
        self.label.textChanged.connect(lambda _: self._enable())
        self.go_on.clicked.connect(self.give)
        self._complete = False
        row = QHBoxLayout()
        row.addWidget(self.label, 1)
        row.addWidget(self.go_on)
        layout = QVBoxLayout(self)
        layout.addWidget(Heading("Step 1: what do these clips have in common?", 1.2))
        layout.addWidget(plain("Listen to every clip, then give your own label. It cannot be changed afterwards."))
        layout.addLayout(row)
        layout.addWidget(self.told)
        layout.addStretch(1)
        self._enable()

    def begin(self) -> None:
        """Another item."""
        self.label.clear()

    def show_heard(self, clips: int, missing: list[int], complete: bool) -> None:
        """Which clips must still be heard."""
        numbers = ", ".join(str(i + 1) for i in missing)
        self._complete = complete
        if complete:
            self.told.setText("Every clip was heard.")
        elif missing:
            self.told.setText(f"{clips - len(missing)} of {clips} clips heard. Still to hear: {numbers}.")
        else:
            self.told.setText("None of these clips can be played. Pause, find the sounds, and come back.")
        self._enable()

    def give(self) -> None:
        """As the button does."""
        self.given.emit(self.label.text())

    def _enable(self) -> None:
        self.go_on.setEnabled(self._complete and bool(self.label.text().strip()))


class RateStep(QWidget):
    """Step 2.

    Signals
    -------
    rated(rating: int)
    commented(comment: str)
    finished()
        The rater wants to go on; there may be no rating yet.
    """

    rated = Signal(int)
    commented = Signal(str)
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = Heading("", 1.7)
        self.name.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.own = plain()
        self.choices = QButtonGroup(self)
        self.comment = QLineEdit()
        self.comment.setAccessibleName("Comment")
        self.comment.setPlaceholderText("Comment (optional)")
        self.go_on = QPushButton("Next")
        self.go_on.setAccessibleName("Next concept")
        self.told = plain("Until you go on the rating can be changed; Ctrl+Z takes it back.")
        self._build()

    def begin(self, name: str, label: str, comment: str) -> None:
        """Reveal the name."""
        self.name.setText(name)
        self.name.setAccessibleName(f"The automatic name is: {name}")
        self.own.setText(f"Your label: {label}")
        self.comment.setText(comment)
        self.show_rating(None)

    def hide_name(self) -> None:
        """Nothing of the former item stays here while the next one is heard."""
        self.begin("", "", "")
        self.name.setAccessibleName("")
        self.own.clear()

    def show_rating(self, rating: int | None) -> None:
        """Which rating is on the disk."""
        self.choices.setExclusive(False)
        for value, button in enumerate(self.choices.buttons()):
            button.setChecked(value == rating)
        self.choices.setExclusive(True)
        self.go_on.setEnabled(rating is not None)

    def _build(self) -> None:
        scale = QGridLayout()
        for value, anchor in enumerate(ANCHORS):
            button = QRadioButton(f"{value}  {anchor}")
            button.setAccessibleName(f"{value}, {anchor}")
            self.choices.addButton(button, value)
            scale.addWidget(button, 0, value)
        self.choices.idClicked.connect(self.rated)
        self.comment.textChanged.connect(self.commented)
        self.go_on.clicked.connect(self.finished)
        row = QHBoxLayout()
        row.addWidget(self.comment, 1)
        row.addWidget(self.go_on)
        layout = QVBoxLayout(self)
        layout.addWidget(plain("Step 2: this concept was named"))
        layout.addWidget(self.name)
        layout.addWidget(self.own)
        layout.addWidget(plain(QUESTION))
        layout.addLayout(scale)
        layout.addLayout(row)
        layout.addWidget(self.told)
