"""Code: one token of the clip before and after the overrides, as bars; it follows the sliders (A-61, Fig. 2)."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor, QPalette, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSlider, QSpinBox, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.saved_sound import SavedSound
from ard_gui.services.steering_code import CodeAnswers
from ard_gui.session import Session
from ard_gui.theme import colours
from ard_gui.views.steering.code_table import CodeTable
from ard_gui.views.steering.study_ties import follow_study, places_of
from backend.export.wording import number
from backend.store.notes.steering import SteeredClip

EMPTY = "The code of one token of the sound: what each feature has there, before and after your values take effect."
NO_SOUND = "Choose a sound to steer on."
KEY = "Outline: before. Filled: after. Hatched, −: left. +: came in."
LEAST_HEARD = 0.25
"""Seconds that are played where a token is shorter."""


class CodeView(QWidget):
    """The session's present setup at one audio position of its sound.

    It asks by itself while it is seen, once the model was asked anything (by the panel, or by the button here).
    """

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._state = session, session.steering
        self.code = CodeAnswers(places_of(session))
        self.sound = SavedSound(session.media, session.player, self)
        self.position, self.slider = QSpinBox(), QSlider(Qt.Orientation.Horizontal)
        self.seconds, self.play = QLabel(), QPushButton("&Play moment")
        self.ask, self.line, self.told, self.note = QPushButton("&Show the code"), QLabel(), QLabel(), QLabel()
        self.table = CodeTable(self._name_of)
        self._sound: SteeredClip | None = None
        self._region: tuple[float, float] | None = None
        self._started = False
        self._build()
        self._connect()
        follow_study(session, self.code)
        self._refresh()

    def ask_now(self) -> None:
        """Ask for the token, also where nothing was asked of the model before."""
        self._started = True
        self._follow()

    def play_moment(self) -> None:
        """Hear what the token stands for, and nothing before or behind it."""
        code, setup, overview = self.code.code, self._state.now, self._session.overview
        if code is None or code.seconds is None or setup.sound is None or overview is None:
            return
        first, last = code.seconds
        short = max(0.0, LEAST_HEARD - (last - first)) / 2
        self._region = (max(0.0, first - short), last + short)
        if self.sound.clip == setup.sound and not self.sound.reading:
            self._play_region()
        else:
            self.sound.toggle(setup.sound, overview.study, self._session.preferences.values.roots)

    # the widget

    def _build(self) -> None:
        self.position.setKeyboardTracking(False)
        self.position.setToolTip("Which audio position of the sound; the model sees so many of them in a row")
        self.play.setToolTip("Play the part of the sound that this token stands for")
        self.ask.setToolTip("Ask the model; from then on the code follows the sliders")
        for widget, name in (
            (self.position, "Token"), (self.slider, "Token of the sound"), (self.seconds, "Seconds of the token"),
            (self.line, "Line of the selection"), (self.told, "What came in and left"),
            (self.note, "State of the code"),
        ):  # fmt: skip
            widget.setAccessibleName(name)
        for label in (self.line, self.told, self.note):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label = QLabel("&Token")
        label.setBuddy(self.position)
        top, below = QHBoxLayout(), QHBoxLayout()
        for widget in (label, self.position):
            top.addWidget(widget)
        top.addWidget(self.slider, 1)
        below.addWidget(self.seconds)
        below.addStretch(1)
        for button in (self.play, self.ask):
            below.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(top)
        layout.addLayout(below)
        layout.addWidget(self.note)
        layout.addWidget(self.line)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.told)
        layout.addStretch(0)
        self.setFocusProxy(self.position)

    def _connect(self) -> None:
        session = self._session
        self._state.changed.connect(self._setup_changed)
        session.answers.state_changed.connect(self._became_live)
        session.ranking_opened.connect(self.code.forget)
        session.study_closing.connect(self._leave)
        session.closing.connect(self.sound.close)
        session.notes.changed.connect(lambda: self.table.show_code(self.code.code))
        self.code.changed.connect(self._refresh)
        self.position.valueChanged.connect(self._position_chosen)
        self.slider.valueChanged.connect(self.position.setValue)
        self.play.clicked.connect(self.play_moment)
        self.ask.clicked.connect(self.ask_now)
        self.table.visited.connect(session.selection.choose)
        self.sound.changed.connect(self._sound_changed)
        self.sound.failed.connect(session.notices.warning)

    def _leave(self) -> None:
        self._started, self._sound, self._region = False, None, None
        self.sound.leave()

    def _position_chosen(self, position: int) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(position)
        self._follow()

    def _setup_changed(self, part: str) -> None:
        # the prompt stands behind the sound, whose positions do not see it
        if part != "presets" and (part != "prompt" or self._state.now.settings.positions == "prompt"):
            self._follow()

    def _became_live(self) -> None:
        if self._session.answers.live and not self._started:
            self._started = True
            self._follow()

    def _follow(self) -> None:
        """Ask for the token under the setup as it is now, if anybody looks."""
        setup = self._state.now
        if setup.sound != self._sound:
            # the positions of another sound are others
            self._sound = setup.sound
            with QSignalBlocker(self.position), QSignalBlocker(self.slider):
                self.position.setValue(0)
                self.slider.setValue(0)
        live = self._started or self._session.answers.live
        if live and self.isVisible() and setup.sound is not None and self._state.ranking:
            self.code.ask(setup, self._state.ranking, self.position.value())
        self._refresh()

    def _refresh(self) -> None:
        code, setup = self.code.code, self._state.now
        shown = code if setup.sound is not None else None
        if shown is not None:
            self._set_range(shown.positions)
        self.table.setVisible(shown is not None)
        if self.table.code is not shown:
            self.table.show_code(shown)
        self.table.setEnabled(self.code.present)
        self.told.setText("" if shown is None else shown.sentence(self._name_of))
        self.line.setText("" if shown is None else f"{_line(shown.line, raw=self._state.raw)} {KEY}")
        self.seconds.setText("" if shown is None or shown.seconds is None else _seconds(shown.seconds))
        self.play.setEnabled(shown is not None and shown.seconds is not None)
        for widget in (self.told, self.line):
            widget.setVisible(shown is not None)
        ready = setup.sound is not None and bool(self._state.ranking)
        self.ask.setEnabled(ready)
        self.ask.setVisible(not self._started and not self._session.answers.live)
        self.position.setEnabled(ready and shown is not None)
        self.slider.setEnabled(ready and shown is not None)
        warned = "" if shown is None else " ".join(f"{one[0].upper()}{one[1:]}." for one in shown.warnings)
        nothing = "" if setup.overrides or shown is None else "No feature is set: before and after are the same."
        text = self.code.problem or (NO_SOUND if setup.sound is None else "") or self.code.doing or nothing or warned
        self.note.setText(text or (EMPTY if shown is None else ""))
        self.note.setVisible(bool(self.note.text()))
        palette = self.note.palette()
        role = QPalette.ColorRole.WindowText
        palette.setColor(role, QColor(colours().warning) if self.code.problem or warned else self.palette().color(role))
        self.note.setPalette(palette)

    def _set_range(self, positions: int) -> None:
        with QSignalBlocker(self.position), QSignalBlocker(self.slider):
            for widget in (self.position, self.slider):
                widget.setRange(0, max(0, positions - 1))
        self.position.setSuffix(f" of {positions}")

    def _name_of(self, feature: int) -> str:
        return self._session.notes.feature(feature).name or self._session.automatic_name(feature)

    def _sound_changed(self) -> None:
        """The sound was read and plays: go to the moment that was asked for."""
        if self._region is not None and self.sound.playing and not self.sound.reading:
            self._play_region()

    def _play_region(self) -> None:
        if self._region is None:
            return
        region, self._region = self._region, None
        player = self._session.player
        player.set_region(region)
        player.seek(region[0])
        if not player.playing:
            player.toggle()

    def theme_changed(self) -> None:
        """Colours of its own."""
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._follow()


def _line(line: float | None, *, raw: bool) -> str:
    if raw:
        return "Raw units: nothing is selected."
    return "" if line is None else f"Dashed: the selection kept values from {number(line)} on."


def _seconds(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:.2f} to {seconds[1]:.2f} s"
