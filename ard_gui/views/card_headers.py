"""The rows between the cards: what a group is, and "show more"."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from ard_gui.services.feature_lines import ClipGroup
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton


class GroupHeader(QWidget):
    """Signals: toggled() by a click anywhere."""

    toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fold = GlyphButton("open", "Fold the group")
        self.fold.clicked.connect(self.toggled)
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        bold = self.title.font()
        bold.setBold(True)
        self.title.setFont(bold)
        self.told = ElidedLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 4, 6, 0)
        layout.setSpacing(6)
        layout.addWidget(self.fold)
        layout.addWidget(self.title)
        layout.addWidget(self.told, 1)

    def show_group(self, group: ClipGroup, folded: bool) -> None:
        count = len(group.lines)
        self.title.setText(f"{group.title} ({count})" if count else f"{group.title}: none")
        self.told.setText(group.told)
        self.told.set_colour(colours().muted)
        self.fold.set_glyph("folded" if folded else "open")
        self.fold.setAccessibleName("Open the group" if folded else "Fold the group")
        self.setAccessibleName(f"{group.title}, {count} clips. {group.told}")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self.toggled.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setPen(QColor(colours().line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)


class MoreRow(QWidget):
    """Signals: asked()."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.clicked.connect(self.asked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addStretch(1)
        layout.addWidget(self.button)
        layout.addStretch(1)

    def show_count(self, hidden: int, title: str) -> None:
        self.button.setText(f"Show {hidden} more")
        self.button.setAccessibleName(f"Show {hidden} more clips of {title}")
