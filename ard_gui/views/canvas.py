"""A clip to look at and to point into: spectrogram, traces, playhead, region; the time axis zooms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from ard_gui.services.clip_media import Media
from ard_gui.services.mel_pictures import FINEST_HOP, RATE, MelPicture
from ard_gui.theme import colours
from ard_gui.views.axis_ticks import hertz_at
from ard_gui.views.canvas_paint import Scene, paint, plot_rect, small_font
from ard_gui.views.canvas_picture import Trace
from ard_gui.views.plain_text import tip

SHORTEST_VIEW = 0.02
STEP = 1.25
DETAIL_AFTER_MS = 60
MEANT_SECONDS = 0.005
"""A region that is shorter was a slip of the hand."""

Row = tuple[str, str, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]
ZOOM_IN, ZOOM_OUT = (Qt.Key.Key_Plus, Qt.Key.Key_Equal), (Qt.Key.Key_Minus, Qt.Key.Key_Underscore)


class ClipCanvas(QWidget):
    """Needs no session: it is given what it shows and says what the person points at.

    Signals
    -------
    seek_asked(seconds: float)
        A click.
    region_changed(start, end)
        A part was chosen with the mouse, in seconds; None and None when it was given up (double click).
    zoom_changed(first: float, last: float)
        Other seconds are at the edges.
    detail_asked(first: float, last: float, columns: int)
        The zoom shows more than the picture has; answer with `set_detail` (`ClipMedia.ask_detail`).
    pressed()
        A mouse button went down on it.

    Attributes
    ----------
    wheel_zooms : bool
        Whether the wheel alone zooms. False inside a list that scrolls: there it needs Ctrl.
    """

    seek_asked = Signal(float)
    region_changed = Signal(object, object)
    zoom_changed = Signal(float, float)
    detail_asked = Signal(float, float, int)
    pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wheel_zooms = True
        self.scene = Scene()
        self.playhead: float | None = None
        self.region: tuple[float, float] | None = None
        self._image: QImage | None = None
        self._grabbed: tuple[str, QPointF, float] | None = None
        self._detail = QTimer(self)
        self._detail.setSingleShot(True)
        self._detail.setInterval(DETAIL_AFTER_MS)
        self._detail.timeout.connect(self._ask_detail)
        self.setAccessibleName("Spectrogram")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def set_media(self, media: Media | None) -> None:
        """Show the whole of a clip; None for an empty canvas. Playhead and region are taken away, traces stay."""
        self.scene.pictures = [] if media is None else [media.picture]
        self.scene.seconds = 0.0 if media is None else media.seconds
        self.scene.message = ""
        self.playhead, self.region, self._grabbed = None, None, None
        self._show_seconds(0.0, self._whole)
        self._repaint()

    def set_message(self, text: str) -> None:
        """Say something in place of a picture: that it is on its way, or why there is none."""
        self.set_media(None)
        self.scene.message = text
        self._repaint()

    def set_detail(self, picture: MelPicture) -> None:
        """Lay a finer picture of some seconds over the clip's own."""
        if self.scene.pictures:
            self.scene.pictures = [self.scene.pictures[0], picture]
            self._repaint()

    def set_traces(self, traces: Sequence[Row], upper: float, unit: str = "z") -> None:
        """Lay activations over the picture.

        Parameters
        ----------
        traces : sequence of (label, colour, start [n], end [n], value [n])
            One feature each: the seconds of its active tokens (NaN for tokens without a time) and z there.
        upper : float
            z at the upper edge of the picture.
        unit : str
            What the scale on the right is headed with.
        """
        self.scene.traces = tuple(
            Trace(label, colour, *(np.asarray(part, np.float64) for part in (start, end, value)))
            for label, colour, start, end, value in traces
        )
        self.scene.upper = upper if math.isfinite(upper) and upper > 0 and self.scene.traces else 0.0
        self.scene.unit = unit
        self._repaint()

    def set_range_db(self, range_db: float) -> None:
        """How many decibels below the loudest place are drawn as silence."""
        if range_db != self.scene.range_db:
            self.scene.range_db = range_db
            self._repaint()

    def set_playhead(self, seconds: float | None) -> None:
        """Where in the clip it plays; None for nowhere. Only the two columns concerned are painted again."""
        if seconds != self.playhead:
            before, self.playhead = self.playhead, seconds
            for moment in (before, seconds):
                if moment is not None:
                    x = self.scene.x_of(moment, self.plot)
                    self.update(QRect(math.floor(x) - 2, 0, 6, self.height()))

    def set_region(self, region: tuple[float, float] | None) -> None:
        """Mark a part of the clip, in seconds; None for none."""
        if region != self.region:
            self.region = region
            self.update()

    def set_visible_seconds(self, first: float, last: float) -> None:
        """Put these seconds at the edges, as far as the clip reaches; `zoom_changed` follows if they are others."""
        before = (self.scene.first, self.scene.last)
        self._show_seconds(first, last)
        if (self.scene.first, self.scene.last) != before:
            self._repaint()
            self._detail.start()
            self.zoom_changed.emit(self.scene.first, self.scene.last)

    def zoom(self, factor: float, about: float | None = None) -> None:
        """Show `factor` times as much time; the moment `about` (else playhead or middle) stays where it is."""
        first, last = self.scene.first, self.scene.last
        if about is None:
            at = self.playhead
            about = at if at is not None and first <= at <= last else (first + last) / 2
        span = min(max((last - first) * factor, min(SHORTEST_VIEW, self._whole)), self._whole)
        begin = about - (about - first) * span / (last - first)
        self.set_visible_seconds(begin, begin + span)

    def show_all(self) -> None:
        """The whole clip."""
        self.set_visible_seconds(0.0, self._whole)

    @property
    def plot(self) -> QRect:
        """Where the picture lies in the canvas, in logical pixels."""
        return plot_rect(self.size(), self.scene, QFontMetrics(small_font(self.font()), self))

    @property
    def _whole(self) -> float:
        # a clip of one sample still has a time axis
        return max(self.scene.seconds, 0.01)

    def _show_seconds(self, first: float, last: float) -> None:
        span = min(max(last - first, min(SHORTEST_VIEW, self._whole)), self._whole)
        first = min(max(0.0, first), self._whole - span)
        self.scene.first, self.scene.last = first, first + span

    def _repaint(self) -> None:
        self._image = None
        self.update()

    def _ask_detail(self) -> None:
        scene = self.scene
        if not scene.pictures:
            return
        columns = round(self.plot.width() * self.devicePixelRatioF())
        shown = max((scene.last - scene.first) / max(1, columns), FINEST_HOP / RATE)
        best = scene.pictures[-1]
        covered = best.start <= scene.first + shown and best.end >= scene.last - shown
        if not covered or (best.end - best.start) / best.db.shape[1] > 1.5 * shown:
            # half a width on either side, so that panning does not show blurred edges at once
            spare = (scene.last - scene.first) / 2
            first, last = max(0.0, scene.first - spare), min(scene.seconds, scene.last + spare)
            if last > first:
                self.detail_asked.emit(first, last, max(1, round((last - first) / shown)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        ratio = self.devicePixelRatioF()
        if self._image is None or self._image.devicePixelRatio() != ratio:
            self._image = paint(self.size(), ratio, self.scene, self.font(), self.palette(), colours())
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        painter.drawImage(0, 0, self._image)
        if self.scene.pictures:
            self._paint_region(painter)
            self._paint_playhead(painter)
        if self.hasFocus():
            painter.setPen(self.palette().color(QPalette.ColorRole.Highlight))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_region(self, painter: QPainter) -> None:
        if self.region is None:
            return
        plot = self.plot
        left, right = (min(max(self.scene.x_of(x, plot), plot.left()), plot.right() + 1) for x in self.region)
        colour = QColor(colours().region)
        painter.setPen(QPen(colour, 1))
        for x in (left, right):
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        colour.setAlpha(56)
        painter.fillRect(QRectF(left, plot.top(), right - left, plot.height()), colour)

    def _paint_playhead(self, painter: QPainter) -> None:
        if self.playhead is None or not self.scene.first <= self.playhead <= self.scene.last:
            return
        plot = self.plot
        x = min(round(self.scene.x_of(self.playhead, plot)), plot.right())
        painter.fillRect(x - 1, plot.top(), 3, plot.height(), QColor(0, 0, 0, 130))
        painter.fillRect(x, plot.top(), 1, plot.height(), QColor(colours().playhead))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.pressed.emit()
        button, at = event.button(), event.position()
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and shifted):
            self._grabbed = ("pan", at, self.scene.first)
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif button == Qt.MouseButton.LeftButton:
            self._grabbed = ("point", at, self.scene.seconds_at(at.x(), self.plot))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._grabbed is None or not self.scene.pictures:
            return
        what, origin, moment = self._grabbed
        moved = event.position().x() - origin.x()
        if what == "pan":
            first = moment - moved / self.plot.width() * (self.scene.last - self.scene.first)
            self.set_visible_seconds(first, first + self.scene.last - self.scene.first)
        elif what == "mark" or abs(moved) >= QApplication.startDragDistance():
            self._grabbed = ("mark", origin, moment)
            here = self.scene.seconds_at(event.position().x(), self.plot)
            self.set_region((min(moment, here), max(moment, here)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        grabbed, self._grabbed = self._grabbed, None
        self.setCursor(Qt.CursorShape.CrossCursor)
        if grabbed is None or not self.scene.pictures:
            return
        what, _, moment = grabbed
        if what == "mark" and self.region is not None and self.region[1] - self.region[0] >= MEANT_SECONDS:
            self.region_changed.emit(*self.region)
        elif what != "pan":
            self.seek_asked.emit(moment)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self.region is not None:
            self.set_region(None)
            self.region_changed.emit(None, None)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        turned = event.angleDelta()
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        span = self.scene.last - self.scene.first
        if abs(turned.x()) > abs(turned.y()):
            first = self.scene.first - turned.x() / 120 * span / 10
            self.set_visible_seconds(first, first + span)
        elif turned.y() and (self.wheel_zooms or ctrl):
            about = self.scene.seconds_at(event.position().x(), self.plot)
            self.zoom(STEP ** (-turned.y() / 120), about)
        else:
            event.ignore()
            return
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in ZOOM_IN:
            self.zoom(1 / STEP)
        elif event.key() in ZOOM_OUT:
            self.zoom(STEP)
        elif event.key() == Qt.Key.Key_0:
            self.show_all()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom(1 / max(0.1, 1 + event.value()), self.scene.seconds_at(event.position().x(), self.plot))
            return True
        if isinstance(event, QHelpEvent):
            told = self.told_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), tip(*told.splitlines()), self)
            return True
        return super().event(event)

    def told_at(self, x: float, y: float) -> str:
        """What lies under a pixel: moment, pitch and activations; the message where there is no picture."""
        scene, plot = self.scene, self.plot
        if not scene.pictures or not plot.contains(int(x), int(y)):
            return scene.message or self.toolTip()
        moment = scene.seconds_at(x, plot)
        lines = [f"{moment:.3f} s, {hertz_at((plot.bottom() + 1 - y) / plot.height()):.0f} Hz"]
        for one in scene.traces:
            here = one.value[(one.start <= moment) & (moment < one.end)]
            name = f"{one.label}: " if one.label else ""
            lines.append(f"{name}{scene.unit} = {here.max():.4g}" if len(here) else f"{name}not active here")
        return "\n".join(lines)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._repaint()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self._repaint()
        self._detail.start()
        super().resizeEvent(event)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(420, 140)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(120, 60)
