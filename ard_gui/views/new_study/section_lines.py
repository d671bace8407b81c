"""The sections of a form in a list: the name of each, and below it what was chosen there."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ard_gui.theme import colours

TOLD, KIND = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
"""A few words below the name; "bad" or "warning" where something is to be looked at."""
MARGIN = 6
Index = QModelIndex | QPersistentModelIndex


class SectionLines(QStyledItemDelegate):
    """Two lines an item, the second muted and cut where it does not fit."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        return QSize(super().sizeHint(option, index).width(), 2 * option.fontMetrics.height() + 2 * MARGIN)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        option.text = ""
        style = option.widget.style() if option.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        plain = option.palette.color(QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text)
        kind = str(index.data(KIND) or "")
        line = QRect(option.rect).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        painter.save()
        font = option.font
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(plain if chosen or not kind else QColor(getattr(colours(), kind)))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignTop), str(index.data(Qt.ItemDataRole.DisplayRole)))
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(plain if chosen else QColor(colours().muted))
        told = painter.fontMetrics().elidedText(str(index.data(TOLD) or ""), Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, int(Qt.AlignmentFlag.AlignBottom), told)
        painter.restore()
