"""Draws the recent studies: name and when at the top, folder and model below."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ard_gui.services.recent_studies import Recent, when
from ard_gui.theme import colours

RECENT = Qt.ItemDataRole.UserRole
PADDING = 8


class StudyRows(QStyledItemDelegate):
    """Two lines a study; one that cannot be opened says why."""

    def sizeHint(self, option: Any, index: Any) -> QSize:  # noqa: N802
        return QSize(200, 2 * option.fontMetrics.height() + 2 * PADDING)

    def paint(self, painter: QPainter, option: Any, index: Any) -> None:
        row: Any = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        found = index.data(RECENT)
        row.text = ""
        row.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        if isinstance(found, Recent):
            painter.save()
            self._draw(painter, row, found)
            painter.restore()

    def _draw(self, painter: QPainter, row: Any, found: Recent) -> None:
        marked = bool(row.state & QStyle.StateFlag.State_Selected)
        text = QPalette.ColorRole.HighlightedText if marked else QPalette.ColorRole.Text
        usual, faint = row.palette.color(text), row.palette.color(text)
        if not marked:
            faint = QColor(colours().muted)
        area = row.rect.adjusted(PADDING, PADDING, -PADDING, -PADDING)
        half = area.height() // 2
        top, bottom = QRect(area.x(), area.y(), area.width(), half), area.adjusted(0, half, 0, 0)
        bold = row.font
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(faint if found.problem else usual)
        _line(painter, top, found.name, "", Qt.TextElideMode.ElideRight, faint)
        bold.setBold(False)
        painter.setFont(bold)
        painter.setPen(faint)
        painter.drawText(top, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), when(found.opened))
        right = found.problem or found.model
        colour = faint if marked or not found.problem else QColor(colours().bad)
        _line(painter, bottom, found.path, right, Qt.TextElideMode.ElideMiddle, colour)


def _line(painter: QPainter, area: QRect, left: str, right: str, elide: Qt.TextElideMode, colour: QColor) -> None:
    """`left`, shortened where it must be, and `right` in `colour`."""
    middle = int(Qt.AlignmentFlag.AlignVCenter)
    metrics = painter.fontMetrics()
    room = area.width() - metrics.horizontalAdvance(right) - 16
    painter.drawText(area, int(Qt.AlignmentFlag.AlignLeft) | middle, metrics.elidedText(left, elide, max(room, 60)))
    painter.setPen(colour)
    painter.drawText(area, int(Qt.AlignmentFlag.AlignRight) | middle, right)
