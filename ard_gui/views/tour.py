"""A short walk through the window: a card beside each part, driven by the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QLabel, QMainWindow, QPushButton, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.views.heading import Heading

CARD_WIDTH, GAP = 400, 14


@dataclass(frozen=True)
class Step:
    """One part of the window.

    Attributes
    ----------
    title, text : str
        `text` may name shortcuts: ``{go.search}``.
    target : str
        Object name of a dock; "middle" for the page; "" for the whole window.
    """

    title: str
    text: str
    target: str = ""


STEPS: tuple[Step, ...] = (
    Step("Welcome", "A minute through the window. → or Enter goes on, ← back, Escape ends the tour."),
    Step(
        "Concepts",
        "Every feature of the SAE, in the order you choose. {go.search} searches names and captions, {go.filter} takes "
        "an expression such as m > 3 and support > 20. ↑ and ↓ move, and the page follows.",
        "concepts",
    ),
    Step(
        "The feature's page",
        "What the feature is: its name and who gave it, its scores, and the clips that say it best. {go.clips} goes to "
        "the clips; there Space plays, ← and → change the clip.",
        "middle",
    ),
    Step(
        "Your judgement",
        "In the table and the clips: {judge.star} stars, {judge.name} names, {judge.tags} tags, {judge.note} notes, "
        "digits rate a clip. All of it is saved at once, never in the study's results, and {edit.undo} takes it back.",
    ),
    Step(
        "Everything by typing",
        "{view.palette} finds any command by a few letters, or a feature by its number. {help.shortcuts} lists all "
        "shortcuts. The tour is under Help.",
    ),
)


class Tour(QWidget):
    """Lies over the window until it is ended; nothing below it can be clicked meanwhile."""

    def __init__(self, window: QMainWindow, session: Session, actions: Actions) -> None:
        super().__init__(window)
        self._window, self._actions = window, actions
        self._session = session
        self.step = 0
        self.setAccessibleName("Tour")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.card = QFrame(self)
        self.card.setAutoFillBackground(True)
        self.card.setFrameShape(QFrame.Shape.Box)
        self.title = Heading("", 1.2)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.count = QLabel()
        self.back, self.next, self.stop = QPushButton("&Back"), QPushButton("&Next"), QPushButton("&End tour")
        for button, handler in ((self.back, self.go_back), (self.next, self.go_on), (self.stop, self.end)):
            button.clicked.connect(handler)
            button.installEventFilter(self)
        self._build()
        window.installEventFilter(self)

    def begin(self) -> None:
        """Show the first step."""
        self.setGeometry(self._window.rect())
        self.show()
        self.raise_()
        self._show(0)

    def go_on(self) -> None:
        self._show(self.step + 1) if self.step + 1 < len(STEPS) else self.end()

    def go_back(self) -> None:
        self._show(max(0, self.step - 1))

    def end(self) -> None:
        """Take the tour away; it does not begin by itself again."""
        self._window.removeEventFilter(self)
        self._session.preferences.set("tour_seen", True)
        self.hide()
        self.deleteLater()

    def _build(self) -> None:
        line = QHBoxLayout()
        line.addWidget(self.count, 1)
        for button in (self.stop, self.back, self.next):
            line.addWidget(button)
        layout = QVBoxLayout(self.card)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addSpacing(8)
        layout.addLayout(line)

    def _show(self, number: int) -> None:
        self.step, step = number, STEPS[number]
        self.title.setText(step.title)
        self.text.setText(_filled(step.text, self._actions.shortcut_text))
        self.count.setText(f"{number + 1} of {len(STEPS)}")
        self.back.setEnabled(number > 0)
        self.next.setText("&Done" if number + 1 == len(STEPS) else "&Next")
        self.card.setAccessibleName(f"{step.title}. {self.text.text()}")
        self._place()
        self.next.setFocus()
        self.update()

    def _target(self) -> QRect:
        """The part spoken of, in the window's pixels; empty for none."""
        name = STEPS[self.step].target
        part = self._window.centralWidget() if name == "middle" else self._window.findChild(QDockWidget, name)
        if not name or part is None or not part.isVisible():
            return QRect()
        return QRect(part.mapTo(self._window, QPoint(0, 0)), part.size())

    def _place(self) -> None:
        width = min(CARD_WIDTH + self.fontMetrics().averageCharWidth() * 10, self.width() - 2 * GAP)
        self.card.setFixedWidth(width)
        self.card.adjustSize()
        target, card, room = self._target(), self.card.size(), self.rect()
        if target.isEmpty():
            self.card.move(room.center() - QPoint(card.width() // 2, card.height() // 2))
            return
        right, left = target.right() + GAP, target.left() - GAP - card.width()
        beside = right if right + card.width() <= room.right() else left
        x = min(max(GAP, beside), room.right() - card.width() - GAP)
        y = min(max(GAP, target.center().y() - card.height() // 2), room.bottom() - card.height() - GAP)
        self.card.move(x, y)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        dark = QPainterPath()
        dark.addRect(self.rect().toRectF())
        target = self._target()
        if not target.isEmpty():
            hole = QPainterPath()
            hole.addRect(target.toRectF())
            dark = dark.subtracted(hole)
        painter.fillPath(dark, QColor(0, 0, 0, 130))
        if not target.isEmpty():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 3))
            painter.drawRect(target.adjusted(1, 1, -2, -2))
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        steps: dict[int, Callable[[], object]] = {
            Qt.Key.Key_Right: self.go_on, Qt.Key.Key_Return: self.go_on, Qt.Key.Key_Enter: self.go_on,
            Qt.Key.Key_Space: self.go_on, Qt.Key.Key_Left: self.go_back, Qt.Key.Key_Escape: self.end,
        }  # fmt: skip
        if event.key() in steps:
            steps[event.key()]()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._window.rect())
            self._place()
        if watched in (self.back, self.next, self.stop) and isinstance(event, QKeyEvent):
            return self._key_on_button(watched, event)
        return super().eventFilter(watched, event)

    def _key_on_button(self, button: QObject, event: QKeyEvent) -> bool:
        """Enter presses the button that has the keyboard; arrows and Escape do the same on all of them."""
        if event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(button, QPushButton):
            button.click()
            return True
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Escape):
            self.keyPressEvent(event)
            return True
        return False


def _filled(text: str, key: Callable[[str], str]) -> str:
    """`text` with {action} replaced by its shortcut."""
    parts = text.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        id_, _, rest = part.partition("}")
        filled.append(f"{key(id_) or id_}{rest}")
    return "".join(filled)
