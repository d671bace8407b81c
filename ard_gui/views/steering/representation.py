"""For models that answer nothing: how far their inner state moved, layer by layer and over time."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from ard_gui.services.steering_answers import Representation
from ard_gui.theme import colours
from ard_gui.views.canvas_paint import small_font
from ard_gui.views.plain_text import tip

WHOLE = 1.0
"""A change as large as the state itself: bars and curve reach so far at least, so that conditions can be compared."""


class RepresentationChange(QWidget):
    """Bars: mean ‖h′ − h‖ / ‖h‖ of each layer, with the cosine beside it; below, the last layer's change over time."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: Representation | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_change(self, found: Representation | None) -> None:
        self.shown = found
        told = "" if found is None else "; ".join(
            f"{name}: change {change:.3f}, cosine {cosine:.3f}"
            for name, change, cosine in zip(found.layers, found.change, found.cosine, strict=True)
        )  # fmt: skip
        self.setAccessibleDescription(told)
        self.setToolTip(tip("Bars: mean ‖h′ − h‖ / ‖h‖ of each layer; curve: the last layer's over time.", told))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        found = self.shown
        if found is None:
            return
        painter = QPainter(self)
        painter.setFont(small_font(self.font()))
        height = painter.fontMetrics().height()
        below = QRect(0, self.height() - 3 * height, self.width(), 3 * height)
        self._paint_layers(painter, found, QRect(0, 0, self.width(), max(1, below.top() - 4)))
        if found.frames:
            self._paint_frames(painter, found, below)
        painter.end()

    def _paint_layers(self, painter: QPainter, found: Representation, box: QRect) -> None:
        metrics = painter.fontMetrics()
        rows = max(1, min(len(found.layers), box.height() // metrics.height()))
        first = len(found.layers) - rows
        label = max(metrics.horizontalAdvance(name) for name in found.layers) + 6
        figures = metrics.horizontalAdvance("0.000 cos 0.000") + 6
        most = max((*found.change, WHOLE))
        room = max(1, box.width() - label - figures)
        for row in range(rows):
            layer, top = first + row, box.top() + row * metrics.height()
            painter.setPen(QColor(colours().muted))
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRect(0, top, label, metrics.height()), left, found.layers[layer])
            width = room * found.change[layer] / most
            painter.fillRect(QRectF(label, top + 2, width, metrics.height() - 4), QColor(colours().plot))
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            told = f"{found.change[layer]:.3f} cos {found.cosine[layer]:.3f}"
            painter.drawText(QRect(label + room + 4, top, figures, metrics.height()), left, told)

    def _paint_frames(self, painter: QPainter, found: Representation, box: QRect) -> None:
        most, count = max((*found.frames, WHOLE)), max(1, len(found.frames) - 1)
        painter.setPen(QColor(colours().line))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colours().plot), 1))
        line = [
            QPointF(box.width() * i / count, box.bottom() - (box.height() - 2) * value / most)
            for i, value in enumerate(found.frames)
        ]
        painter.drawPolyline(QPolygonF(line))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(240, self.fontMetrics().height() * 8)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(160, self.fontMetrics().height() * 5)
