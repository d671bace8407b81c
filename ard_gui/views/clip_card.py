"""One clip of a feature: what it is, how strongly the feature answers to it, its spectrogram and its judgement."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ard_gui.services.clip_media import Media
from ard_gui.services.feature_lines import ClipLine
from ard_gui.theme import colours
from ard_gui.views.canvas import ClipCanvas
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton
from ard_gui.views.star_bar import StarBar
from backend.export.wording import number
from backend.store.notes.records import Mark

INFO_WIDTH = (190, 300)
MARGIN = 6
LOADING = "Reading the sound …"


class ClipCard(QWidget):
    """Shows one clip; made once and given another clip when the list scrolls.

    Signals
    -------
    chosen()
        It was clicked anywhere.
    play_asked(), features_asked()
    thumbed(thumb: int), rated(rating: int or None)
    """

    chosen = Signal()
    play_asked = Signal()
    features_asked = Signal()
    thumbed = Signal(int)
    rated = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line: ClipLine | None = None
        self.is_current = False
        self.canvas = ClipCanvas()
        self.canvas.wheel_zooms = False
        self.canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.canvas.pressed.connect(self.chosen)
        self.play = GlyphButton("play", "Play", "Play this clip (Space)")
        self.features = GlyphButton("features", "Features of this clip", "Strongest features of this clip (F)")
        self.up = GlyphButton("thumb up", "Thumb up", "The clip fits the feature (U)", checkable=True)
        self.down = GlyphButton("thumb down", "Thumb down", "The clip does not fit the feature (D)", checkable=True)
        self.stars = StarBar()
        self.rank, self.score = QLabel(), QLabel()
        self.name = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.labels, self.neighbour = ElidedLabel(), ElidedLabel()
        self.caption = ElidedLabel(lines=2)
        self.figures = ElidedLabel()
        self.info = QWidget()
        self._build()
        self.play.clicked.connect(self.play_asked)
        self.features.clicked.connect(self.features_asked)
        # Qt has toggled the buttons: what they show is what the notes say
        self.up.clicked.connect(lambda on: self.thumbed.emit(1 if on else 0))
        self.down.clicked.connect(lambda on: self.thumbed.emit(-1 if on else 0))
        self.stars.rated.connect(self.rated)

    def _build(self) -> None:
        for label in (self.rank, self.score):
            label.setTextFormat(Qt.TextFormat.PlainText)
        bold = self.score.font()
        bold.setBold(True)
        self.score.setFont(bold)
        top = QHBoxLayout()
        top.setSpacing(4)
        for widget in (self.play, self.rank, self.score):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.features)
        judged = QHBoxLayout()
        judged.setSpacing(2)
        for judging in (self.up, self.down, self.stars):
            judged.addWidget(judging)
        judged.addStretch(1)
        rows = QVBoxLayout(self.info)
        rows.setContentsMargins(4, 2, 0, 2)
        rows.setSpacing(1)
        rows.addLayout(top)
        for widget in (self.name, self.labels, self.neighbour, self.caption, self.figures):
            rows.addWidget(widget)
        rows.addStretch(1)
        rows.addLayout(judged)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.info)
        layout.addWidget(self.canvas, 1)

    def show_line(self, line: ClipLine, rank: int, group: str, score: str, upper: float, neighbour: str) -> None:
        """Become the card of another clip.

        Parameters
        ----------
        rank : int
            Place in its group, 1 for the first.
        score : str
            What clips are ranked by.
        upper : float
            z at the upper edge of the picture.
        neighbour : str
            Name of the feature that answers to a hard negative.
        """
        self.line = line
        muted = colours().muted
        self.rank.setText(f"#{rank}")
        self.score.setText(f"{score} {number(line.score)}")
        self.score.setToolTip(f"{score} of this clip, by which it is ranked: r = μ · c (A-21)")
        self.name.setText(line.name)
        self.labels.setText(line.labels)
        self.labels.set_colour(muted)
        self.labels.setVisible(bool(line.labels))
        self.caption.setText(f"“{line.caption}”" if line.caption else "")
        self.caption.setVisible(bool(line.caption))
        hard = line.neighbour >= 0
        self.caption.set_lines(1 if hard else 2)
        named = f" {neighbour}" if neighbour else ""
        told = f"Answers to it: {line.neighbour}{named}, {score} {number(line.neighbour_score)}"
        self.neighbour.setText(told if hard else "")
        self.neighbour.setVisible(hard)
        self.figures.setText(_figures(line))
        self.figures.set_tip(_told(line))
        trace = line.trace
        rows: list[Any] = [("", colours().trace, trace.start, trace.end, trace.value)] if len(trace.value) else []
        self.canvas.set_traces(rows, upper)
        self.canvas.setAccessibleName(f"Spectrogram of {line.name}")
        self.setAccessibleName(f"{group} {rank}: {line.name}")
        self.setAccessibleDescription(", ".join(part for part in (line.labels, line.caption, _figures(line)) if part))

    def show_media(self, media: Media | None, problem: str = "") -> None:
        """Show the picture, why there is none, or that it is on its way."""
        if media is None:
            self.canvas.set_message(problem or LOADING)
        else:
            self.canvas.set_media(media)

    def show_judgement(self, note: Mark, usable: bool) -> None:
        """Show what the person noted of the clip for this feature."""
        self.up.setChecked(note.thumb > 0)
        self.down.setChecked(note.thumb < 0)
        self.up.colour, self.down.colour = colours().good, colours().bad
        if note.rating != self.stars.rating:
            self.stars.set_rating(note.rating)
        for widget in (self.up, self.down, self.stars):
            widget.setEnabled(usable)

    def show_playing(self, playing: bool) -> None:
        self.play.set_glyph("pause" if playing else "play")
        self.play.setAccessibleName("Pause" if playing else "Play")

    def set_current(self, current: bool) -> None:
        if current != self.is_current:
            self.is_current = current
            self.update()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        low, high = INFO_WIDTH
        scale = max(1.0, self.fontMetrics().height() / 16)
        self.info.setFixedWidth(round(min(high * scale, max(low * scale, self.width() * 0.32))))
        super().resizeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.chosen.emit()
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        colour = palette.color(QPalette.ColorRole.Highlight) if self.is_current else QColor(colours().line)
        width = 2 if self.is_current else 1
        painter.setPen(QPen(colour, width))
        painter.setBrush(palette.color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(self.rect().adjusted(width, width, -width, -width), 4, 4)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, card_height(self))


def card_height(widget: QWidget) -> int:
    """Height of every card, in the font of `widget`."""
    line = widget.fontMetrics().height()
    return 2 * (max(20, line + 6) + 2) + 5 * (line + 1) + 2 * MARGIN + 6


def _figures(line: ClipLine) -> str:
    length = line.media.duration if line.media is not None else math.nan
    seconds = [f"{length:.2f} s"] if math.isfinite(length) else []
    known = not math.isnan(line.mean)
    activity = [f"μ {number(line.mean)}", f"c {number(line.coverage)}"] if known else ["no trace kept"]
    return " · ".join([*activity, f"T {line.tokens}", *seconds])


def _told(line: ClipLine) -> str:
    return (
        f"μ = {number(line.mean)}: mean of z over all T tokens (A-21)\n"
        f"c = {number(line.coverage)}: share of the tokens with z > 0\n"
        f"mean of z over the active tokens: {number(line.mean_active)}, largest z: {number(line.max)}\n"
        f"T = {line.tokens}: tokens of the clip"
    )
