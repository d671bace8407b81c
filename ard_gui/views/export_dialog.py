"""The export dialog: which features, in which format, where to; progress and stop while it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.services.exporting import Exporter, ExportRequest
from ard_gui.session import Session
from backend.export.own_work import OwnWork

KINDS = {
    "csv": ("CSV table", ".csv"),
    "json": ("JSON document", ".json"),
    "jsonl": ("JSON lines", ".jsonl"),
    "md": ("Markdown", ".md"),
    "html": ("HTML report, one file with sound", ".html"),
    "folder": ("HTML report, a folder", ""),
    "wav": ("WAV files with a manifest, a folder", ""),
}
FOLDERS = ("folder", "wav")


class ExportDialog(QDialog):
    """Not modal: the window can be used while an export is written.

    Parameters
    ----------
    scopes : mapping of str to tuple of int
        What can be exported, by how it is called: {"12 shown features": (3, 5, …)}; the first one is proposed.
    lists : mapping of scope to list key
        Of those that are a named list, so that its order and notes are told.
    """

    def __init__(
        self, parent: QWidget, session: Session, scopes: Mapping[str, tuple[int, ...]], lists: Mapping[str, str]
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export features")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session, self._scopes, self._lists = session, scopes, lists
        self.exporter = Exporter()
        self.scope, self.kind = QComboBox(), QComboBox()
        self.clips, self.sound, self.least = QSpinBox(), QCheckBox("with sounds and pictures"), QCheckBox()
        self.path, self.note, self.progress = QLineEdit(), QLabel(), QProgressBar()
        self._build()
        self._kind_changed()

    def _build(self) -> None:
        self.scope.addItems(list(self._scopes))
        for key, (text, _) in KINDS.items():
            self.kind.addItem(text, key)
        self.clips.setRange(0, 64)
        self.clips.setValue(4)
        self.sound.setChecked(True)
        self.least.setText("the least representative clips too")
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setAccessibleName("Result")
        self.progress.setAccessibleName("Progress")
        self.progress.hide()
        browse = QPushButton("Browse …")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        where = QHBoxLayout()
        where.addWidget(self.path, 1)
        where.addWidget(browse)
        form = QFormLayout()
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Features", self.scope), ("Format", self.kind), ("Clips of each list", self.clips),
            ("Sound", self.sound), ("Clips", self.least),
        )  # fmt: skip
        for label, widget in rows:
            widget.setAccessibleName(label)
            form.addRow(label, widget)
        self.path.setAccessibleName("Write to")
        form.addRow("Write to", where)
        self._form = form
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Close)
        self.save = buttons.button(QDialogButtonBox.StandardButton.Save)
        self.leave = buttons.button(QDialogButtonBox.StandardButton.Close)
        buttons.accepted.connect(self.start)
        buttons.rejected.connect(self._leave)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(self.progress)
        layout.addWidget(buttons)
        self.setMinimumWidth(520)
        self.kind.currentIndexChanged.connect(lambda _: self._kind_changed())
        self.exporter.progressed.connect(self._progressed)
        self.exporter.finished.connect(lambda path, n: self._ended(f"{n} features written to {path}"))
        self.exporter.failed.connect(lambda text, _details: self._ended(text))
        self.exporter.stopped.connect(lambda: self._ended("Stopped; nothing was written."))

    def start(self) -> None:
        """Write what is chosen."""
        text = self.path.text().strip()
        overview = self._session.overview
        if overview is None or not text:
            self.note.setText("Name a place to write to.")
            return
        scope = self.scope.currentText()
        self.save.setEnabled(False)
        self.leave.setText("Stop")
        self.note.setText("")
        self.progress.setRange(0, max(len(self._scopes[scope]), 1))
        self.progress.setValue(0)
        self.progress.show()
        self.exporter.start(ExportRequest(
            overview.study, self._session.ranking_name, self._scopes[scope], self._own(scope),
            str(self.kind.currentData()), Path(text).expanduser(), self.clips.value(), self.sound.isChecked(),
            self.least.isChecked(), dict(self._session.preferences.values.roots),
        ))  # fmt: skip

    def _own(self, scope: str) -> OwnWork:
        now, key = self._session.notes.now, self._lists.get(scope, "")
        found = next(((one, entries) for one, entries in now.lists if one.key == key), None)
        if found is None:
            return OwnWork(now.features, now.clips)
        ordered = enumerate(found[1], start=1)
        entries = {one.feature: (place, one.note) for place, one in ordered if one.sae == now.key}
        return OwnWork(now.features, now.clips, found[0].name, entries)

    def _kind_changed(self) -> None:
        kind = str(self.kind.currentData())
        self._form.setRowVisible(self.sound, kind in ("html", "folder"))
        self._form.setRowVisible(self.least, kind == "wav")
        path = Path(self.path.text().strip() or self._proposed())
        self.path.setText(str(path.with_suffix(KINDS[kind][1])))

    def _proposed(self) -> str:
        overview = self._session.overview
        name = "features" if overview is None else f"{overview.study.root.name}-features"
        return str(Path.home() / name)

    def _browse(self) -> None:
        kind, now = str(self.kind.currentData()), self.path.text()
        if kind in FOLDERS:
            chosen = QFileDialog.getExistingDirectory(self, "Write the new folder into", str(Path(now).parent))
            chosen = str(Path(chosen) / Path(now).name) if chosen else ""
        else:
            chosen, _ = QFileDialog.getSaveFileName(self, "Export to", now, f"*{KINDS[kind][1]}")
        if chosen:
            self.path.setText(chosen)

    def _progressed(self, done: int, _total: int) -> None:
        self.progress.setValue(done)

    def _ended(self, text: str) -> None:
        self.progress.hide()
        self.save.setEnabled(True)
        self.leave.setText("Close")
        self.note.setText(text)

    def _leave(self) -> None:
        if self.save.isEnabled():
            self.close()
        else:
            self.exporter.stop()

    def done(self, result: int) -> None:
        """Closed by any way: the thread ends first."""
        self.exporter.close()
        super().done(result)
