"""What the colours of a map mean: a bar with numbers, or a list of categories that wraps."""

from __future__ import annotations

import html

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ard_gui.views.map_colouring import Colouring, pixel

GAP = 8
BAR = 220
LONGEST, LONGEST_TITLE = 160, 320


def tip(text: str) -> str:
    """A tool tip of this text, whatever marks it holds."""
    return f"<span>{html.escape(text)}</span>" if text else ""


class MapLegend(QWidget):
    """Below a map; as high as its entries need at its width."""

    def __init__(self) -> None:
        super().__init__()
        self._colouring: Colouring | None = None
        self._palette: dict[str, str] = {}
        self._places: list[tuple[QRect, str, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend of the map")

    def show_colouring(self, colouring: Colouring, palette: dict[str, str]) -> None:
        self._colouring, self._palette = colouring, palette
        self.setAccessibleDescription(self._told())
        self._arrange()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(BAR + 2 * GAP, self.height())

    def _entries(self) -> list[tuple[str, int]]:
        """Text and colour of each entry; a title has colour −1, the bar −2."""
        found = self._colouring
        if found is None or not found.title:
            return []
        rows = [(found.title, -1)]
        rows += [("", -2)] if len(found.scale) else []
        rows += [(f"{label}  {count}", colour) for label, colour, count in found.entries]
        rows += [(f"no value  {found.missing}", pixel(self._palette["missing"]))] if found.missing else []
        return rows

    def _told(self) -> str:
        ticks = self._colouring.ticks if self._colouring is not None else ()
        numbers = f"from {ticks[0][1]} to {ticks[-1][1]}" if ticks else ""
        return ", ".join(text or numbers for text, _ in self._entries())

    def _arrange(self) -> None:
        """Places of the entries in lines of the present width."""
        metrics = self.fontMetrics()
        line, right = metrics.height() + 4, max(self.width(), BAR + 2 * GAP) - GAP
        x, y, tall = GAP, 2, line
        self._places = []
        for text, colour in self._entries():
            swatch = 0 if colour == -1 else metrics.height()
            longest = min(LONGEST_TITLE if colour == -1 else LONGEST, right - GAP - swatch)
            wide = BAR if colour == -2 else swatch + min(metrics.horizontalAdvance(text) + 4, longest)
            if x > GAP and x + wide > right:
                x, y, tall = GAP, y + tall, line
            high = 2 * line if colour == -2 else line
            self._places.append((QRect(x, y, wide, high), text, colour))
            x, tall = x + wide + 2 * GAP, max(tall, high)
        height = y + tall if self._places else 0
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for rect, text, colour in self._places:
            if colour == -2:
                self._paint_bar(painter, rect)
            else:
                self._paint_entry(painter, rect, text, colour)
        painter.end()

    def _paint_entry(self, painter: QPainter, rect: QRect, text: str, colour: int) -> None:
        if colour >= 0:
            side = self.fontMetrics().height() * 2 // 3
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor.fromRgba(colour))
            painter.drawEllipse(QRect(rect.left(), rect.center().y() - side // 2, side, side))
            rect = rect.adjusted(self.fontMetrics().height(), 0, 0, 0)
        painter.setPen(QColor(self._palette["text"]))
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

    def _paint_bar(self, painter: QPainter, rect: QRect) -> None:
        assert self._colouring is not None
        scale = np.ascontiguousarray(self._colouring.scale)
        image = QImage(scale.data, len(scale), 1, 4 * len(scale), QImage.Format.Format_RGB32)
        half = rect.height() // 2
        painter.drawImage(QRect(rect.left(), rect.top() + 4, rect.width(), half - 6), image)
        painter.setPen(QColor(self._palette["text"]))
        sides = {0.0: Qt.AlignmentFlag.AlignLeft, 1.0: Qt.AlignmentFlag.AlignRight}
        below = QRect(rect.left(), rect.top() + half, rect.width(), half)
        for place, text in self._colouring.ticks:
            painter.drawText(below, sides.get(place, Qt.AlignmentFlag.AlignHCenter) | Qt.AlignmentFlag.AlignTop, text)

    def text_at(self, place: QPoint) -> str:
        """The whole text of the entry there, which may be shown cut."""
        return next((text for rect, text, _ in self._places if rect.contains(place)), "")

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = self.text_at(event.pos())
            QToolTip.showText(event.globalPos(), tip(text), self)
            return True
        return super().event(event)
