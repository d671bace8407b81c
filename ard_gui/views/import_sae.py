"""Bring a published SAE into the study: choose it, see its self-check, then queue its import and its ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
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

from ard_gui.services.command_answer import CommandAnswer
from ard_gui.session import Session
from ard_gui.views.convention_table import ConventionTable
from ard_gui.views.paths import ask_for_folder
from backend.study.folder import Study

Steps = Sequence[tuple[str, Sequence[str]]]
FORMATS = ("auto", "ard", "dictionary_learning", "saelens", "sparsify")
ARCHITECTURES = ("topk", "batchtopk", "jumprelu")
AS_THE_FILE_SAYS = "as the file says"
INTRODUCTION = (
    "A file or folder of dictionary_learning or AudioSAE (ae.pt), SAELens, sparsify, or of another study. "
    "The check reconstructs the study's own activations under every convention and writes nothing."
)
NO_LAYER = "No layer of this study has stored activations to check an SAE on. Run › Bring everything up to date."


class ImportSae(QDialog):
    """Asks, checks, and hands the work to the queue.

    Parameters
    ----------
    start : function
        Takes the commands to queue, each after the one before it: `session.run_queue.start_all`.
    """

    def __init__(self, window: QWidget, session: Session, start: Callable[[Steps], object]) -> None:
        super().__init__(window)
        assert session.overview is not None
        self.setWindowTitle("Import SAE")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(min(760, window.width()))
        self._session, self._study, self._start = session, session.overview.study, start
        self.asking = CommandAnswer(self)
        self.source, self.name = QLineEdit(), QLineEdit()
        self.layer, self.format, self.architecture, self.k = QComboBox(), QComboBox(), QComboBox(), QSpinBox()
        self.verdict, self.warnings, self.progress = QLabel(), QLabel(), QProgressBar()
        self.table = ConventionTable()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.check = self.buttons.addButton("C&heck", QDialogButtonBox.ButtonRole.ActionRole)
        self.begin = self.buttons.addButton("Import and &rank", QDialogButtonBox.ButtonRole.AcceptRole)
        self._name()
        self._lay_out()
        self._connect()
        session.worker.run(lambda: stored_layers(self._study), self._show_layers)
        self._changed()

    def words(self) -> list[str]:
        """What stands behind `ard import-sae STUDY`; the source as an absolute path."""
        words = [str(Path(self.source.text().strip()).expanduser().absolute()), "--layer", self.layer.currentText()]
        if self.name.text().strip():
            words += ["--name", self.name.text().strip()]
        if self.format.currentText() != FORMATS[0]:
            words += ["--format", self.format.currentText()]
        if self.architecture.currentIndex() > 0:
            words += ["--architecture", self.architecture.currentText()]
        return words + (["--k", str(self.k.value())] if self.k.value() else [])

    # the check

    def look(self) -> None:
        """Begin the self-check of what is chosen."""
        self._show_verdict("Checking it on the study's activations …")
        self.asking.ask(["import-sae", str(self._study.root), *self.words(), "--check", "--json"])
        self._enable()

    def _answered(self, found: dict[str, Any]) -> None:
        self.table.show_candidates(found["candidates"])
        self.warnings.setText("\n".join(f"• {text}" for text in found["warnings"]))
        self.warnings.setVisible(bool(found["warnings"]))
        self._hold()
        self._fine = not found["problem"]
        what = description(found)
        told = (
            f"It would be refused: {found['problem']}" if found["problem"] else f"It can be imported as {found['id']}."
        )
        self._show_verdict(f"{what}\n{told}" if what else told)
        self._enable()

    def _failed(self, text: str) -> None:
        self._show_verdict(f"It could not be checked: {text}")
        self._enable()

    def _changed(self) -> None:
        """Another question: what was answered before no longer counts."""
        self.asking.stop()
        self._fine = False
        self.table.show_candidates(())
        self.warnings.hide()
        self._show_verdict("")
        self._enable()

    # the work

    def _queue(self) -> None:
        self._start([("import-sae", self.words()), ("run", [])])
        self._session.notices.info("The import is in the queue, and after it whatever the study then lacks.")
        self.accept()

    # building

    def _show_layers(self, layers: list[str]) -> None:
        self.layer.clear()
        self.layer.addItems(layers)
        if not layers:
            self._show_verdict(NO_LAYER)
        self._enable()

    def _show_verdict(self, text: str) -> None:
        self.verdict.setText(text)

    def _enable(self) -> None:
        ready = bool(self.source.text().strip()) and bool(self.layer.currentText())
        self.check.setEnabled(ready and not self.asking.asking)
        self.begin.setEnabled(ready and self._fine)
        self.begin.setToolTip("" if self._fine else "Check it first.")
        self.progress.setVisible(self.asking.asking)

    def _name(self) -> None:
        self.source.setPlaceholderText("a file, e.g. ae.pt, or the folder of one layer")
        self.name.setPlaceholderText("letters, digits, . _ and -; empty for layer and name of the file")
        self.format.addItems(FORMATS)
        self.architecture.addItems([AS_THE_FILE_SAYS, *ARCHITECTURES])
        self.k.setRange(0, 1_000_000)
        self.k.setSpecialValueText(AS_THE_FILE_SAYS)
        self.progress.setRange(0, 0)
        keeps = self.progress.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(keeps)
        self.verdict.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.verdict.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget, name in (
            (self.source, "File or folder of the SAE"), (self.layer, "Layer that it reads"),
            (self.name, "Id in the study"), (self.format, "Format"), (self.architecture, "Architecture"),
            (self.k, "Active features per token"), (self.verdict, "What the check says"),
            (self.warnings, "Warnings"), (self.progress, "The check is running"),
        ):  # fmt: skip
            widget.setAccessibleName(name)
        for label in (self.verdict, self.warnings):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def _lay_out(self) -> None:
        told = QLabel(INTRODUCTION)
        told.setWordWrap(True)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("&SAE", self._source_row())
        form.addRow("&Layer", self.layer)
        form.addRow("&Id", self.name)
        form.addRow("&Format", self.format)
        form.addRow("&Architecture", self.architecture)
        form.addRow("&k", self.k)
        layout = QVBoxLayout(self)
        layout.addWidget(told)
        layout.addLayout(form)
        for widget in (self.progress, self.verdict, self.warnings):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.buttons)
        self.source.setFocus()

    def _source_row(self) -> QWidget:
        file, folder = QPushButton("File …"), QPushButton("Folder …")
        file.setAccessibleName("Choose a file")
        folder.setAccessibleName("Choose a folder")
        file.clicked.connect(self._ask_for_file)
        folder.clicked.connect(
            lambda: ask_for_folder(self, "Folder of the SAE", lambda path: self.source.setText(str(path)))
        )
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.source, 1)
        layout.addWidget(file)
        layout.addWidget(folder)
        row.setFocusProxy(self.source)
        return row

    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self, "File of the SAE", str(Path(self.source.text().strip() or Path.home()).parent))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["SAEs (*.pt *.pth)", "All files (*)"])
        dialog.fileSelected.connect(self.source.setText)
        dialog.open()

    def _connect(self) -> None:
        for line in (self.source, self.name):
            line.textChanged.connect(lambda _: self._changed())
        for box in (self.layer, self.format, self.architecture):
            box.activated.connect(lambda _: self._changed())
        self.k.valueChanged.connect(lambda _: self._changed())
        self.check.clicked.connect(self.look)
        self.buttons.accepted.connect(self._queue)
        self.buttons.rejected.connect(self.reject)
        self.asking.answered.connect(self._answered)
        self.asking.failed.connect(self._failed)
        self._session.study_closing.connect(self.reject)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._hold()

    def _hold(self) -> None:
        """As high as its lines need: Qt leaves room for one of each wrapped text only."""
        layout = self.layout()
        if layout is not None:
            self.setMinimumHeight(layout.totalMinimumHeightForWidth(self.width()))

    def done(self, result: int) -> None:
        """Every way to close ends here."""
        self.asking.close()
        super().done(result)


def stored_layers(study: Study) -> list[str]:
    """Layers that activations are stored of, by stack and number."""
    found = {path.parent.parent.name for path in study.root.glob("activations/*/*/manifest.json")}

    def place(layer: str) -> tuple[str, int, str]:
        stack, _, number = layer.rpartition(".")
        return stack, int(number) if number.isdecimal() else -1, layer

    return sorted(found, key=place)


def description(found: dict[str, Any]) -> str:
    """What the file holds, as far as the check could tell."""
    if not found["architecture"]:
        return f"Format: {found['format']}." if found["format"] else ""
    k = "" if found["k"] is None else f", k = {found['k']}"
    return f"{found['format']}: {found['architecture']}, {found['features']:,} features of width {found['d']:,}{k}."
