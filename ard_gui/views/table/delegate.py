"""Cells that are more than a number: stars, status and tags as chips, names in any script."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ard_gui.state.column_words import Kind
from ard_gui.theme import Colours, colours
from ard_gui.views.table.model import VALUE

Index = QModelIndex | QPersistentModelIndex
MARGIN = 4
TINT = 38
STATUS_COLOUR: dict[str, Callable[[Colours], str]] = {
    "ok": lambda c: c.good, "insufficient": lambda c: c.warning, "dead": lambda c: c.muted,
}  # fmt: skip


class CellDelegate(QStyledItemDelegate):
    """Draws the cells of one kind of column; the row's ground is the style's."""

    def __init__(self, kind: Kind, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.kind = kind

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if self.kind in ("text", "own") and runs_right_to_left(option.text):
            option.direction = Qt.LayoutDirection.RightToLeft
        if self.kind in ("star", "status", "tags"):
            option.text = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        if self.kind not in ("star", "status", "tags"):
            return
        value = index.data(VALUE)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        palette: QPalette = option.palette
        rect = QRectF(option.rect)
        on_selection = palette.color(QPalette.ColorRole.HighlightedText) if selected else None
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(option.font)
        painter.setClipRect(rect)
        if self.kind == "star":
            _star(painter, rect, bool(value), on_selection)
        elif self.kind == "status":
            colour = STATUS_COLOUR.get(str(value), STATUS_COLOUR["dead"])(colours())
            _chips(painter, rect, (str(value),), on_selection or QColor(colour))
        else:
            _chips(painter, rect, tuple(value), on_selection or palette.color(QPalette.ColorRole.Link))
        painter.restore()


def runs_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction of its own runs from right to left."""
    if text.isascii():
        return False
    strong = (kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL"))
    return next(strong, "L") != "L"


def _star(painter: QPainter, rect: QRectF, starred: bool, on_selection: QColor | None) -> None:
    look = colours()
    size = min(rect.width(), rect.height()) * 0.38
    turns = [(-90 + 36 * i, size * (1 if i % 2 == 0 else 0.42)) for i in range(10)]
    centre = rect.center() + QPointF(0, size * 0.06)
    corners = [centre + QPointF(r * math.cos(math.radians(a)), r * math.sin(math.radians(a))) for a, r in turns]
    colour = on_selection or QColor(look.star if starred else look.muted)
    painter.setPen(QPen(colour, 1.2))
    painter.setBrush(colour if starred else Qt.BrushStyle.NoBrush)
    if not starred:
        painter.setOpacity(0.55)
    painter.drawPolygon(QPolygonF(corners))


def _chips(painter: QPainter, rect: QRectF, texts: tuple[str, ...], colour: QColor) -> None:
    """Texts in rounded frames, as many as fit; the number of the others behind them."""
    metrics = painter.fontMetrics()
    height = min(rect.height() - 4, metrics.height() + 2.0)
    x, end = rect.left() + MARGIN, rect.right() - MARGIN
    for number, text in enumerate(texts):
        left = len(texts) - number
        rest = f"+{left}"
        room = end - x - (metrics.horizontalAdvance(f"+{left - 1}") + MARGIN if left > 1 else 0)
        width = min(metrics.horizontalAdvance(text) + 12.0, room)
        if width < 28 and number:
            painter.setPen(colour)
            painter.drawText(QRectF(x, rect.top(), end - x, rect.height()), Qt.AlignmentFlag.AlignVCenter, rest)
            return
        chip = QRectF(x, rect.center().y() - height / 2, max(width, 1.0), height)
        ground = QColor(colour)
        ground.setAlpha(TINT)
        painter.setBrush(ground)
        painter.setPen(QPen(colour, 1))
        painter.drawRoundedRect(chip.adjusted(0.5, 0.5, -0.5, -0.5), height / 2, height / 2)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, round(width - 10))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, shown)
        x += width + MARGIN
        if x >= end:
            return


def chip_width(text: str) -> int:
    """Width in pixels that a chip with this text needs."""
    return QApplication.fontMetrics().horizontalAdvance(text) + 12 + 2 * MARGIN
