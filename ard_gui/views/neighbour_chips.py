"""The features with the nearest decoder directions: their cosine and name, a click or a key goes there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from ard_gui.services.feature_lines import Neighbour
from ard_gui.views.flow import FlowLayout
from ard_gui.views.plain_text import tip

SHOWN = 12
LONGEST = 22


class NeighbourChips(QWidget):
    """Signals: asked(feature: int)."""

    asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Nearest decoder directions")
        self.chips: list[QToolButton] = []
        self.heading = QLabel("Nearest directions:")
        self.heading.setToolTip("Features whose decoder directions have the largest cosine with this one's")
        self._flow = FlowLayout(self, 2, 1)
        self._flow.addWidget(self.heading)
        self._features: list[int] = []

    def show_neighbours(self, near: Sequence[Neighbour]) -> None:
        """Show the nearest ones; those that do not fit are left to the table."""
        found = near[:SHOWN]
        while len(self.chips) < len(found):
            self._add()
        self._features = [one.feature for one in found]
        for chip, one in zip(self.chips, found, strict=False):
            name = one.name if len(one.name) <= LONGEST else one.name[: LONGEST - 1].rstrip() + "…"
            chip.setText(f"{one.cosine:.2f}  {one.feature} {name}".rstrip().replace("&", "&&"))
            told = f"Feature {one.feature}{f': {one.name}' if one.name else ''}, cosine {one.cosine:.3f}"
            chip.setToolTip(tip(told))
            chip.setAccessibleName(told)
        for number, chip in enumerate(self.chips):
            chip.setVisible(number < len(found))
        self.heading.setText("Nearest directions:" if found else "No nearest directions: raw units have none.")

    def _add(self) -> None:
        chip = QToolButton(self)
        chip.setAutoRaise(True)
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        number = len(self.chips)
        chip.clicked.connect(lambda: self.asked.emit(self._features[number]))
        self.chips.append(chip)
        self._flow.addWidget(chip)
