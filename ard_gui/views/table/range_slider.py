"""A slider with two handles over a histogram; superqt's takes no keys and draws no histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ard_gui.theme import colours

BINS = 48
LOW, HIGH = 0, 1
HANDLE = 6.0
OUTSIDE = 120
"""Opacity of the bars of features that the range leaves out, of 255."""
STEP, PAGE = 0.01, 0.1
Key = Qt.Key


@dataclass(frozen=True)
class Scale:
    """Where values of a column lie on a slider from 0 to 1.

    Attributes
    ----------
    low, high : float
        The smallest and largest value.
    floor : float
        0 for a linear scale; else the smallest value above 0, where a logarithmic scale begins.
    """

    low: float
    high: float
    floor: float = 0.0

    def place(self, value: Any) -> Any:
        """Position of a value or an array of them; what lies below the floor is at 0."""
        if self.high <= self.low:
            return np.zeros_like(value, dtype=np.float64) if isinstance(value, np.ndarray) else 0.0
        if not self.floor:
            return np.clip((value - self.low) / (self.high - self.low), 0.0, 1.0)
        found = np.log(np.maximum(value, self.floor) / self.floor) / math.log(self.high / self.floor)
        return np.clip(found, 0.0, 1.0)

    def value(self, place: float) -> float:
        """Value at a position; the ends are exact, so that nothing is lost there by rounding."""
        if place <= 0:
            return self.low
        if place >= 1:
            return self.high
        if not self.floor:
            return self.low + place * (self.high - self.low)
        return float(self.floor * (self.high / self.floor) ** place)


def scale_of(values: npt.NDArray[Any], spread: bool) -> Scale | None:
    """The scale of a column's values, logarithmic for `spread` ones above 0; None where fewer than two differ."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() == known.max():
        return None
    low, high = float(known.min()), float(known.max())
    above = known[known > 0]
    logarithmic = spread and low >= 0 and len(above) and high / float(above.min()) > 20
    return Scale(low, high, float(above.min()) if logarithmic else 0.0)


class RangeSlider(QWidget):
    """Two handles that choose a range; Tab goes from one to the other, the arrows move it.

    Signals
    -------
    range_changed(low: float, high: float)
        By the person, never by `set_range`.
    """

    range_changed = Signal(float, float)

    def __init__(self, name: str, values: npt.NDArray[Any], scale: Scale, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self.scale = name, scale
        places = scale.place(values[np.isfinite(values)].astype(np.float64))
        self._counts = np.histogram(places, bins=BINS, range=(0.0, 1.0))[0]
        self._values = [scale.low, scale.high]
        self._handle = LOW
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._speak()

    @property
    def low(self) -> float:
        return self._values[LOW]

    @property
    def high(self) -> float:
        return self._values[HIGH]

    def set_range(self, low: float, high: float) -> None:
        """Show a range, cut to the scale."""
        low, high = max(low, self.scale.low), min(high, self.scale.high)
        self._values = [min(low, high), max(low, high)]
        self._speak()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(140, self.fontMetrics().height() + 14)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(60, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        by = {
            Key.Key_Left: -STEP, Key.Key_Down: -STEP, Key.Key_Right: STEP, Key.Key_Up: STEP,
            Key.Key_PageDown: -PAGE, Key.Key_PageUp: PAGE, Key.Key_Home: -1.0, Key.Key_End: 1.0,
        }.get(Key(event.key()))  # fmt: skip
        if by is None:
            super().keyPressEvent(event)
        else:
            self._move(float(self.scale.place(self._values[self._handle])) + by)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        if forward == (self._handle == LOW):
            self._take(HIGH if forward else LOW)
            return True
        return super().focusNextPrevChild(forward)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        came = {Qt.FocusReason.TabFocusReason: LOW, Qt.FocusReason.BacktabFocusReason: HIGH}
        self._take(came.get(event.reason(), self._handle))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            place = self._place_at(event.position().x())
            low, high = (float(self.scale.place(one)) for one in self._values)
            nearer_low = abs(place - low) < abs(place - high) or (abs(place - low) == abs(place - high) and place < low)
            self._take(LOW if nearer_low else HIGH)
            self._move(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move(self._place_at(event.position().x()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """The whole range again."""
        self._values = [self.scale.low, self.scale.high]
        self._changed()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look, palette = colours(), self.palette()
        ground = self._ground()
        low, high = (float(self.scale.place(one)) for one in self._values)
        tallest = math.log1p(max(int(self._counts.max()), 1))
        width = ground.width() / BINS
        inside, outside = QColor(look.plot), QColor(look.line)
        outside.setAlpha(OUTSIDE)
        for number, count in enumerate(self._counts.tolist()):
            if count:
                # Counts on a logarithmic height, so that a tail of few features is seen.
                height = max(1.0, ground.height() * math.log1p(count) / tallest)
                middle = (number + 0.5) / BINS
                bar = QRectF(ground.left() + number * width, ground.bottom() - height, width - 0.5, height)
                painter.fillRect(bar, inside if low <= middle <= high else outside)
        painter.setPen(QPen(QColor(look.muted), 1))
        painter.drawLine(ground.bottomLeft(), ground.bottomRight())
        for handle, place in ((LOW, low), (HIGH, high)):
            x = ground.left() + place * ground.width()
            focused = self.hasFocus() and handle == self._handle
            role = QPalette.ColorRole.Highlight if focused else QPalette.ColorRole.Button
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Text), 1.6 if focused else 1))
            painter.drawLine(QPointF(x, ground.top()), QPointF(x, ground.bottom()))
            painter.setBrush(palette.color(role))
            painter.drawEllipse(QPointF(x, ground.bottom()), HANDLE - 1, HANDLE - 1)

    def _ground(self) -> QRectF:
        return QRectF(self.rect()).adjusted(HANDLE + 1, 1, -HANDLE - 1, -HANDLE - 1)

    def _place_at(self, x: float) -> float:
        ground = self._ground()
        return min(max((x - ground.left()) / max(ground.width(), 1.0), 0.0), 1.0)

    def _take(self, handle: int) -> None:
        self._handle = handle
        self._speak()
        self.update()

    def _move(self, place: float) -> None:
        """Put the taken handle at a place; it stops at the other one."""
        value = self.scale.value(place)
        self._values[self._handle] = min(value, self.high) if self._handle == LOW else max(value, self.low)
        self._changed()

    def _changed(self) -> None:
        self._speak()
        self.update()
        self.range_changed.emit(self.low, self.high)

    def _speak(self) -> None:
        end = "lowest" if self._handle == LOW else "highest"
        self.setAccessibleName(f"{self.name}, {end} value {self._values[self._handle]:.4g}")
