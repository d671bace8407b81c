"""The bar under the cards: play, time, volume, speed and how it plays; a banner where nothing can be heard."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.listening import SPEEDS, Listening
from ard_gui.services.playback.outputs import SILENT
from ard_gui.state.preferences import Preferences
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton

TOGGLES = (
    # preference, action, glyph, name, tip
    ("loop", "listen.loop", "loop", "Loop", "Play the clip, or its marked part, again and again"),
    ("only_active", "listen.active", "active", "Only where active", "Leave out the parts in which it is inactive"),
    ("autoplay", "listen.autoplay", "autoplay", "Play on move", "Play each clip as soon as it is chosen"),
    ("match_loudness", "", "match", "Match loudness", "Bring every clip to the same loudness"),
)


class Transport(QWidget):
    """Shows and changes what `Listening` and the preferences say.

    Signals
    -------
    wanted_height_changed()
        The banner came or went.
    """

    wanted_height_changed = Signal()

    def __init__(self, listening: Listening, preferences: Preferences, actions: Actions) -> None:
        super().__init__()
        self._listening, self._preferences, self._actions = listening, preferences, actions
        self._player = listening.player
        self.play = GlyphButton("play", "Play", "Play or pause (Space)", focus=True)
        self.time = QLabel("0.00 / 0.00 s")
        self.mute = GlyphButton("volume", "Mute", "Mute (M)", checkable=True, focus=True)
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.speed = QComboBox()
        self.toggles: dict[str, GlyphButton] = {}
        self.device = GlyphButton("device", "Sound output", "Choose where the sound goes", focus=True)
        self.menu = QMenu(self)
        self.banner = ElidedLabel(lines=2)
        self._build()
        self._bind()
        self._show_preferences()
        self._show_banner(self._player.message)

    def _build(self) -> None:
        self.time.setTextFormat(Qt.TextFormat.PlainText)
        self.time.setMinimumWidth(self.fontMetrics().horizontalAdvance("00:00.00 / 00:00.00 s"))
        self.time.setAccessibleName("Time")
        self.volume.setRange(0, 100)
        self.volume.setFixedWidth(80)
        self.volume.setAccessibleName("Volume")
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("Speed of playing, at the same pitch (< and >)")
        self.speed.addItems([f"{one:g} ×" for one in SPEEDS])
        self.device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.device.setMenu(self.menu)
        bar = QHBoxLayout()
        bar.setSpacing(4)
        for widget in (self.play, self.time, self.mute, self.volume, self.speed):
            bar.addWidget(widget)
        bar.addStretch(1)
        for name, action, glyph, label, tip in TOGGLES:
            key = self._actions.shortcut_text(action) if action else ""
            button = GlyphButton(
                glyph, label, f"{label}: {tip}{f' ({key})' if key else ''}", checkable=True, focus=True
            )
            button.clicked.connect(lambda on, name=name: self._preferences.set(name, on))
            self.toggles[name] = button
            bar.addWidget(button)
        bar.addWidget(self.device)
        self.banner.setAccessibleName("Sound output")
        self.banner.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self.banner)
        layout.addLayout(bar)

    def _bind(self) -> None:
        listening, actions = self._listening, self._actions
        handlers = {
            "listen.toggle": listening.toggle,
            "listen.stop": listening.stop,
            "listen.compare": listening.compare,
            "listen.slower": lambda: listening.faster(-1),
            "listen.faster": lambda: listening.faster(1),
            "listen.loop": lambda: listening.flip("loop"),
            "listen.active": lambda: listening.flip("only_active"),
            "listen.autoplay": lambda: listening.flip("autoplay"),
            "listen.mute": lambda: listening.flip("mute"),
        }
        for id_, handler in handlers.items():
            actions.bind(id_, handler)
        self.play.clicked.connect(listening.toggle)
        self.mute.clicked.connect(lambda on: self._preferences.set("mute", on))
        self.volume.valueChanged.connect(lambda value: self._preferences.set("volume", value / 100))
        self.speed.activated.connect(lambda row: self._preferences.set("speed", SPEEDS[row]))
        self.menu.aboutToShow.connect(self._fill_devices)
        self._preferences.changed.connect(lambda _: self._show_preferences())
        listening.moved.connect(lambda _clip, seconds: self._show_time(seconds))
        self._player.changed.connect(self._show_player)
        self._player.banner.connect(self._show_banner)

    def _show_player(self) -> None:
        playing = self._player.playing
        self.play.set_glyph("pause" if playing else "play")
        self.play.setAccessibleName("Pause" if playing else "Play")
        self._show_time(self._player.position())

    def _show_time(self, seconds: float) -> None:
        sound = self._player.sound
        length = sound.seconds if sound is not None else 0.0
        text = f"{_clock(seconds, length)} / {_clock(length, length)}{'' if length >= 60 else ' s'}"
        if text != self.time.text():
            self.time.setText(text)

    def _show_preferences(self) -> None:
        values = self._preferences.values
        for name, button in self.toggles.items():
            button.setChecked(getattr(values, name))
        for name, action, *_ in TOGGLES:
            if action:
                self._actions[action].setChecked(getattr(values, name))
        self._actions["listen.mute"].setChecked(values.mute)
        self.mute.setChecked(values.mute)
        self.mute.set_glyph("mute" if values.mute else "volume")
        self.volume.setValue(round(values.volume * 100))
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - values.speed))
        self.speed.setCurrentIndex(nearest)
        self.volume.setToolTip(f"Volume: {round(values.volume * 100)} %")

    def _show_banner(self, message: str) -> None:
        self.banner.setText(message)
        self.banner.set_colour(colours().warning)
        self.banner.setVisible(bool(message))
        self.wanted_height_changed.emit()

    def _fill_devices(self) -> None:
        self.menu.clear()
        wanted = self._preferences.values.device
        rows = [("The system's choice", ""), *((one.label, one.label) for one in self._player.devices())]
        rows.append(("Silent (no sound, the clock runs)", SILENT))
        if wanted not in [label for _, label in rows]:
            rows.insert(1, (f"{wanted} (not there)", wanted))
        for text, label in rows:
            action = QAction(text.replace("&", "&&"), self.menu)
            action.setCheckable(True)
            action.setChecked(label == wanted)
            action.triggered.connect(lambda _=False, label=label: self._preferences.set("device", label))
            self.menu.addAction(action)
        self.menu.addSeparator()
        self.menu.addAction("Look for devices again", self._player.rescan)


def _clock(seconds: float, length: float) -> str:
    """Seconds with hundredths; minutes before them where the clip has some."""
    if length < 60:
        return f"{seconds:.2f}"
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"
