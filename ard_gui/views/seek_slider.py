"""A slider along a sound: a click goes there, what plays moves it, dragging it moves what plays."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QSlider, QStyle, QWidget

PER_SECOND = 1000
STEP_SECONDS, PAGE_SECONDS = 1, 5


class SeekSlider(QSlider):
    """Signals.

    seek_asked(seconds: float)
        By mouse or keys; not when `show_place` moves it.
    """

    seek_asked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSingleStep(STEP_SECONDS * PER_SECOND)
        self.setPageStep(PAGE_SECONDS * PER_SECOND)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setRange(0, 0)
        self.valueChanged.connect(lambda value: self.seek_asked.emit(value / PER_SECOND))

    def show_place(self, seconds: float, length: float) -> None:
        """Where the sound is; left alone while a person drags it."""
        with QSignalBlocker(self):
            self.setMaximum(round(length * PER_SECOND))
            if not self.isSliderDown():
                self.setValue(round(seconds * PER_SECOND))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, None, self)
            at = round(event.position().x()) - handle // 2
            self.setValue(QStyle.sliderValueFromPosition(0, self.maximum(), at, self.width() - handle))
        super().mousePressEvent(event)
