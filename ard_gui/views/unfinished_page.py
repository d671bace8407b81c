"""What the window shows of a study without features to show: what is there and what to run."""

from __future__ import annotations

import shlex

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.study_reading import Overview
from ard_gui.session import Session
from ard_gui.state.run_words import STATES, advice, stage_words
from ard_gui.state.runs import RunShown, RunsShown
from ard_gui.views.heading import Heading

WIDEST, STEPS = 760, 1000


class UnfinishedPage(QWidget):
    """Follows the session; as soon as features are there the window shows them instead."""

    def __init__(self, session: Session, actions: Actions) -> None:
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
        self.run = QPushButton("&Run it here")
        self.run.setToolTip(actions.entries["run.everything"].tip)
        self.run.clicked.connect(lambda _=False: actions["run.everything"].trigger())
        self.show_runs = QPushButton("Queue and r&uns")
        self.show_runs.setToolTip(actions.entries["run.show"].tip)
        self.show_runs.clicked.connect(lambda _=False: actions["run.show"].trigger())
        line = QHBoxLayout()
        line.addWidget(self.command, 1)
        line.addWidget(self.copy)
        line.addWidget(self.run)
        self.going = QLabel()
        self.going.setTextFormat(Qt.TextFormat.PlainText)
        self.going.setWordWrap(True)
        self.going.setAccessibleName("The run that goes on")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the run")
        self.bar.setTextVisible(False)
        ahead = QHBoxLayout()
        ahead.addWidget(self.bar, 1)
        ahead.addWidget(self.show_runs)
        self.after = QLabel("The window looks once a second and shows features as soon as there are some.")
        self.after.setWordWrap(True)
        column = QWidget()
        column.setMaximumWidth(WIDEST)
        inner = QVBoxLayout(column)
        inner.addWidget(self.title)
        inner.addWidget(self.told)
        inner.addLayout(line)
        inner.addWidget(self.going)
        inner.addLayout(ahead)
        inner.addWidget(self.after)
        layout = QHBoxLayout(self)
        layout.addWidget(column, 1, Qt.AlignmentFlag.AlignTop)
        session.study_opened.connect(self._show)
        session.study_refreshed.connect(self._show)
        session.ranking_opened.connect(self._show)
        session.run_watch.changed.connect(self._show_runs)
        self._show_runs(session.run_watch.shown)

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
        self._show_runs(self._session.run_watch.shown)

    def _show_runs(self, shown: RunsShown) -> None:
        """The run that goes on, or the first of the queue, which says why nothing does."""
        run = shown.active or next((one for one in shown.rows if one.request), None)
        self.run.setEnabled(run is None and shown.writable)
        self.going.setText("" if run is None else _going(run, shown))
        stage = None if run is None else run.stage
        self.bar.setRange(0, STEPS if stage is None or stage.total > 0 else 0)
        self.bar.setValue(0 if stage is None else round(STEPS * stage.share))
        self.bar.setVisible(stage is not None)
        self.going.setVisible(run is not None)
        self.show_runs.setVisible(run is not None)

    def _offer_command(self, text: str) -> None:
        self.command.setText(text)
        for widget in (self.command, self.copy, self.run):
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
    return f"{done} Run it here, or this in a terminal; it goes on where the study was left."


def _going(run: RunShown, shown: RunsShown) -> str:
    words = run.command.split(" ")
    stage = run.stage
    if stage is not None:
        return f"ard {words[1]}: {stage.name}, {stage_words(stage)}"
    parts = (f"ard {words[1]}: {STATES.get(run.state, run.state)}.", run.text, advice(run, shown))
    return " ".join(part for part in parts if part)
