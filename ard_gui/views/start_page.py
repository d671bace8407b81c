"""What the window shows while no study is open: recent studies, open, new, the demo."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session


class StartPage(QWidget):
    """Signals of the session tell it when to change."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self.note = QLabel("No study open. File › Open study …")
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        session.opening_failed.connect(self.note.setText)
        layout = QVBoxLayout(self)
        layout.addWidget(self.note)
