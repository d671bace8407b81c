"""Small buttons above the table: what can be asked for with a click, and what narrows the table now."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QPaintEvent, QPalette
from PySide6.QtWidgets import QStyle, QStyleOptionToolButton, QStylePainter, QToolButton, QWidget

from ard_gui.views.flow import FlowLayout
from ard_gui.views.plain_text import tip

LONGEST = 32


class Chip(QToolButton):
    """A button that shows plainly whether it is on: the style's own sign of that is hardly seen in dark themes."""

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        if self.isChecked():
            palette = self.palette()
            palette.setColor(QPalette.ColorRole.Button, palette.color(QPalette.ColorRole.Highlight))
            palette.setColor(QPalette.ColorRole.ButtonText, palette.color(QPalette.ColorRole.HighlightedText))
            option.palette = palette
        QStylePainter(self).drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)


def chip(text: str, name: str, says: str = "", *, checkable: bool = False) -> Chip:
    """A button with a text; `name` is what a screen reader says."""
    button = Chip()
    button.setText(text)
    button.setAccessibleName(name)
    button.setCheckable(checkable)
    if says:
        button.setToolTip(tip(says))
    return button


class ActiveChips(QWidget):
    """Parts of the query that no field shows, each with a way to remove it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._flow = FlowLayout(self)
        self.buttons: dict[str, QToolButton] = {}
        self.hide()

    def show_parts(self, parts: dict[str, tuple[str, Callable[[], object]]]) -> None:
        """Show these: id to text and what a click does."""
        for button in self.buttons.values():
            self._flow.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = {}
        for name, (text, remove) in parts.items():
            short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
            button = chip(f"{short}  ✕", f"Remove {text}", f"{text}: click to remove")
            button.clicked.connect(lambda _checked=False, remove=remove: remove())
            self._flow.addWidget(button)
            self.buttons[name] = button
        self.setVisible(bool(parts))
        self.updateGeometry()
