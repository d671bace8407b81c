"""What stands still on a clip's canvas: spectrogram, traces, axes; painted once into an image and kept."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPalette

from ard_gui.services.mel_pictures import MelPicture
from ard_gui.theme import Colours
from ard_gui.views.axis_ticks import HERTZ, height_of, hertz_text, round_ticks, seconds_texts, seconds_ticks, tick_texts
from ard_gui.views.canvas_picture import Trace, colour_table, mel_image, trace_columns

LANE, GAP, TICK = 3, 2, 3
MOST_LANES = 4
HALO = QColor(0, 0, 0, 150)
HEADROOM = 0.96


@dataclass
class Scene:
    """Everything a canvas shows that does not move.

    Attributes
    ----------
    pictures : list of MelPicture
        The overview first, then what was computed for the present zoom.
    seconds : float
        Length of the clip.
    first, last : float
        Seconds at the left and the right edge.
    traces : tuple of Trace
    upper : float
        z at the upper edge; 0 for none.
    unit : str
        Of the traces' scale.
    message : str
        In place of a picture.
    range_db : float
    """

    pictures: list[MelPicture] = field(default_factory=list)
    seconds: float = 0.0
    first: float = 0.0
    last: float = 1.0
    traces: tuple[Trace, ...] = ()
    upper: float = 0.0
    unit: str = "z"
    message: str = ""
    range_db: float = 80.0

    def x_of(self, seconds: float, plot: QRect) -> float:
        """Pixel of a moment."""
        return plot.left() + (seconds - self.first) / (self.last - self.first) * plot.width()

    def seconds_at(self, x: float, plot: QRect) -> float:
        """Moment at a pixel, within the clip."""
        share = (x - plot.left()) / max(1, plot.width())
        return min(max(self.first + share * (self.last - self.first), 0.0), self.seconds)

    @property
    def lanes(self) -> int:
        """Strips below the picture that mark the active parts."""
        return min(len(self.traces), MOST_LANES)

    @property
    def value_ticks(self) -> list[float]:
        return round_ticks(0.0, self.upper, 3) if self.upper > 0 else []


def small_font(font: QFont) -> QFont:
    """The font of axis labels."""
    found = QFont(font)
    found.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
    return found


def plot_rect(size: QSize, scene: Scene, metrics: QFontMetrics) -> QRect:
    """Where the picture lies in a canvas of `size`."""
    left = metrics.horizontalAdvance("8 kHz") + TICK + 4
    values = [metrics.horizontalAdvance(text) for text in value_texts(scene)]
    right = max([metrics.horizontalAdvance("0"), *(one + TICK + 4 for one in values)])
    above = metrics.height() // 2 + 2
    below = metrics.height() + TICK + 2 + scene.lanes * (LANE + 1) + GAP
    return QRect(left, above, max(1, size.width() - left - right), max(1, size.height() - above - below))


def value_texts(scene: Scene) -> list[str]:
    """Labels of the traces' scale; the highest one names the unit."""
    texts = tick_texts(scene.value_ticks)
    return [*texts[:-1], f"{scene.unit} {texts[-1]}"] if texts else []


def paint(size: QSize, ratio: float, scene: Scene, font: QFont, palette: QPalette, colours: Colours) -> QImage:
    """The picture of a canvas of `size` logical pixels at `ratio` device pixels each."""
    image = QImage(size * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(palette.color(QPalette.ColorRole.Base))
    painter = QPainter(image)
    painter.setFont(small_font(font))
    plot = plot_rect(size, scene, painter.fontMetrics())
    painter.fillRect(plot, QColor(int(colour_table(colours.spectrogram)[0])))
    if scene.pictures:
        width, height = round(plot.width() * ratio), round(plot.height() * ratio)
        mel = mel_image(scene.pictures, scene.first, scene.last, width, height, scene.range_db, colours.spectrogram)
        mel.setDevicePixelRatio(ratio)
        painter.drawImage(plot.topLeft(), mel)
        for number, trace in enumerate(scene.traces):
            _trace(painter, plot, scene, trace, number, ratio)
        _legend(painter, plot, scene)
    elif scene.message:
        _message(painter, plot, scene.message)
    painter.setPen(QColor(colours.muted))
    _hertz_axis(painter, plot)
    if scene.pictures:
        _seconds_axis(painter, plot, scene, size.width())
        _value_axis(painter, plot, scene)
    painter.end()
    return image


def _trace(painter: QPainter, plot: QRect, scene: Scene, trace: Trace, number: int, ratio: float) -> None:
    """The steps of one feature with a dark edge, and its lane below the picture.

    Painted as rectangles: many times faster than lines of more than one pixel.
    """
    columns = trace_columns(trace, scene.first, scene.last, round(plot.width() * ratio))
    painter.save()
    painter.setClipRect(plot.adjusted(0, 0, 0, GAP + MOST_LANES * (LANE + 1)))
    painter.setPen(Qt.PenStyle.NoPen)
    colour, runs = QColor(trace.colour), _runs(columns)
    if scene.upper > 0:
        areas: list[QRectF] = []
        lines: list[QRectF] = []
        for run in runs:
            _steps(plot, columns, run, scene.upper, ratio, areas, lines)
        for rectangles, brush in (
            (areas, _faded(colour, 46)), ([one.adjusted(-1, -1, 1, 1) for one in lines], HALO), (lines, colour),
        ):  # fmt: skip
            painter.setBrush(brush)
            painter.drawRects(rectangles)
    if number < MOST_LANES:
        top = plot.bottom() + 1 + GAP + number * (LANE + 1)
        painter.setBrush(colour)
        painter.drawRects([QRectF(plot.left() + r[0] / ratio, top, (r[-1] - r[0]) / ratio, LANE) for r in runs])
    painter.restore()


def _faded(colour: QColor, alpha: int) -> QColor:
    found = QColor(colour)
    found.setAlpha(alpha)
    return found


def _runs(columns: npt.NDArray[np.float64]) -> list[list[int]]:
    """Where each unbroken active part begins, changes its value and ends."""
    changes = np.flatnonzero(np.diff(columns, prepend=0.0, append=0.0))
    found: list[list[int]] = []
    inside = False
    for at in changes.tolist():
        if inside:
            found[-1].append(at)
        else:
            found.append([at])
        inside = at < len(columns) and columns[at] > 0
    return found


def _steps(
    plot: QRect, columns: npt.NDArray[np.float64], run: list[int], upper: float, ratio: float,
    areas: list[QRectF], lines: list[QRectF],
) -> None:  # fmt: skip
    """Append what one active part is drawn with: the areas below its steps, and its lines of one pixel."""
    bottom = before = float(plot.bottom() + 1)
    for low, high in itertools.pairwise(run):
        y = float(round(bottom - min(1.0, float(columns[low]) / upper) * plot.height() * HEADROOM))
        left, right = plot.left() + low / ratio, plot.left() + high / ratio
        areas.append(QRectF(left, y, right - left, bottom - y))
        lines.append(QRectF(left, y, right - left, 1))
        lines.append(QRectF(left, min(before, y), 1, abs(before - y)))
        before = y
    lines.append(QRectF(plot.left() + run[-1] / ratio - 1, before, 1, bottom - before))


def _legend(painter: QPainter, plot: QRect, scene: Scene) -> None:
    """Names of several traces, and active tokens that have no time."""
    metrics = painter.fontMetrics()
    lines = [(one.label, one.colour) for one in scene.traces] if len(scene.traces) > 1 else []
    for one in scene.traces:
        timeless = one.value[~one.timed & (one.value > 0)]
        if len(timeless):
            tokens = "token" if len(timeless) == 1 else "tokens"
            lines.append((f"{len(timeless)} active {tokens} without a time, z ≤ {timeless.max():.3g}", one.colour))
    y = plot.top() + 2
    for text, colour in lines:
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, plot.width() - 8)
        box = QRect(plot.left() + 3, y, metrics.horizontalAdvance(shown) + 4, metrics.height())
        if box.bottom() > plot.bottom():
            return
        painter.fillRect(box, HALO)
        painter.setPen(QColor(colour))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)
        y += metrics.height() + 1


def _message(painter: QPainter, plot: QRect, text: str) -> None:
    painter.setPen(QColor("#e8e8e6"))
    # paths may break behind a separator
    breakable = text.replace("/", "/\u200b").replace("\\", "\\\u200b")
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    painter.drawText(plot.adjusted(6, 2, -6, -2), flags, breakable)


def _hertz_axis(painter: QPainter, plot: QRect) -> None:
    metrics = painter.fontMetrics()
    free = -float(metrics.height())
    for hertz in reversed(HERTZ):
        y = plot.bottom() + 1 - min(1.0, height_of(hertz)) * plot.height()
        if y - metrics.height() / 2 < free - 2:
            continue
        free = y + metrics.height() / 2
        painter.drawLine(QPointF(plot.left() - TICK, y), QPointF(plot.left() - 1, y))
        text = hertz_text(hertz) + (" kHz" if hertz == HERTZ[-1] else "")
        box = QRectF(0, y - metrics.height() / 2, plot.left() - TICK - 2, metrics.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


def _seconds_axis(painter: QPainter, plot: QRect, scene: Scene, limit: int) -> None:
    metrics = painter.fontMetrics()
    widest = metrics.horizontalAdvance("00.00") + 18
    ticks = seconds_ticks(scene.first, scene.last, max(1, plot.width() // widest))
    texts = seconds_texts(ticks)
    top = plot.bottom() + 1 + GAP + scene.lanes * (LANE + 1)
    for number, (at, text) in enumerate(zip(ticks, texts, strict=True)):
        x = scene.x_of(at, plot)
        painter.drawLine(QPointF(x, top), QPointF(x, top + TICK - 1))
        text = f"{text} s" if number == len(ticks) - 1 and ":" not in text else text
        width = metrics.horizontalAdvance(text)
        left = min(max(x - metrics.horizontalAdvance(texts[number]) / 2, 0.0), limit - width - 1.0)
        painter.drawText(QRectF(left, top + TICK, width + 1, metrics.height()), Qt.AlignmentFlag.AlignLeft, text)


def _value_axis(painter: QPainter, plot: QRect, scene: Scene) -> None:
    metrics = painter.fontMetrics()
    free = float("inf")
    for at, text in zip(scene.value_ticks, value_texts(scene), strict=True):
        y = plot.bottom() + 1 - at / scene.upper * plot.height() * HEADROOM
        if y + metrics.height() / 2 > free:
            continue
        free = y - metrics.height() / 2
        painter.drawLine(QPointF(plot.right() + 1, y), QPointF(plot.right() + TICK, y))
        box = QRectF(plot.right() + TICK + 2, y - metrics.height() / 2, 200, metrics.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
