"""Palettes of the window, our own on Qt's Fusion style: the system's scheme cannot be relied on."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

LIGHT = {
    "Window": "#f4f4f2", "WindowText": "#1b1b1b", "Base": "#ffffff", "AlternateBase": "#f4f6f8", "Text": "#1b1b1b",
    "Button": "#e9e9e6", "ButtonText": "#1b1b1b", "Highlight": "#1f6fb2", "HighlightedText": "#ffffff",
    "PlaceholderText": "#6b6b6b", "ToolTipBase": "#ffffff", "ToolTipText": "#1b1b1b", "Link": "#1558a0",
}  # fmt: skip
DARK = {
    "Window": "#232629", "WindowText": "#e8e8e6", "Base": "#1b1d20", "AlternateBase": "#22262a", "Text": "#e8e8e6",
    "Button": "#31363b", "ButtonText": "#e8e8e6", "Highlight": "#3b82c4", "HighlightedText": "#ffffff",
    "PlaceholderText": "#9a9fa4", "ToolTipBase": "#31363b", "ToolTipText": "#e8e8e6", "Link": "#7fb6e8",
}  # fmt: skip


def apply_theme(application: QApplication, name: str) -> None:
    """Give the whole application the "light" or "dark" palette."""
    application.setStyle("Fusion")
    palette = QPalette()
    for role, colour in (DARK if name == "dark" else LIGHT).items():
        palette.setColor(QPalette.ColorRole[role], QColor(colour))
    faded = QColor(palette.color(QPalette.ColorRole.PlaceholderText))
    for disabled in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, disabled, faded)
    application.setPalette(palette)
