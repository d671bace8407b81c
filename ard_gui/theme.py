"""Palettes and colours of the window, our own on Qt's Fusion style: the system's scheme cannot be relied on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget


@dataclass(frozen=True)
class Colours:
    """What the views draw with, beside Qt's palette.

    Attributes
    ----------
    trace : str
        A feature's activation over a spectrogram.
    traces : tuple of str
        Of several features over one spectrogram; `trace` first.
    playhead, region : str
    star, good, bad, warning, muted : str
        Stars; thumbs up and down; banners; secondary text.
    line : str
        Frames of cards and axes.
    plot : str
        Bars and points where no value colours them.
    spectrogram : str
        Name of the colour map: dark ground in every theme, so that traces stay readable.
    """

    trace: str
    playhead: str
    region: str
    star: str
    good: str
    bad: str
    warning: str
    muted: str
    line: str
    plot: str
    spectrogram: str = "magma"
    traces: tuple[str, ...] = ("#35e0c0", "#ffb000", "#5ab4ff", "#ff7fd0", "#a4d610", "#c9a0ff")


PALETTES: dict[str, dict[str, str]] = {
    "light": {
        "Window": "#f4f4f2", "WindowText": "#1b1b1b", "Base": "#ffffff", "AlternateBase": "#f4f6f8", "Text": "#1b1b1b",
        "Button": "#e9e9e6", "ButtonText": "#1b1b1b", "Highlight": "#1f6fb2", "HighlightedText": "#ffffff",
        "PlaceholderText": "#6b6b6b", "ToolTipBase": "#ffffff", "ToolTipText": "#1b1b1b", "Link": "#1558a0",
    },
    "dark": {
        "Window": "#232629", "WindowText": "#e8e8e6", "Base": "#1b1d20", "AlternateBase": "#22262a", "Text": "#e8e8e6",
        "Button": "#31363b", "ButtonText": "#e8e8e6", "Highlight": "#2f6ea8", "HighlightedText": "#ffffff",
        "PlaceholderText": "#9a9fa4", "ToolTipBase": "#31363b", "ToolTipText": "#e8e8e6", "Link": "#7fb6e8",
    },
    "high contrast": {
        "Window": "#000000", "WindowText": "#ffffff", "Base": "#000000", "AlternateBase": "#101010", "Text": "#ffffff",
        "Button": "#000000", "ButtonText": "#ffffff", "Highlight": "#ffd500", "HighlightedText": "#000000",
        "PlaceholderText": "#c8c8c8", "ToolTipBase": "#000000", "ToolTipText": "#ffffff", "Link": "#4fd8ff",
        "Light": "#ffffff", "Midlight": "#d0d0d0", "Mid": "#ffffff", "Dark": "#ffffff", "Shadow": "#ffffff",
    },
}  # fmt: skip
COLOURS = {
    "light": Colours(
        trace="#35e0c0", playhead="#ffffff", region="#8fd0ff", star="#b37400", good="#1c7c3c", bad="#b3261e",
        warning="#8a5a00", muted="#5f6368", line="#c4c6c8", plot="#1f6fb2",
    ),
    "dark": Colours(
        trace="#35e0c0", playhead="#ffffff", region="#8fd0ff", star="#f2b544", good="#6fcf8f", bad="#ff8a80",
        warning="#f0b65a", muted="#a3a8ad", line="#4a4f55", plot="#5aa3e0",
    ),
    "high contrast": Colours(
        trace="#00ffd0", playhead="#ffffff", region="#4fd8ff", star="#ffd500", good="#5cff8d", bad="#ff7b7b",
        warning="#ffd500", muted="#e0e0e0", line="#ffffff", plot="#4fd8ff",
    ),
}  # fmt: skip
_SIZE = "ard_font_points"


@runtime_checkable
class Themed(Protocol):
    """A widget with a font, a palette or pictures of its own, which it makes anew for another theme or text size."""

    def theme_changed(self) -> object: ...


THEMES = ("system", "light", "dark", "high contrast")


def scheme(preference: str) -> str:
    """ "light", "dark" or "high contrast" for a theme preference; "system" follows the system."""
    if preference in PALETTES:
        return preference
    hints = QGuiApplication.styleHints()
    return "dark" if hints.colorScheme() == Qt.ColorScheme.Dark else "light"


def apply_theme(application: QApplication, preference: str, font_points: float = 0.0) -> None:
    """Give the whole application a theme and a font size (points; 0 for the system's).

    Every widget that is `Themed` is told: Qt tells one that has a font or a palette of its own nothing of it.
    """
    name = scheme(preference)
    application.setProperty("ard_scheme", name)
    application.setStyle("Fusion")
    palette = QPalette()
    for role, colour in PALETTES[name].items():
        palette.setColor(QPalette.ColorRole[role], QColor(colour))
    faded = QColor(palette.color(QPalette.ColorRole.PlaceholderText))
    for disabled in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, disabled, faded)
    application.setPalette(palette)
    font = application.font()
    usual = application.property(_SIZE)
    if usual is None:
        usual = font.pointSizeF()
        application.setProperty(_SIZE, usual)
    font.setPointSizeF(font_points or float(usual))
    application.setFont(font)
    sheet = _sheet(name, PALETTES[name])
    if application.styleSheet() != sheet:
        application.setStyleSheet(sheet)
    for widget in application.allWidgets():
        if isinstance(widget, Themed):
            widget.theme_changed()


def _sheet(name: str, palette: dict[str, str]) -> str:
    """What Fusion draws too faintly: where the keyboard is, in high contrast."""
    if name != "high contrast":
        return ""
    focus, frame, faint = palette["Highlight"], palette["WindowText"], palette["PlaceholderText"]
    framed = (
        "QPushButton",
        "QLineEdit",
        "QPlainTextEdit",
        "QTextEdit",
        "QAbstractItemView",
        "QComboBox",
        "QAbstractSpinBox",
    )
    focused = ", ".join(f"{kind}:focus" for kind in framed)
    boxes = "QCheckBox::indicator, QRadioButton::indicator, QGroupBox::indicator"
    return (
        f"{', '.join(framed)} {{ border: 1px solid {frame}; }}"
        f"{focused} {{ border: 2px solid {focus}; outline: none; }}"
        f"QPushButton, QLineEdit {{ padding: 4px; }} QPushButton:focus, QLineEdit:focus {{ padding: 3px; }}"
        f"QPushButton:disabled {{ border-color: {faint}; }} QPushButton:checked {{ border: 3px solid {frame}; }}"
        f"QComboBox, QAbstractSpinBox {{ padding: 2px 4px; }}"
        f"QComboBox QLineEdit, QAbstractSpinBox QLineEdit {{ border: none; padding: 0; }}"
        f"{boxes} {{ width: 0.9em; height: 0.9em; border: 1px solid {frame}; }}"
        f"QCheckBox::indicator:checked, QRadioButton::indicator:checked {{ background: {focus}; }}"
        f"QCheckBox:focus, QRadioButton:focus, QToolButton:focus, QSlider:focus {{ border: 2px solid {focus}; }}"
        f"QMenu, QToolTip, QGroupBox {{ border: 1px solid {frame}; }}"
        f"QGroupBox {{ margin-top: 1em; padding-top: 0.4em; }}"
        f"QGroupBox::title {{ subcontrol-origin: margin; left: 8px; }}"
        f"QRadioButton::indicator {{ border-radius: 0.45em; }}"
        f"QSlider::groove:horizontal {{ border: 1px solid {frame}; height: 6px; }}"
        f"QSlider::sub-page:horizontal {{ background: {focus}; border: 1px solid {frame}; }}"
        f"QSlider::handle:horizontal {{ background: {frame}; width: 12px; margin: -5px 0; border-radius: 6px; }}"
        f"QSlider::handle:horizontal:disabled {{ background: {faint}; }}"
        f"QProgressBar {{ border: 1px solid {frame}; }} QProgressBar::chunk {{ background: {focus}; }}"
    )


def points(factor: float) -> QFont:
    """The application's font, `factor` times as large; ask again when it changes (`Themed`)."""
    font = QApplication.font()
    font.setPointSizeF(font.pointSizeF() * factor)
    return font


def row_height(widget: QWidget) -> int:
    """Pixels of a table row at the widget's font."""
    return widget.fontMetrics().height() + 8


def colours() -> Colours:
    """The colours of the theme in use; ask again when the theme changes (`Themed`)."""
    application = QApplication.instance()
    name = application.property("ard_scheme") if application is not None else None
    return COLOURS[str(name)] if name in COLOURS else COLOURS["light"]
