"""One clip of a blind rating: its number, its spectrogram, how much of it was heard; nothing else about it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout

from ard_gui.services.clip_media import Media
from ard_gui.services.rating_reading import ClipTrace
from ard_gui.theme import colours
from ard_gui.views.canvas import ClipCanvas


class RatingCard(QFrame):
    """Needs no session.

    Signals
    -------
    play_asked(clip: int, seconds: float)
    toggle_asked(clip: int)
    """

    play_asked = Signal(int, float)
    toggle_asked = Signal(int)

    def __init__(self, clip: int) -> None:
        super().__init__()
        self.clip = clip
        self._shown: Media | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button = QToolButton()
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.button.clicked.connect(lambda: self.toggle_asked.emit(clip))
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.canvas = ClipCanvas()
        self.canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.canvas.wheel_zooms = False
        self.canvas.setMinimumHeight(150)
        self.canvas.set_message("Reading …")
        self.canvas.pressed.connect(self.setFocus)
        self.canvas.seek_asked.connect(lambda seconds: self.play_asked.emit(clip, seconds))
        # a marked region would play only a part of the clip
        self.canvas.region_changed.connect(lambda *_: self.canvas.set_region(None))
        top = QHBoxLayout()
        top.addWidget(self.button)
        top.addWidget(self.state, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.canvas, 1)
        self.show_playing(False)

    def show_media(self, media: Media | None, trace: ClipTrace | None) -> None:
        """The picture, once it is there."""
        if media is None or media is self._shown:
            return
        self._shown = media
        self.canvas.set_media(media)
        if trace is not None and len(trace.value):
            row = ("", colours().trace, trace.start, trace.end, trace.value)
            self.canvas.set_traces([row], float(trace.value.max()))

    def show_unplayable(self) -> None:
        """The clip cannot be read. Its name or place is not told: they may tell what it is."""
        self.canvas.set_message("This clip cannot be played.")
        self.button.setEnabled(False)
        self.show_state("cannot be played", False)

    def show_state(self, text: str, heard: bool) -> None:
        """How much of it was heard."""
        self.state.setText(f"✓ {text}" if heard else text)
        palette = self.palette()
        if heard:
            palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().good))
        self.state.setPalette(palette)
        self.setAccessibleName(f"Clip {self.clip + 1}, {text}")

    def show_playing(self, playing: bool) -> None:
        """Whether it sounds now."""
        self.button.setText(f"{'Pause' if playing else 'Play'} {self.clip + 1}")
        self.button.setAccessibleName(f"{'Pause' if playing else 'Play'} clip {self.clip + 1}")
        self.button.setToolTip(f"{'Pause' if playing else 'Play'} (key {self.clip + 1})")

    def show_playhead(self, seconds: float | None) -> None:
        """Where it plays."""
        self.canvas.set_playhead(seconds)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            self.toggle_asked.emit(self.clip)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.setFocus()
        super().mousePressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.update()
        super().focusOutEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        focused = self.hasFocus()
        colour = self.palette().color(QPalette.ColorRole.Highlight) if focused else QColor(colours().line)
        painter.setPen(QPen(colour, 2 if focused else 1))
        painter.drawRect(self.rect().adjusted(1, 1, -2, -2))
