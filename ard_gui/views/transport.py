"""The bar under the clips: what is heard and where, how it plays, and through which device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QWidget

from ard_gui.actions import Actions
from ard_gui.services.listening import Listening
from ard_gui.services.playback.outputs import SILENT
from ard_gui.services.sound_preferences import SPEEDS
from ard_gui.state.preferences import Preferences
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton
from ard_gui.views.seek_slider import SeekSlider

SWITCHES = (
    # preference, action, glyph, name
    ("loop", "listen.loop", "loop", "Loop"),
    ("only_active", "listen.active", "active", "Only where active"),
    ("autoplay", "listen.autoplay", "autoplay", "Play on move"),
    ("match_loudness", "listen.match", "match", "Match loudness"),
)
NOTHING = "No clip played yet"
SKIP_SECONDS = 1.0
VOLUME_WIDTH, SEEK_WIDTH, NAME_WIDTH = 64, 70, 60
SPACING = 3
ROOM = 100
"""Name and slider share so much beyond their least widths before the bar takes a second line."""


class Transport(QWidget):
    """Shows what `Listening` and the preferences say, changes them, and answers the actions of the Listen menu.

    On one line where it fits, otherwise on two. Its buttons take the keyboard only from Tab, so that a click leaves it
    with the clips or the table.
    """

    def __init__(self, listening: Listening, preferences: Preferences, actions: Actions) -> None:
        super().__init__()
        self._listening, self._preferences, self._actions = listening, preferences, actions
        self._player = listening.player
        self.play = self._button("play", "Play", "listen.toggle")
        self.halt = self._button("stop", "Stop", "listen.stop")
        self.compare = self._button("compare", "Switch to the other clip", "listen.compare")
        self.mute = self._button("volume", "Mute", "listen.mute", checkable=True)
        self.toggles = {name: self._button(glyph, told, id_, checkable=True) for name, id_, glyph, told in SWITCHES}
        self.name = ElidedLabel(NOTHING, mode=Qt.TextElideMode.ElideMiddle)
        self.time = QLabel()
        self.seek = SeekSlider()
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.speed, self.speeds = QToolButton(), QMenu(self)
        self.device = GlyphButton("device", "Sound output", "Choose where the sound goes", focus=True)
        self.devices = QMenu(self)
        self.banner = ElidedLabel(lines=2)
        self._heard, self._settings = QWidget(), QWidget()
        self._lines = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._build()
        self._bind()
        self._show_preferences()
        self._show_banner(self._player.message)
        self._show_heard()

    def _button(self, glyph: str, name: str, action: str, *, checkable: bool = False) -> GlyphButton:
        told = self._actions.entries[action].tip or name
        return GlyphButton(glyph, name, f"{told.rstrip('.')}{self._key(action)}", checkable=checkable, focus=True)

    def _key(self, action: str) -> str:
        keys = self._actions.all_shortcuts(action)
        return f" ({keys})" if keys else ""

    def _build(self) -> None:
        self.name.setAccessibleName("Clip that is heard")
        self.name.setMinimumWidth(NAME_WIDTH)
        self.time.setTextFormat(Qt.TextFormat.PlainText)
        self.time.setAccessibleName("Time and length")
        self.time.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.seek.setAccessibleName("Place in the clip")
        self.seek.setToolTip(f"Place in the clip: back{self._key('listen.back')}, on{self._key('listen.ahead')}")
        self.seek.setMinimumWidth(SEEK_WIDTH)
        self.volume.setRange(0, 100)
        self.volume.setFixedWidth(VOLUME_WIDTH)
        self.volume.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.volume.setAccessibleName("Volume")
        self._fill_speeds()
        self.device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.device.setMenu(self.devices)
        self.banner.setAccessibleName("What is wrong with the sound output")
        heard = _row(self._heard, self.play, self.halt, self.name, self.seek, self.time)
        heard.setStretchFactor(self.name, 2)
        heard.setStretchFactor(self.seek, 3)
        _row(self._settings, self.compare, *self.toggles.values(), self.speed, self.mute, self.volume, self.device)
        self._lines.setSpacing(2 * SPACING)
        self._lines.addWidget(self._heard, 1)
        self._lines.addWidget(self._settings)
        layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        # it would insist on the width of one line, and so never get two
        layout.setSizeConstraint(QBoxLayout.SizeConstraint.SetNoConstraint)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self.banner)
        layout.addLayout(self._lines)

    def _fill_speeds(self) -> None:
        self.speed.setAutoRaise(True)
        self.speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.speed.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        slower, faster = self._key("listen.slower"), self._key("listen.faster")
        self.speed.setToolTip(f"Speed, at the same pitch: slower{slower}, faster{faster}")
        group = QActionGroup(self.speeds)
        for speed in SPEEDS:
            action = self.speeds.addAction(_times(speed))
            action.setCheckable(True)
            action.setData(speed)
            action.triggered.connect(lambda _on, speed=speed: self._preferences.set("speed", speed))
            group.addAction(action)
        self.speed.setMenu(self.speeds)

    def _bind(self) -> None:
        listening, actions, sound = self._listening, self._actions, self._listening.sound
        handlers: dict[str, Callable[[], object]] = {
            "listen.toggle": listening.toggle,
            "listen.stop": listening.stop,
            "listen.back": lambda: listening.skip(-SKIP_SECONDS),
            "listen.ahead": lambda: listening.skip(SKIP_SECONDS),
            "listen.compare": listening.compare,
            "listen.slower": lambda: sound.step_speed(-1),
            "listen.faster": lambda: sound.step_speed(1),
            "listen.mute": lambda: sound.flip("mute"),
            "listen.rescan": self._player.rescan,
            **{id_: partial(sound.flip, name) for name, id_, *_ in SWITCHES},
        }
        for id_, handler in handlers.items():
            actions.bind(id_, handler)
        self.play.clicked.connect(self._play_clicked)
        self.halt.clicked.connect(listening.stop)
        self.compare.clicked.connect(listening.compare)
        self.mute.clicked.connect(lambda _on: sound.flip("mute"))
        for name, button in self.toggles.items():
            button.clicked.connect(lambda _on, name=name: sound.flip(name))
        self.seek.seek_asked.connect(self._player.seek)
        self.volume.valueChanged.connect(lambda value: self._preferences.set("volume", value / 100))
        self.devices.aboutToShow.connect(self._open_devices)
        self._preferences.changed.connect(lambda _: self._show_preferences())
        listening.playhead.connect(lambda _row, _seconds: self._show_place())
        listening.changed.connect(self._show_heard)
        self._player.banner.connect(self._show_banner)

    def _play_clicked(self) -> None:
        """The bar is about what is heard: another clip may be the current one."""
        if self._listening.waiting_for is not None or self._player.playing:
            self._listening.pause()
        elif self._listening.line is not None:
            self._listening.toggle_clip(self._listening.row)
        else:
            self._listening.toggle()

    def _show_heard(self) -> None:
        line, waiting = self._listening.line, self._listening.waiting_for
        active = self._player.playing or waiting is not None
        self.play.set_glyph("pause" if active else "play")
        self.play.setAccessibleName("Pause" if active else "Play")
        if waiting is not None:
            self.name.setText(f"Reading {waiting.name} …")
        else:
            self.name.setText(NOTHING if line is None else line.name)
        for control in (self.halt, self.seek):
            control.setEnabled(self._player.sound is not None)
        self._show_place()
        if self.devices.isVisible():
            self._list_devices()

    def _show_place(self) -> None:
        sound = self._player.sound
        length = 0.0 if sound is None else sound.seconds
        seconds = min(self._player.position(), length)
        self.seek.show_place(seconds, length)
        text = f"{clock(seconds)} / {clock(length)}"
        if text != self.time.text():
            self.time.setText(text)
            self._fit_time(length)

    def _fit_time(self, length: float) -> None:
        """As wide as the widest time of the clip, so that nothing moves while it plays."""
        wanted = self.fontMetrics().horizontalAdvance(f"{clock(length)} / {clock(length)}") + 8
        if self.time.minimumWidth() != wanted:
            self.time.setMinimumWidth(wanted)
            self._arrange()

    def _show_preferences(self) -> None:
        values = self._preferences.values
        for name, id_, *_ in SWITCHES:
            self.toggles[name].setChecked(getattr(values, name))
            self._actions[id_].setChecked(getattr(values, name))
        self._actions["listen.mute"].setChecked(values.mute)
        self.mute.setChecked(values.mute)
        self.mute.set_glyph("mute" if values.mute else "volume")
        percent = round(values.volume * 100)
        with QSignalBlocker(self.volume):
            self.volume.setValue(percent)
        self.volume.setToolTip(f"Volume: {percent} %")
        self.speed.setText(_times(values.speed))
        self.speed.setAccessibleName(f"Speed {_times(values.speed)}")
        for action in self.speeds.actions():
            action.setChecked(action.data() == values.speed)

    def _show_banner(self, message: str) -> None:
        self.banner.setText(message)
        self.banner.set_colour(colours().warning)
        self.banner.setVisible(bool(message))

    def _open_devices(self) -> None:
        """A list that was never made is made now; later ones are as old as the last look for devices."""
        if not self._player.devices():
            self._player.rescan()
        self._list_devices()

    def _list_devices(self) -> None:
        self.devices.clear()
        wanted = self._preferences.values.device
        rows = [("The system's output", ""), *((one.label, one.label) for one in self._player.devices())]
        rows.append(("Silent: no device", SILENT))
        if wanted not in [label for _, label in rows]:
            rows.insert(1, (f"{wanted} (not there)", wanted))
        for text, label in rows:
            action = QAction(text.replace("&", "&&"), self.devices)
            action.setCheckable(True)
            action.setChecked(label == wanted)
            action.triggered.connect(lambda _on, label=label: self._preferences.set("device", label))
            self.devices.addAction(action)
        self.devices.addSeparator()
        self.devices.addAction(self._actions["listen.rescan"])

    def _arrange(self) -> None:
        """One line or two, as the width allows."""
        needed = self._heard.minimumSizeHint().width() + self._settings.minimumSizeHint().width() + ROOM
        one = self.width() >= needed
        wanted = QBoxLayout.Direction.LeftToRight if one else QBoxLayout.Direction.TopToBottom
        if self._lines.direction() != wanted:
            self._lines.setDirection(wanted)
            self._lines.setAlignment(self._settings, Qt.AlignmentFlag(0) if one else Qt.AlignmentFlag.AlignLeft)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As narrow as the wider of its two lines."""
        widths = (self._heard.minimumSizeHint().width(), self._settings.minimumSizeHint().width())
        return QSize(max(widths) + 8, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.banner.set_colour(colours().warning)
        elif event.type() == QEvent.Type.FontChange:
            self._fit_time(0.0 if self._player.sound is None else self._player.sound.seconds)
            self._arrange()


def clock(seconds: float) -> str:
    """ "0:03.2", "1:02:03.4"."""
    tenths = int(seconds * 10 + 1e-6)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"


def _times(speed: float) -> str:
    return f"{speed:g} ×"


def _row(parent: QWidget, *widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
