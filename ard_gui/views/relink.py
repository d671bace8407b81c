"""Find moved sounds: where each folder of a study lies on this machine. The study is never written."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.moved_sounds import Found, Sounds, Verdict, look, sounds_of, verify
from ard_gui.services.worker import Failure, Worker
from ard_gui.session import Session
from ard_gui.theme import row_height
from ard_gui.views.paths import ask_for_folder
from ard_gui.views.plain_text import tip

TITLES = ("Folder in the study", "Looked for in", "Clips", "Missing")
INTRODUCTION = (
    "The study names these folders of sound. If one lies elsewhere on this machine, say where: some of its sounds "
    "are compared with what the study knows of them, and the place is kept in your preferences."
)


class Relink(QDialog):
    """A table of the study's roots; one is mapped to a folder that is verified first."""

    def __init__(self, window: QWidget, session: Session) -> None:
        super().__init__(window)
        self.setWindowTitle("Find moved sounds")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(900, window.width()), min(420, window.height()))
        self._session = session
        self._worker, self._stopped = Worker("moved-sounds"), threading.Event()
        self._sounds: list[Sounds] = []
        self._found: list[Found] = []
        self._offered: tuple[str, Path] | None = None
        self.table = QTableWidget(0, len(TITLES))
        self.note = QLabel("Reading the study's clips …")
        self.note.setAccessibleName("What came of it")
        self.map = QPushButton("Choose its &folder …")
        self.anyway = QPushButton("Use it any&way")
        self.forget = QPushButton("As in the &study")
        self._build()
        session.reader.ready.connect(self._arrived)
        session.reader.failed.connect(self._refused)
        session.study_closing.connect(self.close)
        study = session.overview.study if session.overview is not None else None
        if study is not None:
            session.reader.ask("sounds", lambda: sounds_of(study))

    def try_folder(self, folder: Path) -> None:
        """Compare `folder` with the chosen root; it is taken if nothing in it is wrong."""
        row = self.table.currentRow()
        if not 0 <= row < len(self._sounds):
            return
        sounds, stopped = self._sounds[row], self._stopped.is_set
        self.note.setText(f"Comparing sounds in {folder} …")
        self.anyway.hide()
        self._worker.run(
            lambda: verify(sounds, folder, stopped), lambda verdict: self._judged(sounds, folder, verdict), self._failed
        )

    def _build(self) -> None:
        told = QLabel(INTRODUCTION)
        told.setWordWrap(True)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.table.setHorizontalHeaderLabels(TITLES)
        self.table.setAccessibleName("Folders of sound")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(row_height(self))
        header = self.table.horizontalHeader()
        for column, mode in enumerate(
            (QHeaderView.ResizeMode.Stretch,) * 2 + (QHeaderView.ResizeMode.ResizeToContents,) * 2
        ):
            header.setSectionResizeMode(column, mode)
        self.table.currentCellChanged.connect(lambda *_: self._enable())
        self.map.clicked.connect(self._ask)
        self.anyway.clicked.connect(self._take_offered)
        self.forget.clicked.connect(self._forget)
        self.anyway.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        line = QHBoxLayout()
        for button in (self.map, self.forget, self.anyway):
            line.addWidget(button)
        line.addStretch(1)
        line.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.addWidget(told)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        layout.addLayout(line)
        self._enable()

    def _enable(self) -> None:
        row = self.table.currentRow()
        there = 0 <= row < len(self._found)
        self.map.setEnabled(there)
        self.forget.setEnabled(there and self._found[row].root in self._session.preferences.values.roots)

    def _arrived(self, kind: str, result: list[Sounds]) -> None:
        if kind == "sounds":
            self._sounds = result
            self._look()

    def _refused(self, kind: str, message: str) -> None:
        if kind == "sounds":
            self.note.setText(message)

    def _look(self) -> None:
        self.note.setText("Looking for the sounds …")
        sounds, roots, stopped = self._sounds, self._session.preferences.values.roots, self._stopped.is_set
        self._worker.run(lambda: look(sounds, roots, stopped), self._list, self._failed)

    def _list(self, found: list[Found]) -> None:
        row = max(0, self.table.currentRow())
        self._found = found
        self.table.setRowCount(len(found))
        for number, one in enumerate(found):
            folder = "as in the study" if one.folder == one.root else one.folder
            for column, text in enumerate((one.root, folder, str(one.clips), str(one.missing))):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(one.folder if column == 1 else text))
                if column > 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)
        self.table.setCurrentCell(min(row, len(found) - 1), 0)
        missing, clips = sum(one.missing for one in found), sum(one.clips for one in found)
        self.note.setText(f"{missing} of {clips} clips are missing." if missing else f"All {clips} clips are there.")
        self._enable()

    def _ask(self) -> None:
        row = self.table.currentRow()
        ask_for_folder(self, f"Where {self._found[row].root} lies now", self.try_folder)

    def _judged(self, sounds: Sounds, folder: Path, verdict: Verdict) -> None:
        if verdict.accepted:
            self._take(sounds.root, folder)
            return
        self._offered = (sounds.root, folder)
        self.anyway.setVisible(verdict.right > 0)
        self.note.setText(f"{folder}: {verdict.told()}. It was not taken.")

    def _take_offered(self) -> None:
        if self._offered is not None:
            self._take(*self._offered)

    def _take(self, root: str, folder: Path) -> None:
        self.anyway.hide()
        self._session.preferences.set("roots", self._session.preferences.values.roots | {root: str(folder)})
        self._look()

    def _forget(self) -> None:
        root = self._found[self.table.currentRow()].root
        roots = self._session.preferences.values.roots
        self._session.preferences.set("roots", {name: path for name, path in roots.items() if name != root})
        self._look()

    def _failed(self, failure: Failure) -> None:
        self.note.setText(failure.text)
        self._session.notices.error(failure.text, failure.details)

    def done(self, result: int) -> None:
        """Every way to close ends here: nothing goes on behind a closed dialog."""
        self._stopped.set()
        self._worker.close()
        super().done(result)
