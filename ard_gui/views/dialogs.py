"""What the window opens on top of itself: commands, shortcuts, preferences, messages, about, the tour."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QMainWindow, QMessageBox

from ard_gui.actions import Actions
from ard_gui.services.versions import versions
from ard_gui.session import Session

REMEMBERED = 20


class Dialogs(QObject):
    """Makes each when it is asked for, so that the window starts without them."""

    def __init__(self, window: QMainWindow, session: Session, actions: Actions) -> None:
        super().__init__(window)
        self._window, self._session, self._actions = window, session, actions
        self._recent: list[str] = []
        actions.used.connect(self._used)

    def bind(self, actions: Actions) -> None:
        """Answer the actions that open something."""
        actions.bind("view.palette", self.palette)
        actions.bind("help.shortcuts", self.shortcuts)
        actions.bind("edit.preferences", self.preferences)
        actions.bind("help.notices", self.messages)
        actions.bind("help.tour", self.tour)
        actions.bind("help.about", self.about)
        actions.bind("run.import_sae", self.import_sae)

    def palette(self) -> None:
        """Find a command by typing."""
        from ard_gui.views.palette import Palette

        dialog = Palette(self._window, self._session, self._actions, self._recent)
        dialog.chosen.connect(self._run, Qt.ConnectionType.QueuedConnection)
        self._open(dialog)

    def shortcuts(self) -> None:
        """Every command with its keys."""
        from ard_gui.views.shortcut_sheet import ShortcutSheet

        self._open(ShortcutSheet(self._window, self._actions))

    def preferences(self) -> None:
        """Everything that can be set."""
        from ard_gui.views.preferences_dialog import PreferencesDialog

        self._open(PreferencesDialog(self._window, self._session.preferences))

    def messages(self) -> None:
        """Everything that was reported."""
        from ard_gui.views.messages import Messages

        self._open(Messages(self._window, self._session.notices))

    def tour(self) -> None:
        """A short walk through the window."""
        from ard_gui.views.tour import Tour

        Tour(self._window, self._session, self._actions).begin()

    def import_sae(self) -> None:
        """Bring a published SAE into the open study."""
        if self._session.overview is None:
            self._session.notices.warning("Open a study first: an SAE is checked on a study's activations.")
            return
        from ard_gui.views.import_sae import ImportSae

        self._open(ImportSae(self._window, self._session, self._session.run_queue.start_all))

    def about(self) -> None:
        """What this is."""
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("About ARD")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText("ARD: a concept explorer for audio language models.")
        box.setInformativeText(f"Licence: Apache 2.0\n\n{versions()}")
        self._open(box)

    def _open(self, dialog: QDialog) -> None:
        dialog.open()

    def _used(self, id_: str) -> None:
        if id_ != "view.palette":
            self._recent = [id_, *(one for one in self._recent if one != id_)][:REMEMBERED]

    def _run(self, id_: str) -> None:
        """A choice of the palette: an action, or a feature to go to."""
        from ard_gui.views.palette import FEATURE

        if id_.startswith(FEATURE):
            self._session.selection.choose(int(id_.removeprefix(FEATURE)))
        elif id_ in self._actions.usable():
            self._actions[id_].trigger()
