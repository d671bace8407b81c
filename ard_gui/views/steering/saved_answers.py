"""The answers of a saved steering result side by side, with the words marked that differ from the original."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from ard_gui.state.answer_diff import Span, answer_diff
from ard_gui.theme import colours
from ard_gui.views.plain_text import tip
from backend.export.wording import number
from backend.store.notes.steering import CONDITIONS, AnswerToken, Condition, SteeringResult

LIT, MARGIN = 2, 6
MARK_OPACITY = 70
LINES = 4


class AnswerText(QPlainTextEdit):
    """A text that is read, not written; pointing at a token tells what else the model might have said there."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._tokens: tuple[AnswerToken, ...] = ()
        self._marks: tuple[tuple[Span, ...], bool] = ((), False)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)

    def show_text(self, text: str, marks: Iterable[Span], tokens: tuple[AnswerToken, ...], *, gone: bool) -> None:
        """Show a text with marked words; `gone` for words that the other answer lacks."""
        self.setPlainText(text)
        self._tokens, self._marks = tokens, (tuple(marks), gone)
        self.paint_marks()

    def paint_marks(self) -> None:
        """In the colours of the theme in use."""
        spans, gone = self._marks
        text, cursor = self.toPlainText(), QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.setCharFormat(QTextCharFormat())
        for start, end in spans:
            cursor.setPosition(_units(text[:start]))
            cursor.setPosition(_units(text[:end]), QTextCursor.MoveMode.KeepAnchor)
            cursor.setCharFormat(_gone() if gone else _new())

    def token_at(self, place: int) -> AnswerToken | None:
        """The token that wrote the character at a place of the document; None where that is not known."""
        text, at = self.toPlainText(), 0
        whole = "".join(one.text for one in self._tokens)
        # a tokenizer's first space and its end sign are no part of the answer
        lead = whole.find(text)
        if lead < 0 or not text:
            return None
        for one in self._tokens:
            at += len(one.text)
            if _units(whole[lead:at]) > place and at > lead:
                return one
        return None

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            where = event.pos() - self.viewport().pos()
            found = self.token_at(self.cursorForPosition(where).position())
            QToolTip.showText(event.globalPos(), told(found), self) if found is not None else QToolTip.hideText()
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().averageCharWidth() * 24, self.minimumSizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().averageCharWidth() * 10, self.fontMetrics().lineSpacing() * LINES)


class AnswerColumn(QFrame):
    """One condition: its name, its answer, its figures."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.condition = name
        self.lit = False
        self.name, self.figures = QLabel(name.capitalize()), QLabel()
        self.text = AnswerText(f"{name.capitalize()} answer")
        self.figures.setWordWrap(True)
        self.figures.setTextFormat(Qt.TextFormat.PlainText)
        self.figures.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.addWidget(self.name)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.figures)
        self._embolden()

    def set_lit(self, on: bool) -> None:
        """Whether the sound that this answers to is heard now."""
        if on != self.lit:
            self.lit = on
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        if self.lit:
            with QPainter(self) as painter:
                painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), LIT))
                painter.drawRect(QRect(self.rect()).adjusted(1, 1, -1, -1))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.text.paint_marks()
        elif event.type() == QEvent.Type.FontChange:
            self._embolden()

    def _embolden(self) -> None:
        font = QFont(self.font())
        font.setBold(True)
        self.name.setFont(font)


class SavedAnswers(QWidget):
    """Up to three columns; what the steered answer lacks is marked in the original."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = {name: AnswerColumn(name) for name in CONDITIONS}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for column in self.columns.values():
            layout.addWidget(column, 1)

    def show_result(self, result: SteeringResult | None) -> None:
        """Show the answers of a result, or none."""
        conditions = {} if result is None else result.conditions
        original, steered = conditions.get("original"), conditions.get("steered")
        for name, column in self.columns.items():
            one = conditions.get(name)
            column.setVisible(one is not None)
            if one is None:
                continue
            first = name == "original"
            other = steered if first else original
            diff = answer_diff(*((one.text, other.text) if first else (other.text, one.text))) if other else None
            marks: tuple[Span, ...] = () if diff is None else (diff.removed if first else diff.added)
            column.text.show_text(one.text, marks, one.tokens, gone=first)
            column.figures.setText(figures(one))
        self._align()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._align()

    def _align(self) -> None:
        """Let the answers stand side by side at one height, however many lines their figures have."""
        shown = [one for one in self.columns.values() if not one.isHidden()]
        width = self.width() // max(1, len(shown)) - 3 * MARGIN
        height = max((one.figures.heightForWidth(width) for one in shown if one.figures.text()), default=0)
        for one in shown:
            one.figures.setMinimumHeight(height)

    def set_lit(self, on: bool) -> None:
        """Highlight all answers together while their sound is heard."""
        for column in self.columns.values():
            column.set_lit(on)


def figures(one: Condition) -> str:
    """What was measured of an answer, in words."""
    survived = [share for share in one.survived if share is not None]
    told = [
        "" if one.kl_first is None else f"KL {number(one.kl_first)} at the first token",
        "" if one.kl_answer is None else f"KL {number(one.kl_answer)} over the answer",
        "" if not survived else "overrides survived at " + ", ".join(f"{share:.0%}" for share in survived),
        "" if one.repetition is None else f"repetition {number(one.repetition)}",
        "not coherent" if one.coherent is False else "",
        "" if one.ended else "cut off at the largest number of tokens",
    ]
    return "; ".join(text for text in told if text)


def told(token: AnswerToken) -> str:
    """A tool tip with the most probable tokens at a place."""
    lines = [f"{text!r}  {share:.3f}" for text, share in token.top]
    return tip(f"{token.text!r}  {token.probability:.3f}", "\n".join(lines))


def _new() -> QTextCharFormat:
    found = QTextCharFormat()
    ground = QColor(colours().plot)
    ground.setAlpha(MARK_OPACITY)
    found.setBackground(ground)
    found.setFontWeight(QFont.Weight.Bold)
    return found


def _gone() -> QTextCharFormat:
    found = QTextCharFormat()
    found.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DashUnderline)
    found.setUnderlineColor(QColor(colours().plot))
    return found


def _units(text: str) -> int:
    """Length of a text as Qt counts it: in UTF-16."""
    return len(text.encode("utf-16-le")) // 2
