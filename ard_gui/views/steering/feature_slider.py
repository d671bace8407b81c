"""A slider in multiples of a feature's maximum, with the feature's activations on the probing set behind its handle."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRect, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QWheelEvent,
)  # fmt: skip
from PySide6.QtWidgets import QSizePolicy, QSlider

from ard_gui.services.activation_histogram import Activations
from ard_gui.state.steering_rows import PAGE, STEP, USUAL, reach
from ard_gui.theme import colours
from ard_gui.views.axis_ticks import round_ticks, tick_texts
from ard_gui.views.canvas_paint import small_font

PER_UNIT = 20
"""Steps of the handle per unit of the amount."""
HANDLE = 9
BAR_OPACITY = 110


class FeatureSlider(QSlider):
    """Drag, arrows, Page ↑ and ↓, Home for 0, End for the far end, double click for where it stood at first.

    Signals
    -------
    about_to_move()
        By hand; before `moved`.
    moved(amount: float)
        By hand; `show_amount` emits nothing.
    let_go()
        A run of moves is over.
    """

    about_to_move = Signal()
    moved = Signal(float)
    let_go = Signal()

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.amount, self.relative, self.negative = USUAL, True, False
        self.activations: Activations | None = None
        self.setSingleStep(round(STEP * PER_UNIT))
        self.setPageStep(round(PAGE * PER_UNIT))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fit(USUAL)
        self.setValue(round(USUAL * PER_UNIT))
        self.valueChanged.connect(self._value_changed)

    def show_amount(self, amount: float, *, relative: bool, negative: bool) -> None:
        """Stand at an amount; the far end follows an amount that is beyond it, but not while the handle is held."""
        self.amount, self.relative, self.negative = amount, relative, negative
        with QSignalBlocker(self):
            if not self.isSliderDown():
                self._fit(amount)
            self.setValue(round(amount * PER_UNIT))
        self.update()

    def show_activations(self, found: Activations | None) -> None:
        self.activations = found
        self.update()

    def _fit(self, amount: float) -> None:
        top = round(reach(amount) * PER_UNIT)
        self.setRange(-top if self.negative else 0, top)

    def _value_changed(self, value: int) -> None:
        self.amount = value / PER_UNIT
        self.about_to_move.emit()
        self.moved.emit(self.amount)

    # where things are

    @property
    def ground(self) -> QRect:
        """Where the bars stand; its width is the range of the slider."""
        below = QFontMetrics(small_font(self.font())).height() + 3
        half = HANDLE // 2 + 1
        return QRect(half, 1, max(1, self.width() - 2 * half), max(1, self.height() - below - 1))

    def x_of(self, amount: float) -> float:
        """Where an amount stands."""
        low, high = self.minimum() / PER_UNIT, self.maximum() / PER_UNIT
        share = (amount - low) / (high - low)
        return self.ground.left() + min(max(share, 0.0), 1.0) * self.ground.width()

    def amount_at(self, x: float) -> float:
        """The amount at a place, on the slider's steps."""
        low, high = self.minimum(), self.maximum()
        share = min(max((x - self.ground.left()) / self.ground.width(), 0.0), 1.0)
        return round(low + share * (high - low)) / PER_UNIT

    # by hand

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setValue(round(self.amount_at(event.position().x()) * PER_UNIT))
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.isSliderDown():
            self.setValue(round(self.amount_at(event.position().x()) * PER_UNIT))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.isSliderDown() and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)
            self.let_go.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self.setValue(round(USUAL * PER_UNIT))
            self.let_go.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """The wheel scrolls the panel: a value that changed in passing would be asked of the model."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Home:
            self.setValue(0)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        super().keyReleaseEvent(event)
        if not event.isAutoRepeat():
            self.let_go.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.let_go.emit()

    # painting

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setFont(small_font(self.font()))
        ground = self.ground
        painter.fillRect(ground, self.palette().color(QPalette.ColorRole.Base))
        self._paint_bars(painter, ground)
        self._paint_axis(painter, ground)
        self._paint_handle(painter, ground)
        painter.end()

    def _paint_bars(self, painter: QPainter, ground: QRect) -> None:
        found = self.activations
        most = 0 if found is None or not self.relative else int(found.counts.max(initial=0))
        if found is None or not most:
            return
        colour = QColor(colours().plot)
        colour.setAlpha(BAR_OPACITY)
        bins, top = len(found.counts), math.log1p(most)
        zero, one = self.x_of(0.0), self.x_of(1.0)
        width = (one - zero) / bins
        for number, count in enumerate(found.counts.tolist()):
            if count:
                height = max(1.0, ground.height() * math.log1p(count) / top)
                left = zero + number * width
                painter.fillRect(QRectF(left, ground.bottom() + 1 - height, max(1.0, width), height), colour)

    def _paint_axis(self, painter: QPainter, ground: QRect) -> None:
        metrics, low, high = painter.fontMetrics(), self.minimum() / PER_UNIT, self.maximum() / PER_UNIT
        unit = "×" if self.relative else ""
        widest = metrics.horizontalAdvance(f"{low if low else high:g}{unit}") + 12
        ticks = round_ticks(low, high, max(1, ground.width() // widest))
        painter.setPen(QColor(colours().line))
        painter.drawLine(ground.bottomLeft(), ground.bottomRight())
        for at, text in zip(ticks, tick_texts(ticks), strict=True):
            x, told = self.x_of(at), f"{text}{unit}"
            painter.setPen(QColor(colours().line))
            painter.drawLine(QPointF(x, ground.bottom()), QPointF(x, ground.bottom() + 3))
            width = metrics.horizontalAdvance(told) + 1
            left = min(max(0.0, x - width / 2), self.width() - width)
            painter.setPen(QColor(colours().muted))
            box = QRectF(left, ground.bottom() + 3, width, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, told)

    def _paint_handle(self, painter: QPainter, ground: QRect) -> None:
        group = QPalette.ColorGroup.Normal if self.isEnabled() else QPalette.ColorGroup.Disabled
        ink = self.palette().color(group, QPalette.ColorRole.WindowText)
        strong = self.palette().color(
            group, QPalette.ColorRole.Highlight if self.isEnabled() else QPalette.ColorRole.Mid
        )
        x, zero = self.x_of(self.amount), self.x_of(0.0)
        painter.fillRect(QRectF(min(x, zero), ground.bottom() - 2, abs(x - zero), 3), strong)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(ink, 1))
        painter.setBrush(strong)
        painter.drawRoundedRect(QRectF(x - HANDLE / 2, ground.top() + 1, HANDLE, ground.height() - 2), 3, 3)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75), 3, 3)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(220, self.minimumSizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        small = QFontMetrics(small_font(self.font())).height()
        return QSize(110, round(self.fontMetrics().height() * 1.5) + small + 6)
