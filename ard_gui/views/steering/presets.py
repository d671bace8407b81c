"""Features, values and settings under a name: kept, used again, forgotten."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton

from ard_gui.session import Session
from ard_gui.state.steering import Preset

LONGEST = 80


class Presets(QToolButton):
    """A menu of the presets of the shown SAE."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._state = session.steering
        self.list = QMenu(self)
        self.dialog: QInputDialog | None = None
        self.setText("Presets")
        self.setAccessibleName("Presets of features, values and settings")
        self.setToolTip("Features, values and settings under a name")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMenu(self.list)
        self.list.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """The presets as they are now."""
        self.list.clear()
        own = [one for one in self._state.presets if one.ranking == self._state.ranking]
        for one in own:
            self.list.addAction(_named(one)).triggered.connect(partial(self._use, one))
        if own:
            self.list.addSeparator()
        keep = self.list.addAction("&Keep as preset …")
        keep.setEnabled(bool(self._state.now.rows))
        keep.triggered.connect(lambda _=False: self.ask_name())
        forget = self.list.addMenu("&Forget")
        forget.setEnabled(bool(own))
        for one in own:
            forget.addAction(_named(one)).triggered.connect(partial(self._forget, one))

    def ask_name(self) -> None:
        """Ask under which name the present setup is kept."""
        self.dialog = QInputDialog(self)
        self.dialog.setWindowTitle("Keep as preset")
        self.dialog.setLabelText("Name of the preset:")
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.textValueSelected.connect(self._keep)
        self.dialog.open()

    def _keep(self, name: str) -> None:
        if name.strip():
            self._state.keep_preset(" ".join(name.split())[:LONGEST])

    def _use(self, preset: Preset, _checked: bool = False) -> None:
        self._state.use_preset(preset)

    def _forget(self, preset: Preset, _checked: bool = False) -> None:
        self._state.forget_preset(preset)


def _named(preset: Preset) -> str:
    return preset.name.replace("&", "&&")
