"""The colours of a map under the theme in use."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication, QPalette

from ard_gui.theme import colours

# ten hues that stay apart for the common kinds of colour blindness as far as ten can, darker on light ground
ON_LIGHT = (
    "#1f77b4",
    "#e07b00",
    "#2a8f2a",
    "#c7282d",
    "#8757b8",
    "#8c5a4a",
    "#d457a8",
    "#8a8f00",
    "#0093a8",
    "#3b3f9e",
)
ON_DARK = ("#6fb1e6", "#ffb057", "#7fd07f", "#ff8b88", "#c4a3ec", "#c9a28f", "#f39bd3", "#d6d84f", "#58d4e3", "#a3a8ff")
GREY_ON_LIGHT = {"missing": "#c9cbcd", "other": "#8b8f94", "current": "#c7282d"}
GREY_ON_DARK = {"missing": "#55595e", "other": "#8d9298", "current": "#ffffff"}


def map_palette() -> dict[str, str]:
    """Colours by the names `MapCanvas.set_palette` knows; ask again after a `PaletteChange` event."""
    palette = QGuiApplication.palette()
    ground, text = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
    dark = ground.lightness() < 128
    found = {"ground": ground.name(), "text": text.name(), "point": colours().plot}
    found |= GREY_ON_DARK if dark else GREY_ON_LIGHT
    return found | {f"category{i}": colour for i, colour in enumerate(ON_DARK if dark else ON_LIGHT)}
