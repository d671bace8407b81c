"""The field for filter expressions: completes columns, functions and values, and shows where one is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtGui import QFontDatabase, QKeyEvent
from PySide6.QtWidgets import QCompleter, QLabel, QLineEdit, QVBoxLayout, QWidget

from ard_gui.state.feature_rows import Problem
from backend.store.filter import FUNCTIONS

OPERATORS = ("and", "or", "not", "in", "not in")
AROUND = 28
WORD = re.compile(r"[^\W\d]\w*$")
VALUE = re.compile(r"(\w+)\s*(?:==|!=|~)\s*[\"']([^\"']*)$|(\w+)\s+(?:not\s+)?in\s*[\[(][^\])]*[\"']([^\"']*)$")


class ExpressionField(QLineEdit):
    """A line whose word under the cursor is completed; Ctrl+Space shows everything that fits."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Filter expression")
        self.setPlaceholderText('Filter, e.g. m > 3 and name ~ "rain"')
        self.setToolTip(
            "Compare columns with numbers or text in quotes; join with and, or, not. ~ asks whether text occurs.\n"
            "Ctrl+Space shows columns, functions and values."
        )
        self.setClearButtonEnabled(True)
        self._words: list[str] = []
        self._values: dict[str, list[str]] = {}
        self._model = QStringListModel(self)
        self.completions = QCompleter(self._model, self)
        self.completions.setWidget(self)
        self.completions.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completions.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.completions.activated.connect(self._complete)
        popup = self.completions.popup()
        assert popup is not None
        popup.setAccessibleName("Completions")
        self.popup = popup
        self.textEdited.connect(lambda _: self._offer(False))

    def offer(self, columns: Iterable[str], values: Mapping[str, Iterable[str]]) -> None:
        """Complete these column names, and these values of columns that have few."""
        self._words = [*columns, *(f"{name}(" for name in FUNCTIONS), *OPERATORS]
        self._values = {name: list(found) for name, found in values.items()}

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if control and event.key() == Qt.Key.Key_Space:
            self._offer(True)
        elif self.popup.isVisible() and event.key() in (
            Qt.Key.Key_Enter, Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Escape, Qt.Key.Key_Backtab,
        ):  # fmt: skip
            # The popup takes these keys.
            event.ignore()
        else:
            super().keyPressEvent(event)

    def under_cursor(self) -> tuple[str, list[str]]:
        """The beginning that is to be completed, and what it may become."""
        before = self.text()[: self.cursorPosition()]
        inside = VALUE.search(before)
        if inside:
            name, beginning = (inside[1], inside[2]) if inside[1] else (inside[3], inside[4])
            return beginning, self._values.get(name, [])
        if (before.count('"') % 2) or (before.count("'") % 2):
            return "", []
        word = WORD.search(before)
        return (word[0] if word else ""), self._words

    def _offer(self, everything: bool) -> None:
        beginning, found = self.under_cursor()
        fitting = [one for one in found if one.lower().startswith(beginning.lower()) and one != beginning]
        if not fitting or not (beginning or everything):
            self.popup.hide()
            return
        self._model.setStringList(fitting)
        self.completions.setCompletionPrefix(beginning)
        if beginning not in found:
            self.popup.setCurrentIndex(self.completions.completionModel().index(0, 0))
        place = self.cursorRect()
        place.setWidth(self.popup.sizeHintForColumn(0) + self.popup.verticalScrollBar().sizeHint().width() + 16)
        self.completions.complete(place)

    def _complete(self, chosen: str) -> None:
        beginning, _ = self.under_cursor()
        text, at = self.text(), self.cursorPosition()
        self.setText(text[: at - len(beginning)] + chosen + text[at:])
        self.setCursorPosition(at - len(beginning) + len(chosen))
        self.textEdited.emit(self.text())


class ProblemNote(QWidget):
    """What is wrong with an expression, with the place marked; takes no room while nothing is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place, self.reason = QLabel(), QLabel()
        self.place.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.reason.setWordWrap(True)
        self.reason.setAccessibleName("What is wrong with the filter")
        for label in (self.place, self.reason):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 2)
        layout.setSpacing(2)
        layout.addWidget(self.place)
        layout.addWidget(self.reason)
        self.hide()

    def show_problem(self, problem: Problem | None) -> None:
        """Show a problem, or nothing."""
        self.setVisible(problem is not None)
        self.reason.setText("" if problem is None else problem.reason)
        marked = "" if problem is None or problem.place < 0 else marked_place(problem.text, problem.place)
        self.place.setText(marked)
        self.place.setVisible(bool(marked))


def marked_place(text: str, place: int) -> str:
    """The expression around a place, and a mark below it."""
    first = max(0, place - AROUND)
    begun = "…" if first else ""
    part = text[first : place + AROUND]
    ended = "…" if place + AROUND < len(text) else ""
    return f"{begun}{part}{ended}\n{' ' * (len(begun) + place - first)}^"
