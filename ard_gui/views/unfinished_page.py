"""What the window shows of a study without features to show: what is there and what to run."""

from __future__ import annotations

import shlex

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ard_gui.services.study_reading import Overview
from ard_gui.session import Session
from ard_gui.views.heading import Heading

WIDEST = 760


class UnfinishedPage(QWidget):
    """Follows the session; as soon as features are there the window shows them instead."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.title = Heading()
        self.told = QLabel()
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName("Command to run in a terminal")
        self.command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.copy = QPushButton("&Copy command")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.command.text()))
        line = QHBoxLayout()
        line.addWidget(self.command, 1)
        line.addWidget(self.copy)
        self.after = QLabel("The window looks once a second and shows features as soon as there are some.")
        self.after.setWordWrap(True)
        column = QWidget()
        column.setMaximumWidth(WIDEST)
        inner = QVBoxLayout(column)
        inner.addWidget(self.title)
        inner.addWidget(self.told)
        inner.addLayout(line)
        inner.addWidget(self.after)
        layout = QHBoxLayout(self)
        layout.addWidget(column, 1, Qt.AlignmentFlag.AlignTop)
        session.study_opened.connect(self._show)
        session.study_refreshed.connect(self._show)
        session.ranking_opened.connect(self._show)

    def show_problem(self, text: str) -> None:
        """Say why the features of the open study cannot be shown."""
        found = self._session.overview
        if found is not None:
            self.title.setText(f"The features of {found.study.root.name} cannot be shown")
            self.told.setText(text)
            self._offer_command("")

    def _show(self) -> None:
        found = self._session.overview
        if found is None:
            return
        self.title.setText(f"{found.study.root.name} has no features yet")
        if self._session.ranking is not None and not self._session.features:
            self.told.setText(_empty(self._session.ranking_name))
        elif not found.rankings:
            self._session.worker.run(lambda: _state(found), self.told.setText)
        self._offer_command(f"ard run {shlex.quote(str(found.study.root))}")

    def _offer_command(self, text: str) -> None:
        self.command.setText(text)
        for widget in (self.command, self.copy):
            widget.setVisible(bool(text))


def _empty(name: str) -> str:
    return f"The results of {name} hold no feature at all. Another SAE can be trained with a changed study.toml."


def _state(found: Overview) -> str:
    """What has been done, what comes next; it looks at the disk."""
    if not found.study.index_manifest.exists():
        done = "Its folders of sound have not been listed yet."
    elif not found.clips:
        done = "Its index lists no clip. Look at the folders under [[audio]] in study.toml."
    else:
        saes = len(found.study.sae_ids())
        trained = f"{saes} SAE{'' if saes == 1 else 's'}" if saes else "no SAE"
        done = f"It lists {found.clips} clips and has {trained}, but no ranked features."
    return f"{done} Run this in a terminal; it goes on where the study was left."
