"""One folder of sound: how it is laid out, which of its clips are used, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from ard_gui.state.sound_sources import USES, SoundSource
from ard_gui.views.new_study_parts.choice_field import ChoiceField
from ard_gui.views.paths import FolderField
from backend.audio.datasets.base import DATASETS

TABLES = "Tables (*.csv *.tsv *.jsonl *.ndjson *.json *.txt)"


class SourceForm(QWidget):
    """The fields of one `[[audio]]` table.

    Signals
    -------
    edited()
        The person has changed a field.
    """

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.folder = FolderField("Folder of sound")
        self.adapter, self.use, self.manifest = QComboBox(), QComboBox(), QComboBox()
        self.browse = QPushButton("Choose …")
        self.labels = ChoiceField("Labels of the clips to use", grouped=True)
        self.split, self.subset = ChoiceField("Splits to use"), ChoiceField("Parts of the data set to use")
        self._build()

    def values(self) -> dict[str, Any]:
        """The fields as an `[[audio]]` table has them."""
        return {
            "adapter": self.adapter.currentText(), "path": self.folder.text(),
            "manifest": self.manifest.currentText().strip(), "use": self.use.currentData(),
            "labels": [one for one in self.labels.names() if "=" in one.strip("=")], "split": self.split.names(),
            "subset": self.subset.names(),
        }  # fmt: skip

    def show_source(self, source: SoundSource) -> None:
        """Fill the fields, without a signal."""
        values = source.values
        with QSignalBlocker(self.folder.line):
            _write(self.folder.line, values["path"])
        for box, value in ((self.adapter, values["adapter"]), (self.use, values["use"])):
            with QSignalBlocker(box):
                place = box.findText(value) if box is self.adapter else box.findData(value)
                if place < 0 and box is self.adapter:
                    box.addItem(value)
                    place = box.count() - 1
                box.setCurrentIndex(max(0, place))
        self._fill_manifest(values["manifest"], source.preview)
        for field, name in ((self.labels, "labels"), (self.split, "split"), (self.subset, "subset")):
            field.set_names(list(values[name]))
            field.set_known(source.known[name])

    def _fill_manifest(self, manifest: str, preview: Mapping[str, Any] | None) -> None:
        with QSignalBlocker(self.manifest):
            if preview is not None:
                kept = self.manifest.lineEdit().cursorPosition()
                self.manifest.clear()
                self.manifest.addItems(["", *preview["manifests"]])
                self.manifest.setEditText(manifest)
                self.manifest.lineEdit().setCursorPosition(kept)
            elif self.manifest.currentText().strip() != manifest:
                self.manifest.setEditText(manifest)

    def _build(self) -> None:
        self.adapter.addItems(list(DATASETS))
        self.adapter.setToolTip("How the data set is laid out; folder: any folder of sound files.")
        for value, words in USES:
            self.use.addItem(words, value)
        self.manifest.setEditable(True)
        self.manifest.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.manifest.setCompleter(None)  # type: ignore[arg-type]
        self.manifest.lineEdit().setPlaceholderText("none: every sound file is a clip")
        self.manifest.setToolTip("CSV or JSONL with one clip a row: path, start, end, caption, split, labels.")
        for box, name in (
            (self.adapter, "Layout of the data set"), (self.use, "What the clips are used for"),
            (self.manifest, "Table of the clips"),
        ):  # fmt: skip
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(10)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.browse.setAccessibleName("Choose: table of the clips")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for words, widget in (
            ("Fol&der", self.folder), ("Lay&out", self.adapter), ("&Table", self._manifest_row()),
            ("La&bels", self.labels), ("S&plits", self.split), ("P&arts", self.subset), ("&Used", self.use),
        ):  # fmt: skip
            form.addRow(words, widget)
        for line in (self.folder.line, self.manifest.lineEdit()):
            line.textEdited.connect(lambda _: self.edited.emit())
        self.folder.line.textChanged.connect(self._folder_chosen)
        self.manifest.activated.connect(lambda _: self.edited.emit())
        self.adapter.activated.connect(lambda _: self.edited.emit())
        self.use.activated.connect(lambda _: self.edited.emit())
        self.browse.clicked.connect(self._ask_for_table)
        for field in (self.labels, self.split, self.subset):
            field.edited.connect(self.edited)

    def _manifest_row(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.manifest, 1)
        layout.addWidget(self.browse)
        row.setFocusProxy(self.manifest)
        return row

    def _folder_chosen(self) -> None:
        """Not typed: the dialog has written it."""
        if not self.folder.line.hasFocus():
            self.edited.emit()

    def _ask_for_table(self) -> None:
        dialog = QFileDialog(self, "Table of the clips", self.folder.text())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([TABLES, "All files (*)"])
        dialog.fileSelected.connect(self._table_chosen)
        dialog.open()

    def _table_chosen(self, path: str) -> None:
        folder = Path(self.folder.text()).expanduser()
        inside = Path(path).is_relative_to(folder) if self.folder.text() else False
        self.manifest.setEditText(Path(path).relative_to(folder).as_posix() if inside else path)
        self.edited.emit()


def _write(line: Any, text: str) -> None:
    if line.text().strip() != text:
        line.setText(text)
