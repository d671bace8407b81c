"""A rating of one to five stars, set by a click; the digits belong to the clip cards."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from ard_gui.theme import colours
from ard_gui.views.glyphs import draw_glyph

STARS = 5


class StarBar(QWidget):
    """Signals: rated(rating: int or None); a click on the present rating takes it away."""

    rated = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rating: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_rating(None)

    def set_rating(self, rating: int | None) -> None:
        self.rating = rating
        told = "not rated" if rating is None else f"rated {rating} of {STARS}"
        self.setAccessibleName(f"Rating: {told}")
        self.setToolTip(f"How well the clip fits the feature: {told} (1–5, 0 takes the rating away)")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        side = self.height()
        for number in range(STARS):
            on = self.rating is not None and number < self.rating
            colour = QColor(colours().star) if on else self.palette().color(QPalette.ColorRole.PlaceholderText)
            box = QRectF(number * side, 0, side, side).adjusted(2, 2, -2, -2)
            draw_glyph(painter, "star", box, colour, filled=on)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        number = int(event.position().x() // max(1, self.height())) + 1
        if event.button() == Qt.MouseButton.LeftButton and 1 <= number <= STARS:
            self.rated.emit(None if number == self.rating else number)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        event.accept()

    def sizeHint(self) -> QSize:  # noqa: N802
        side = max(16, self.fontMetrics().height())
        return QSize(side * STARS, side)
