"""Blind rating, alone on the screen: while it is open, no other window of the application is seen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QColor, QKeyEvent, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.rating_run import RatingRun
from ard_gui.session import Session
from ard_gui.theme import colours
from ard_gui.views.alone import Alone
from ard_gui.views.heading import Heading
from ard_gui.views.rating_card import RatingCard
from ard_gui.views.rating_steps import LabelStep, RateStep, plain

COLUMNS = 2
KEYS = {
    "listen": "Keys: 1–9 play a clip · Space pauses · ←/→ clip · Enter to the label, and on · "
    "Ctrl+1–9 play while typing · Esc back to the clips, then out",
    "rate": "Keys: 0–5 rate · Enter on · Ctrl+1–9 play a clip · Space pauses · Tab to the comment · "
    "Esc back to the clips, then out",
}
"""By stage."""


class RatingWindow(QWidget):
    """Shows one `RatingRun`; closing it is pausing.

    Signals
    -------
    closed()
    export_asked()
    """

    closed = Signal()
    export_asked = Signal()

    def __init__(self, session: Session, run: RatingRun) -> None:
        super().__init__()
        self.run, self._session, self._alone = run, session, Alone()
        self.setWindowTitle("Blind rating – ARD")
        self.progress, self.bar = QLabel(), QProgressBar()
        self.banner, self.problem, self.keys = plain(), plain(), plain()
        self.rescan = QPushButton("Look for sound devices again")
        self.cards: list[RatingCard] = []
        self.label, self.rating = LabelStep(), RateStep()
        self.steps, self.pages = QStackedWidget(), QStackedWidget()
        self.pause, self.export = QPushButton("Pause"), QPushButton("Export raw ratings …")
        self._grid = QGridLayout()
        self._build()
        self._connect()

    def begin(self) -> None:
        """Take the place of every other window, and start."""
        self.show()
        self._alone.begin(self)
        self.activateWindow()
        self.run.start()

    def _build(self) -> None:
        self.bar.setTextVisible(False)
        self.bar.setMaximum(len(self.run.plan.items))
        self.bar.setAccessibleName("Rated concepts")
        volume = QSlider(Qt.Orientation.Horizontal)
        volume.setAccessibleName("Volume")
        volume.setToolTip("Volume")
        volume.setRange(0, 100)
        volume.setMaximumWidth(120)
        volume.setValue(round(100 * self._session.player.volume))
        volume.valueChanged.connect(lambda percent: self._session.player.set_volume(percent / 100))
        self.pause.setToolTip("Back to the other windows; everything is kept (Esc)")
        self.pause.clicked.connect(self.close)
        top = QHBoxLayout()
        top.addWidget(self.progress)
        top.addWidget(self.bar, 1)
        top.addWidget(QLabel("Volume"))
        top.addWidget(volume)
        top.addWidget(self.pause)
        self.steps.addWidget(self.label)
        self.steps.addWidget(self.rating)
        inside = QWidget()
        inside.setLayout(self._grid)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        work = QWidget()
        column = QVBoxLayout(work)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area, 1)
        column.addWidget(self.steps)
        column.addWidget(self.keys)
        self.pages.addWidget(plain("Looking for the clips …"))
        self.pages.addWidget(work)
        self.pages.addWidget(self._end())
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        warning = QHBoxLayout()
        warning.addWidget(self.banner, 1)
        warning.addWidget(self.rescan)
        layout.addLayout(warning)
        layout.addWidget(self.problem)
        layout.addWidget(self.pages, 1)
        self.problem.hide()
        self.rescan.clicked.connect(self._session.player.rescan)
        self._show_banner(self._session.player.message)
        self._colour()

    def _end(self) -> QWidget:
        page = QWidget()
        self.export.clicked.connect(self.export_asked)
        back = QPushButton("Back to the study")
        back.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addWidget(self.export)
        row.addWidget(back)
        row.addStretch(1)
        layout = QVBoxLayout(page)
        layout.addStretch(1)
        layout.addWidget(Heading(f"All {len(self.run.plan.items)} concepts are rated. Thank you."))
        layout.addWidget(plain("Everything is kept. The export has the method of every concept: it lifts the blind."))
        layout.addLayout(row)
        layout.addStretch(2)
        return page

    def _connect(self) -> None:
        run = self.run
        run.item_opened.connect(self._item_opened)
        run.clip_changed.connect(self._clip_changed)
        run.revealed.connect(self._revealed)
        run.rated.connect(lambda: self.rating.show_rating(run.asked))
        run.over.connect(self._over)
        run.failed.connect(self._failed)
        self._session.player.banner.connect(self._show_banner)
        self._session.player.failed.connect(self._failed)
        self.label.given.connect(self._label_given)
        self.rating.rated.connect(run.rate)
        self.rating.commented.connect(lambda text: setattr(run, "comment", text))
        self.rating.finished.connect(self._next)

    def _item_opened(self) -> None:
        self._count()
        self.problem.hide()
        for card in self.cards:
            self._grid.removeWidget(card)
            card.deleteLater()
        self.cards = [RatingCard(clip) for clip in range(self.run.clips)]
        for clip, card in enumerate(self.cards):
            card.play_asked.connect(self.run.play)
            card.toggle_asked.connect(self.run.toggle)
            self._grid.addWidget(card, clip // COLUMNS, clip % COLUMNS)
            # a layout shows what it is given a moment later, and what is not shown cannot have the keyboard
            card.show()
        self.pages.setCurrentIndex(1)
        self.label.begin()
        if self.run.stage == "rate":
            self._revealed()
        else:
            self.rating.hide_name()
            self.steps.setCurrentWidget(self.label)
            self.keys.setText(KEYS["listen"])
            self.cards[0].setFocus()

    def _count(self) -> None:
        total = len(self.run.plan.items)
        self.progress.setText(f"{self.run.order or total} of {total}")
        self.bar.setValue(self.run.done)

    def _clip_changed(self, clip: int) -> None:
        if not 0 <= clip < len(self.cards):
            return
        run, card, heard = self.run, self.cards[clip], self.run.heard
        if clip in heard.unplayable:
            card.show_unplayable()
        else:
            card.show_media(run.media(clip), run.trace(clip))
            card.show_playing(run.is_playing(clip))
            card.show_playhead(run.position() if clip == run.playing else None)
            done = heard.is_heard(clip)
            wanted = (
                f"{heard.seconds[clip]:.0f} of {heard.wanted(clip):.0f} s heard" if heard.plays[clip] else "not heard"
            )
            card.show_state("heard" if done else wanted, done)
        if run.stage == "listen":
            self.label.show_heard(run.clips, heard.missing, heard.complete)

    def _label_given(self, label: str) -> None:
        """Enter in the field: on, or to what is still missing."""
        missing = self.run.heard.missing
        if missing:
            self.cards[missing[0]].setFocus()
        elif label.strip():
            self.run.give_label(label)

    def _revealed(self) -> None:
        run = self.run
        self.rating.begin(run.name, run.rating.label or "", run.comment)
        self.rating.show_rating(run.rating.rating)
        self.steps.setCurrentWidget(self.rating)
        self.keys.setText(KEYS["rate"])
        self.rating.name.setFocus()

    def _next(self) -> None:
        if self.run.asked is not None:
            self.run.go_on()
        else:
            self.rating.name.setFocus()

    def _over(self) -> None:
        self.rating.hide_name()
        self.run.order = 0
        self._count()
        self.pause.hide()
        self._show_banner("")
        self.pages.setCurrentIndex(2)
        self.export.setFocus()

    def _failed(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def _show_banner(self, message: str) -> None:
        self.banner.setText(f"Nothing can be heard, and what you rate now is marked so. {message}" if message else "")
        for one in (self.banner, self.rescan):
            one.setVisible(bool(message))

    def _colour(self) -> None:
        """Warnings and secondary text in the theme's colours."""
        for label, colour in (
            (self.banner, colours().warning), (self.problem, colours().bad), (self.keys, colours().muted),
        ):  # fmt: skip
            palette = QPalette(self.palette())
            palette.setColor(QPalette.ColorRole.WindowText, QColor(colour))
            label.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        if event.type() == QEvent.Type.PaletteChange:
            self._colour()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """What the control that has the keyboard did not want."""
        ctrl = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        digit = event.key() - Qt.Key.Key_0 if Qt.Key.Key_0 <= event.key() <= Qt.Key.Key_9 else -1
        if event.matches(QKeySequence.StandardKey.Undo):
            self.run.undo.undo()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.run.undo.redo()
        elif digit >= 0 and (ctrl or not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier):
            self._digit(digit, ctrl)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._step(-1 if event.key() == Qt.Key.Key_Left else 1)
        elif event.key() == Qt.Key.Key_Space and self.run.playing >= 0:
            self.run.toggle(self.run.playing)
        elif event.key() == Qt.Key.Key_Escape:
            self._escape()
        else:
            super().keyPressEvent(event)

    def _digit(self, digit: int, ctrl: bool) -> None:
        if self.run.stage == "rate" and not ctrl:
            if digit < self.rating_count:
                self.run.rate(digit)
            return
        clip = (digit or 10) - 1
        if clip < len(self.cards):
            if not ctrl:
                self.cards[clip].setFocus()
            self.run.play(clip)

    @property
    def rating_count(self) -> int:
        """How many ratings there are."""
        return len(self.rating.choices.buttons())

    def _enter(self) -> None:
        if self.run.stage == "rate":
            self._next()
        elif self.run.stage == "listen" and self.label.label.hasFocus():
            self.label.give()
        elif self.run.stage == "listen":
            self.label.label.setFocus()
        elif self.run.stage == "over":
            self.export_asked.emit() if self.export.hasFocus() else self.close()

    def _step(self, by: int) -> None:
        at = next((i for i, card in enumerate(self.cards) if card.hasFocus()), None)
        if at is not None:
            self.cards[(at + by) % len(self.cards)].setFocus()

    def _escape(self) -> None:
        """Out of a field to the clips; from there out of the rating."""
        if self.cards and self.focusWidget() in (self.label.label, self.rating.comment):
            self.cards[0].setFocus()
        else:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self.run.leave()
        self._alone.end()
        super().closeEvent(event)
        self.closed.emit()
