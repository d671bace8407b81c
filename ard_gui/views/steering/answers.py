"""The answers of the three conditions side by side, as they are written, with what changed marked."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ard_gui.services.steering import SteeringAnswers
from ard_gui.services.steering_answers import First, Request, Track
from ard_gui.session import Session
from ard_gui.state.answer_diff import Span, answer_diff
from ard_gui.state.steering_settings import CONDITION_TEXT
from ard_gui.theme import colours, points
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.plain_text import tip
from ard_gui.views.steering.representation import RepresentationChange
from ard_gui.views.steering.saved_answers import AnswerText
from backend.export.wording import number
from backend.store.notes.steering import CONDITIONS, AnswerToken

NARROWEST = 170
"""Pixels of a column at usual text size, below which answers stand over each other."""
VEIL = 150
LINES = 2.6
KL_TIP = "KL divergence in nats of the next-token distribution from the original's: of the first token, and mean "
KL_TIP += "over the original's answer. 0: nothing changed."
SURVIVED_TIP = "Share of the steered positions at which the feature has the value: the SAE's selection may drop it."
MOVED_TIP = "Moved by: mean ‖x′ − x‖ over the steered positions, how far the model's state was moved."
EMPTY = "Press Ctrl+Enter, or move a slider: the model is asked, and its answers are written here."


class Veil(QWidget):
    """Lies over what is no longer of the present; it lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        colour = QColor(self.palette().color(QPalette.ColorRole.Window))
        colour.setAlpha(VEIL)
        painter.fillRect(self.rect(), colour)
        painter.end()


class AnswerPane(QFrame):
    """One condition.

    Signals
    -------
    token_pointed(AnswerToken)
        The text cursor stands on this token.

    Attributes
    ----------
    stale : bool
        What is shown does not belong to the present setup.
    """

    token_pointed = Signal(object)

    def __init__(self, condition: str) -> None:
        super().__init__()
        self.condition, self.stale = condition, False
        self.name, self.meaning = QLabel(condition.capitalize()), ElidedLabel(CONDITION_TEXT[condition])
        self.first, self.of = ElidedLabel(), ElidedLabel()
        self.text = AnswerText(f"{condition.capitalize()} answer")
        self.inner = RepresentationChange()
        self.figures, self.warning = QLabel(), QLabel()
        self.veil = Veil(self)
        self._shown: tuple[str, tuple[Span, ...], int] = ("", (), -1)
        self._build()
        self.text.cursorPositionChanged.connect(self._pointed)

    def _build(self) -> None:
        self.meaning.set_tip(f"{self.condition.capitalize()}: {CONDITION_TEXT[self.condition]}.")
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setToolTip(
            "Point at a word, or walk through it with ← and →: the tokens that the model weighed there."
        )
        self.first.setAccessibleName(f"First token of the {self.condition} answer")
        self.inner.setAccessibleName(f"Change of the representation, {self.condition}")
        self.inner.hide()
        for label in (self.figures, self.warning):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.figures.setToolTip(tip(KL_TIP, SURVIVED_TIP, MOVED_TIP))
        self.warning.setAccessibleName(f"Warnings about the {self.condition} answer")
        head = QHBoxLayout()
        head.addWidget(self.name)
        head.addWidget(self.meaning, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(head)
        for widget in (self.first, self.of, self.text, self.inner, self.figures, self.warning):
            layout.addWidget(widget, int(widget in (self.text, self.inner)))
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.theme_changed()

    def theme_changed(self) -> None:
        """Fonts and colours of its own."""
        font = points(1.0)
        font.setBold(True)
        self.name.setFont(font)
        self.meaning.set_colour(colours().muted)
        self.first.set_colour(colours().muted)
        self.of.set_colour(colours().warning)
        palette = self.warning.palette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().warning))
        self.warning.setPalette(palette)
        self.text.paint_marks()
        # fewer lines than saved answers have: three conditions may stand over each other
        self.text.setMinimumHeight(round(self.text.fontMetrics().lineSpacing() * LINES))

    def show_track(self, track: Track | None, marks: tuple[Span, ...], *, stale: bool) -> None:
        """Show what is known; `marks` are the words that differ from the original."""
        self.stale = stale
        self.veil.setVisible(stale)
        if stale:
            self.veil.raise_()
        answer = None if track is None else track.answer
        inner = None if answer is None else answer.representation
        self.text.setVisible(inner is None)
        self.inner.setVisible(inner is not None)
        self.inner.show_change(inner)
        tokens = () if track is None else tuple(track.tokens) if answer is None else answer.said.tokens
        self._show_text("" if track is None else track.text, marks, tokens)
        self.first.setText(_first_told(None if track is None else track.first) if inner is None else "")
        self.first.setVisible(bool(self.first.text()))
        self.of.setText(_of_told(track) if stale and track is not None else "")
        self.of.setVisible(bool(self.of.text()))
        self.figures.setText("" if track is None else figures(track, self.condition))
        self.warning.setText("" if track is None else warning(track))
        self.figures.setVisible(bool(self.figures.text()))
        self.warning.setVisible(bool(self.warning.text()))

    def _show_text(self, text: str, marks: tuple[Span, ...], tokens: tuple[AnswerToken, ...]) -> None:
        shown = (text, marks, len(tokens))
        if shown != self._shown:
            self._shown = shown
            self.text.show_text(text, marks, tokens, gone=self.condition == "original")

    def _pointed(self) -> None:
        found = self.text.token_at(self.text.textCursor().position())
        if found is not None and self.text.hasFocus():
            self.token_pointed.emit(found)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.veil.setGeometry(self.rect().adjusted(0, self.text.y() if self.text.isVisible() else 0, 0, 0))


class Answers(QWidget):
    """The wanted conditions, side by side where there is room."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._answers: SteeringAnswers = session.answers
        self._state = session.steering
        self.panes = {one: AnswerPane(one) for one in CONDITIONS}
        self.empty = QLabel(EMPTY)
        self.token = ElidedLabel()
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._build()
        session.answers.changed.connect(self._changed)
        session.steering.changed.connect(lambda _: self._arrange())
        self._changed("")

    def _build(self) -> None:
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.token.setAccessibleName("Tokens at the cursor")
        self.token.hide()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(3)
        for pane in self.panes.values():
            self._row.addWidget(pane, 1)
            pane.token_pointed.connect(self._show_token)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.empty)
        layout.addLayout(self._row, 1)
        layout.addWidget(self.token)
        self._arrange()

    def _changed(self, condition: str) -> None:
        tracks = self._answers.tracks
        # marks of one answer depend on the original's, and the original's on the steered one's
        wanted: Iterable[str] = CONDITIONS if condition in ("", "original", "steered") else (condition,)
        for name in wanted:
            stale = name in tracks and not self._answers.is_present(name)
            self.panes[name].show_track(tracks.get(name), self._marks(name), stale=stale)
        self.empty.setVisible(not tracks)
        self._arrange()

    def _marks(self, condition: str) -> tuple[Span, ...]:
        """Words that differ, once both answers are complete."""
        tracks = self._answers.tracks
        other = "original" if condition != "original" else "steered" if "steered" in tracks else "reconstructed"
        one, two = tracks.get(condition), tracks.get(other)
        if one is None or two is None or one.answer is None or two.answer is None:
            return ()
        if condition == "original":
            return answer_diff(one.text, two.text).removed
        return answer_diff(two.text, one.text).added

    def _arrange(self) -> None:
        shown = self._state.now.settings.conditions
        for name, pane in self.panes.items():
            pane.setVisible(name in shown and bool(self._answers.tracks))
        narrow = NARROWEST * max(1.0, self.fontMetrics().height() / 16) * max(1, len(shown))
        wanted = QBoxLayout.Direction.LeftToRight if self.width() >= narrow else QBoxLayout.Direction.TopToBottom
        if self._row.direction() != wanted:
            self._row.setDirection(wanted)

    def _show_token(self, token: AnswerToken) -> None:
        others = " · ".join(f"“{text}” {share:.3f}" for text, share in token.top)
        self.token.setText(f"“{token.text}” {token.probability:.3f}, of: {others}")
        self.token.show()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._arrange()


def figures(track: Track, condition: str) -> str:
    """What was measured, in words."""
    said = None if track.answer is None else track.answer.said
    first = track.first or First()
    kl = first.kl if said is None else said.kl_first
    told = []
    if condition != "original" and kl is not None:
        whole = "" if said is None or said.kl_answer is None else f", {number(said.kl_answer)} over the answer"
        told.append(f"KL {number(kl)} at the first token{whole}")
    if first.survived:
        features = [feature for feature, _ in track.request.overrides]
        shares = [
            f"{feature}: {share:.0%}" for feature, share in zip(features, first.survived, strict=False)
        ]  # fmt: skip
        alike = len(set(first.survived)) == 1
        told.append("survived " + (f"{first.survived[0]:.0%}" if alike else _few(shares)))
    if first.displacement is not None and first.displacement > 0:
        told.append(f"moved by {number(first.displacement)}")
    if first.no_speech is not None:
        told.append(f"no speech {number(first.no_speech)}")
    if said is not None and said.tokens:
        told.append(f"{len(said.tokens)} token{'' if len(said.tokens) == 1 else 's'}")
    return " · ".join(told)


def warning(track: Track) -> str:
    """What makes an answer doubtful."""
    if track.answer is None:
        return ""
    said = track.answer.said
    told = []
    if said.coherent is False:
        told.append(f"Not coherent: {track.answer.why or 'it repeats itself'}.")
    if not said.ended and said.tokens:
        told.append(f"Cut at {len(said.tokens)} token{'' if len(said.tokens) == 1 else 's'}.")
    if track.first is not None and track.first.survived and max(track.first.survived) == 0:
        told.append("No override survived the SAE's selection: try keep, post_topk or delta.")
    return " ".join(told)


def _few(texts: list[str]) -> str:
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


def _first_told(first: First | None) -> str:
    if first is None or not first.top:
        return ""
    return "First token: " + " · ".join(f"“{text}” {share:.2f}" for text, share in first.top)


def _of_told(track: Track) -> str:
    return "Of another setup: " + request_told(track.request)


def request_told(request: Request) -> str:
    """Values in a line."""
    return _few([f"{feature} = {number(value)}" for feature, value in request.overrides]) or "nothing overridden"
