"""Whether what stands on labels, buttons and fields fits into them."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QTabBar, QWidget

from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton

FIT = (QLabel, QAbstractButton, QComboBox, QLineEdit)
DRAWN = (ElidedLabel, GlyphButton)
"""They cut their text themselves, with a tool tip, or have none."""


def clipped(window: QWidget) -> list[str]:
    """Visible labels, buttons and fields that are smaller than what stands on them."""
    return [told for one in window.findChildren(QWidget) if (told := _clipped(one))]


def _clipped(one: QWidget) -> str:
    if isinstance(one.parent(), (QAbstractSpinBox, QTabBar)):
        # sized by the style: a number's field has the frame's room too, and a tab bar's arrows have no text
        return ""
    if not isinstance(one, FIT) or isinstance(one, DRAWN) or not one.isVisible() or one.visibleRegion().isEmpty():
        return ""
    wanted = one.sizeHint() if isinstance(one, QLabel) else one.minimumSizeHint()
    wraps = isinstance(one, QLabel) and one.wordWrap()
    height = one.heightForWidth(one.width()) if wraps else wanted.height()
    narrow = one.width() < wanted.width() and not wraps and not isinstance(one, QLineEdit)
    if one.height() >= height and not narrow:
        return ""
    text = one.currentText() if isinstance(one, QComboBox) else one.text()
    where = f"{type(one.parent()).__name__}.{type(one).__name__} {text[:40]!r}"
    return f"{where} {one.width()} × {one.height()} < {wanted.width()} × {height}"
