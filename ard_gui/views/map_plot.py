"""The picture of a map: points, lasso, zoom; by mouse and by keys."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.views.map_colouring import Colouring, faded, pixel
from ard_gui.views.map_geometry import View, inside, nearest, towards
from ard_gui.views.map_raster import draw_points

HIT, STRIDE = 10.0, 3.0
SMALLEST, LARGEST = 1.25, 5.0
SPARSE = 0.2
ZOOM = 1.25
NONE = -1
Mask = npt.NDArray[np.bool_]


class MapPlot(QWidget):
    """Draws points and says which one the person means.

    Dragging moves the map, or draws a lasso where Shift is held or `lasso_mode` is set; the middle and the right
    button always move it. The wheel zooms at the pointer. Arrows go to the nearest point that way, Return chooses it,
    + and − zoom, Home shows all, Escape gives the lasso up.

    Signals
    -------
    hovered(int)
        The feature under the pointer or the keyboard's mark; −1 for none.
    chosen(int)
    lassoed(int array)
    """

    hovered = Signal(int)
    chosen = Signal(int)
    lassoed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.view = View()
        self.places_x = self.places_y = np.empty(0)
        self.current, self.mark = NONE, NONE
        self.lasso_mode = False
        self._colouring: Colouring | None = None
        self._kept: Mask | None = None
        self._palette: dict[str, str] = {}
        self._picture: QImage | None = None
        self._pixels: npt.NDArray[np.uint32] | None = None
        self._fitted = True
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._moved = False
        self._path: list[QPointF] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(160, 120)

    # what is shown

    def set_points(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> None:
        self.places_x, self.places_y = x, y
        self.current = self.mark = NONE
        self._kept = None
        self.fit()

    def set_colouring(self, colouring: Colouring, palette: dict[str, str]) -> None:
        self._colouring, self._palette = colouring, palette
        self._stale()

    def set_kept(self, mask: Mask | None) -> None:
        self._kept = mask
        self._stale()

    def set_current(self, feature: int) -> None:
        self.current = feature if 0 <= feature < len(self.places_x) else NONE
        self.update()

    def fit(self) -> None:
        """Show every point."""
        self._fitted = True
        self.view = View.of(self.places_x, self.places_y, self.width(), self.height())
        self._stale()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge around `at` (the middle if left out)."""
        middle = at or QPointF(self.width() / 2, self.height() / 2)
        self.view = self.view.zoomed(factor, middle.x(), middle.y(), self.width(), self.height())
        self._fitted = False
        self._stale()

    def move_by(self, right: float, down: float) -> None:
        """Shift the picture by so many pixels."""
        self.view = self.view.moved(right, down)
        self._fitted = False
        self._stale()

    def place_of(self, feature: int) -> QPointF:
        """Where a feature's point lies, in the widget's pixels."""
        px, py = self._pixels_of_points()
        return QPointF(px[feature], py[feature])

    def feature_at(self, place: QPointF) -> int:
        """The nearest point within a few pixels; −1 for none. Points that are not faded go first."""
        px, py = self._pixels_of_points()
        found = nearest(px, py, place.x(), place.y(), HIT, self._kept)
        return found if found != NONE else nearest(px, py, place.x(), place.y(), HIT)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(480, 420)

    def _pixels_of_points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return self.view.pixels(self.places_x, self.places_y, self.width(), self.height())

    # drawing

    def _stale(self) -> None:
        self._picture = None
        self.update()

    def _radius(self, px: npt.NDArray[np.float64], py: npt.NDArray[np.float64]) -> float:
        """Larger where the points in sight are few; in steps, so that it rarely changes."""
        with np.errstate(invalid="ignore"):
            seen = int(((px >= 0) & (px < self.width()) & (py >= 0) & (py < self.height())).sum())
        room = math.sqrt(self.width() * self.height() / max(seen, 1))
        return round(4 * min(LARGEST, max(SMALLEST, SPARSE * room))) / 4

    def _draw(self) -> QImage:
        ratio = self.devicePixelRatioF()
        wide, high = max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))
        ground = pixel(self._palette["ground"])
        assert self._colouring is not None
        order, colour = self._colouring.order, self._colouring.colour
        if self._kept is not None:
            colour = np.where(self._kept, colour, np.uint32(faded(self._palette)))
            order = order[np.argsort(self._kept[order], kind="stable")]
        px, py = self._pixels_of_points()
        radius = self._radius(px, py) * ratio
        pixels = draw_points(wide, high, ground, px[order] * ratio, py[order] * ratio, colour[order], radius)
        self._pixels = pixels  # the picture does not own its memory
        picture = QImage(pixels.data, wide, high, 4 * wide, QImage.Format.Format_RGB32)
        picture.setDevicePixelRatio(ratio)
        return picture

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._colouring is None:
            return
        if self._picture is None or self._picture.devicePixelRatio() != self.devicePixelRatioF():
            self._picture = self._draw()
        painter = QPainter(self)
        painter.drawImage(0, 0, self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ring(painter, self.current, "current", 8.0)
        self._ring(painter, self.mark, "text", 6.0)
        if len(self._path) > 1:
            painter.setPen(QPen(QColor(self._palette["current"]), 1))
            veil = QColor(self._palette["current"])
            veil.setAlpha(40)
            painter.setBrush(veil)
            painter.drawPolygon(QPolygonF(self._path))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self._palette["current"]), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _ring(self, painter: QPainter, feature: int, colour: str, radius: float) -> None:
        if 0 <= feature < len(self.places_x):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for width, name in ((4.0, "ground"), (2.0, colour)):
                painter.setPen(QPen(QColor(self._palette[name]), width))
                painter.drawEllipse(self.place_of(feature), radius, radius)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if self._fitted:
            self.fit()
        else:
            self._stale()

    # mouse

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        self.zoom(ZOOM ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._pressed = self._last = event.position()
        self._moved = False
        left = event.button() == Qt.MouseButton.LeftButton
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._path = [event.position()] if left and (self.lasso_mode or shift) else []

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        here = event.position()
        if self._pressed is None:
            self._show_mark(self.feature_at(here))
            return
        far = (here - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        self._moved = self._moved or far
        if self._path:
            if (here - self._path[-1]).manhattanLength() >= STRIDE:
                self._path.append(here)
                self.update()
        elif self._moved:
            self.move_by(here.x() - self._last.x(), here.y() - self._last.y())
            self._last = here

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        path, self._path, pressed, self._pressed = self._path, [], self._pressed, None
        self.update()
        if pressed is None:
            return
        if not self._moved:
            found = self.feature_at(event.position())
            if found != NONE and event.button() == Qt.MouseButton.LeftButton:
                self.chosen.emit(found)
        elif len(path) > 2:
            px, py = self._pixels_of_points()
            corners = np.array([(one.x(), one.y()) for one in path])
            self.lassoed.emit(np.flatnonzero(inside(px, py, corners)))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        super().leaveEvent(event)
        self._show_mark(NONE)

    def _show_mark(self, feature: int) -> None:
        if feature != self.mark:
            self.mark = feature
            self.update()
            self.hovered.emit(feature)

    # keys

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key = event.key()
        ways = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
        }  # fmt: skip
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            super().keyPressEvent(event)
        elif key in ways:
            self._step(*ways[Qt.Key(key)])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(ZOOM)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom(1 / ZOOM)
        elif key == Qt.Key.Key_Home:
            self.fit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.mark != NONE:
            self.chosen.emit(self.mark)
        elif key == Qt.Key.Key_Escape and self._path:
            self._path, self._pressed = [], None
            self.update()
        else:
            super().keyPressEvent(event)

    def _step(self, right: int, down: int) -> None:
        """Mark the nearest point that way, from the marked one, else from the current one, else from the middle."""
        px, py = self._pixels_of_points()
        start = self.mark if self.mark != NONE else self.current
        at = (px[start], py[start]) if start != NONE else (self.width() / 2, self.height() / 2)
        found = towards(px, py, at[0], at[1], right, down, self._kept)
        if found == NONE:
            return
        edge = 4 * HIT
        off_x = min(0.0, px[found] - edge) or max(0.0, px[found] - (self.width() - edge))
        off_y = min(0.0, py[found] - edge) or max(0.0, py[found] - (self.height() - edge))
        if off_x or off_y:
            self.move_by(-off_x, -off_y)
        self._show_mark(found)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()
