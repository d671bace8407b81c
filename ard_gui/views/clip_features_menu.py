"""The strongest features of a clip as a menu: a key or a click goes to one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from ard_gui.services.feature_lines import ClipFeature
from backend.export.wording import number, title


class ClipFeaturesMenu(QMenu):
    """Signals: asked(feature: int)."""

    asked = Signal(int)

    def __init__(self, parent: QWidget, found: Sequence[ClipFeature], score: str, shown: int) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Features of this clip")
        heading = self.addAction("Strongest features of this clip" if found else "No feature is active in this clip")
        heading.setEnabled(False)
        for one in found:
            name = f"  {title(one.name)}" if one.name else ""
            action = self.addAction(f"{one.feature}{name}\t{score} {number(one.score)}".replace("&", "&&"))
            action.setCheckable(one.feature == shown)
            action.setChecked(one.feature == shown)
            action.triggered.connect(lambda _=False, feature=one.feature: self.asked.emit(feature))
