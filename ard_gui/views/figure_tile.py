"""One number of a feature, with its meaning as tool tip and its manifest behind a click."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from ard_gui.services.feature_lines import Figure
from ard_gui.theme import colours
from ard_gui.views.plain_text import tip

PADDING = 5


class FigureTile(QAbstractButton):
    """Label above, value below; `clicked` asks for what stands behind it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figure: Figure | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_figure(self, figure: Figure) -> None:
        """Become the tile of another number."""
        if figure == self.figure:
            return
        self.figure = figure
        self.setText(f"{figure.label} {figure.text}")
        self.setAccessibleName(f"{figure.label}: {figure.text}")
        self.setAccessibleDescription(figure.told)
        self.setToolTip(tip(f"{figure.label} = {figure.text}", figure.told, "Click: where the number comes from"))
        self.updateGeometry()
        self.update()

    def _fonts(self) -> tuple[QFont, QFont]:
        small, bold = QFont(self.font()), QFont(self.font())
        small.setPointSizeF(max(6.0, small.pointSizeF() * 0.85))
        bold.setBold(True)
        return small, bold

    def sizeHint(self) -> QSize:  # noqa: N802
        small, bold = (QFontMetrics(font) for font in self._fonts())
        figure = self.figure
        texts = ("", "") if figure is None else (figure.label, figure.text)
        width = max(small.horizontalAdvance(texts[0]), bold.horizontalAdvance(texts[1]), 24)
        return QSize(width + 2 * PADDING, small.height() + bold.height() + 2)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self.figure is None:
            return
        painter = QPainter(self)
        palette = self.palette()
        if self.underMouse() or self.hasFocus():
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 3, 3)
        small, bold = self._fonts()
        painter.setFont(small)
        painter.setPen(QColor(colours().muted))
        above = painter.fontMetrics().height()
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextDontClip
        painter.drawText(QRect(PADDING, 1, self.width(), above), flags, self.figure.label)
        painter.setFont(bold)
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        rest = QRect(PADDING, above, self.width(), self.height() - above)
        painter.drawText(rest, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.figure.text)
