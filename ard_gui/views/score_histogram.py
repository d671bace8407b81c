"""How many of a feature's active clips have which score: bars over a logarithmic number of clips."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ard_gui.services.feature_lines import Histogram
from ard_gui.theme import colours
from ard_gui.views.axis_ticks import round_ticks, tick_texts
from ard_gui.views.canvas_paint import small_font

MARKS = tuple(factor * 10**power for power in range(6) for factor in (1, 2, 5))


class ScoreHistogram(QWidget):
    """Painted from equal bins of [0, upper]."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counts = np.zeros(0, np.int64)
        self.upper, self.score = math.nan, "r"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Histogram of the clips' scores")

    def show_histogram(self, histogram: Histogram, score: str) -> None:
        """Show another feature's; `score` is what clips are ranked by."""
        self.counts, self.upper, self.score = histogram.counts, histogram.upper, score
        total = int(self.counts.sum())
        self.setAccessibleDescription(f"{total} active clips with {score} up to {self.upper:.4g}" if total else "none")
        self.update()

    @property
    def plot(self) -> QRect:
        """Where the bars stand."""
        metrics = QFontMetrics(small_font(self.font()))
        left = metrics.horizontalAdvance(str(self._marks()[-1])) + 8
        above, below = metrics.height() * 3 // 2 + 2, metrics.height() + 5
        right = metrics.horizontalAdvance("0.00") // 2 + 4
        return QRect(left, above, max(1, self.width() - left - right), max(1, self.height() - above - below))

    def told_at(self, x: float) -> str:
        """What a bar stands for."""
        if not self.counts.sum() or not self.upper > 0:
            return "no active clips"
        plot = self.plot
        bin_ = min(max(int((x - plot.left()) / plot.width() * len(self.counts)), 0), len(self.counts) - 1)
        step = self.upper / len(self.counts)
        clips = int(self.counts[bin_])
        return f"{self.score} {bin_ * step:.3g} … {(bin_ + 1) * step:.3g}: {clips} clip{'' if clips == 1 else 's'}"

    def _marks(self) -> list[int]:
        most = int(self.counts.max(initial=1))
        return [one for one in MARKS if one <= most] or [1]

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setFont(small_font(self.font()))
        metrics, plot, muted = painter.fontMetrics(), self.plot, QColor(colours().muted)
        painter.setPen(muted)
        title = f"active clips by {self.score}"
        painter.drawText(0, 0, self.width(), metrics.height(), Qt.AlignmentFlag.AlignLeft, title)
        if not self.counts.sum() or not self.upper > 0:
            painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, "none")
            return
        top = math.log1p(int(self.counts.max()))
        width = plot.width() / len(self.counts)
        for number, count in enumerate(self.counts.tolist()):
            if count:
                height = max(1.0, plot.height() * math.log1p(count) / top)
                left, right = plot.left() + number * width, plot.left() + (number + 1) * width
                bar = QRectF(round(left), plot.bottom() + 1 - height, max(1, round(right) - round(left) - 1), height)
                painter.fillRect(bar, QColor(colours().plot))
        self._axes(painter, plot, top)

    def _axes(self, painter: QPainter, plot: QRect, top: float) -> None:
        metrics = painter.fontMetrics()
        painter.setPen(QColor(colours().line))
        painter.drawLine(plot.bottomLeft() + QPointF(0, 1).toPoint(), plot.bottomRight() + QPointF(0, 1).toPoint())
        painter.setPen(QColor(colours().muted))
        free = plot.bottom() + metrics.height()
        for mark in self._marks():
            y = plot.bottom() + 1 - plot.height() * math.log1p(mark) / top
            if y + metrics.height() / 2 <= free:
                free = round(y - metrics.height() / 2)
                painter.drawLine(QPointF(plot.left() - 3, y), QPointF(plot.left() - 1, y))
                box = QRectF(0, y - metrics.height() / 2, plot.left() - 5, metrics.height())
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(mark))
        ticks = round_ticks(0.0, self.upper, max(1, plot.width() // 60))
        for at, text in zip(ticks, tick_texts(ticks), strict=True):
            x = plot.left() + at / self.upper * plot.width()
            painter.drawLine(QPointF(x, plot.bottom() + 2), QPointF(x, plot.bottom() + 4))
            width = metrics.horizontalAdvance(text) + 2
            left = min(max(0.0, x - width / 2), self.width() - width)
            painter.drawText(QRectF(left, plot.bottom() + 4, width, metrics.height()), Qt.AlignmentFlag.AlignLeft, text)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.told_at(event.pos().x()), self)
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(230, 60 + 3 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(150, 84)
