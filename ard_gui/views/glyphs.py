"""Signs on buttons, drawn as lines in the colour of the theme: no icon files, sharp at every scale."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

GRID = 16.0
STAR = (
    (8, 1.2),
    (10, 5.9),
    (15, 6.3),
    (11.2, 9.6),
    (12.4, 14.6),
    (8, 11.9),
    (3.6, 14.6),
    (4.8, 9.6),
    (1, 6.3),
    (6, 5.9),
)
THUMB = ((2, 7), (4.6, 7), (7.2, 2.2), (8.6, 1.6), (9.3, 2.8), (8.8, 6), (13.6, 6), (14.4, 7.2), (13, 13.2), (12, 14),
         (6, 14), (4.6, 13.2), (2, 13.2))  # fmt: skip
LINES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "stop": (((3.5, 3.5), (12.5, 3.5), (12.5, 12.5), (3.5, 12.5), (3.5, 3.5)),),
    "loop": (((10.5, 1.2), (13, 3.7), (10.5, 6.2)), ((13, 3.7), (3, 3.7), (3, 8)),
             ((5.5, 14.8), (3, 12.3), (5.5, 9.8)), ((3, 12.3), (13, 12.3), (13, 8))),
    "active": (((1, 12), (4, 12), (4, 4), (8, 4), (8, 12), (10.5, 12), (10.5, 7), (13, 7), (13, 12), (15, 12)),),
    "compare": (((1.5, 5), (13, 5), (10, 2)), ((14.5, 11), (3, 11), (6, 14))),
    "volume": (((2, 6), (5, 6), (9, 2.5), (9, 13.5), (5, 10), (2, 10), (2, 6)), ((11.5, 5), (12.8, 8), (11.5, 11))),
    "mute": (((2, 6), (5, 6), (9, 2.5), (9, 13.5), (5, 10), (2, 10), (2, 6)), ((11, 5.5), (15, 10.5)),
             ((15, 5.5), (11, 10.5))),
    "match": (((3, 14), (3, 5)), ((8, 14), (8, 5)), ((13, 14), (13, 5)), ((1.5, 5), (14.5, 5))),
    "back": (((8, 3), (3, 8), (8, 13)), ((3, 8), (14, 8))),
    "forward": (((8, 3), (13, 8), (8, 13)), ((13, 8), (2, 8))),
    "random": (((1, 4), (4, 4), (11, 12), (14, 12)), ((1, 12), (4, 12), (11, 4), (14, 4)),
               ((12, 2), (14.5, 4), (12, 6)), ((12, 10), (14.5, 12), (12, 14))),
    "edit": (((2.5, 13.5), (3.3, 10.2), (11, 2.5), (13.5, 5), (5.8, 12.7), (2.5, 13.5)), ((9.4, 4.2), (11.8, 6.6))),
    "tag": (((2, 2), (8, 2), (14.5, 8.5), (8.5, 14.5), (2, 8), (2, 2)), ((5, 4.6), (5.2, 5.2))),
    "note": (((3, 1.5), (13, 1.5), (13, 14.5), (3, 14.5), (3, 1.5)), ((5.5, 5), (10.5, 5)), ((5.5, 8), (10.5, 8)),
             ((5.5, 11), (9, 11))),
    "mixed": (((2, 8), (5, 3), (8, 8), (5, 13), (2, 8)), ((8.5, 8), (11.5, 3), (14.5, 8), (11.5, 13), (8.5, 8))),
    "features": (((2, 4), (3, 4)), ((6, 4), (14, 4)), ((2, 8), (3, 8)), ((6, 8), (14, 8)), ((2, 12), (3, 12)),
                 ((6, 12), (14, 12))),
    "device": (((2.5, 10), (2.5, 7), (4.5, 3.5), (8, 2.2), (11.5, 3.5), (13.5, 7), (13.5, 10)),
               ((2, 9.5), (4.5, 9.5), (4.5, 14), (2, 14), (2, 9.5)),
               ((14, 9.5), (11.5, 9.5), (11.5, 14), (14, 14), (14, 9.5))),
    "list": (((3, 3), (13, 3)), ((3, 7), (13, 7)), ((3, 11), (8, 11)), ((11.5, 9), (11.5, 14)),
             ((9, 11.5), (14, 11.5))),
    "steer": (((1.5, 4), (14.5, 4)), ((10.5, 2), (10.5, 6)), ((1.5, 8), (14.5, 8)), ((5, 6), (5, 10)),
              ((1.5, 12), (14.5, 12)), ((8.5, 10), (8.5, 14))),
    "remove": (((3.5, 3.5), (12.5, 12.5)), ((12.5, 3.5), (3.5, 12.5))),
    "folded": (((6, 3.5), (10.5, 8), (6, 12.5)),),
    "wait": (((4, 2), (12, 2), (4, 14), (12, 14), (4, 2)),),
    "failed": (((8, 2), (8, 9.5)), ((8, 13), (8, 13.4))),
    "done": (((2.5, 8.5), (6.5, 12.5), (13.5, 3.5)),),
    "up": (((3.5, 8), (8, 3.5), (12.5, 8)), ((8, 3.5), (8, 13))),
    "down": (((3.5, 8), (8, 12.5), (12.5, 8)), ((8, 12.5), (8, 3))),
    "open": (((3.5, 6), (8, 10.5), (12.5, 6)),),
}  # fmt: skip
FILLED = {
    "play": ((4, 2.5), (13.5, 8), (4, 13.5)),
    "star": STAR,
    "thumb up": THUMB,
    "thumb down": tuple((x, GRID - y) for x, y in THUMB),
}
"""Shapes that are filled when their button is checked; "play" always."""


@lru_cache(maxsize=64)
def _path(name: str) -> QPainterPath:
    path = QPainterPath()
    if name == "pause":
        path.addRect(QRectF(3.5, 2.5, 3, 11))
        path.addRect(QRectF(9.5, 2.5, 3, 11))
    for line in (FILLED[name],) if name in FILLED else LINES.get(name, ()):
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in line]))
        if name in FILLED:
            path.closeSubpath()
    if name == "autoplay":
        path.addPolygon(QPolygonF([QPointF(2, 3), QPointF(9, 8), QPointF(2, 13), QPointF(2, 3)]))
        path.moveTo(12.5, 3)
        path.lineTo(12.5, 13)
    return path


def draw_glyph(painter: QPainter, name: str, box: QRectF, colour: QColor, *, filled: bool = False) -> None:
    """Draw a sign into the middle of `box`, as large as fits."""
    size = min(box.width(), box.height())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(box.center().x() - size / 2, box.center().y() - size / 2)
    painter.scale(size / GRID, size / GRID)
    solid = filled or name in ("play", "pause")
    painter.setBrush(colour if solid else Qt.BrushStyle.NoBrush)
    width = 1.4 if size >= 14 else 1.7
    painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.drawPath(_path(name))
    painter.restore()


class GlyphButton(QToolButton):
    """A flat button with a sign; `name` is what a screen reader says, `tip` is shown on hovering.

    Attributes
    ----------
    colour : str
        Of the sign while it is checked; "" for the text's.
    """

    def __init__(
        self, glyph: str, name: str, tip: str = "", parent: QWidget | None = None, *, checkable: bool = False,
        colour: str = "", focus: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._glyph, self.colour = glyph, colour
        self.setAutoRaise(True)
        self.setCheckable(checkable)
        self.setAccessibleName(name)
        self.setToolTip(tip or name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if focus else Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._fit()

    def set_glyph(self, glyph: str) -> None:
        if glyph != self._glyph:
            self._glyph = glyph
            self.update()

    def _fit(self) -> None:
        side = max(20, self.fontMetrics().height() + 6)
        self.setFixedSize(side, side)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        palette = self.palette()
        group = QPalette.ColorGroup.Normal if self.isEnabled() else QPalette.ColorGroup.Disabled
        colour = palette.color(group, QPalette.ColorRole.ButtonText)
        if self.isChecked():
            colour = QColor(self.colour) if self.colour else palette.color(group, QPalette.ColorRole.Link)
        painter = QPainter(self)
        inset = self.width() * 0.2
        box = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        draw_glyph(painter, self._glyph, box, colour, filled=self.isChecked() and self._glyph in FILLED)
        painter.end()
