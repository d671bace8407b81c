"""One folder of sound: how it is laid out, which of its clips are used, and for what."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QSizePolicy, QWidget

from ard_gui.state.sound_sources import USES, SoundSource
from ard_gui.views.new_study_parts.choice_field import ChoiceField
from ard_gui.views.new_study_parts.table_field import TableField
from ard_gui.views.paths import FolderField
from backend.audio.datasets.base import DATASETS


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
        self.adapter, self.use = QComboBox(), QComboBox()
        self.manifest = TableField()
        self.labels = ChoiceField("Labels of the clips to use", grouped=True)
        self.split, self.subset = ChoiceField("Splits to use"), ChoiceField("Parts of the data set to use")
        self._build()

    def values(self) -> dict[str, Any]:
        """The fields as an `[[audio]]` table has them."""
        return {
            "adapter": self.adapter.currentText(), "path": self.folder.text(),
            "manifest": self.manifest.line.text().strip(), "use": self.use.currentData(),
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
        with QSignalBlocker(self.manifest.line):
            _write(self.manifest.line, values["manifest"])
        self.manifest.set_place(source.folder, source.tables)
        for field, name in ((self.labels, "labels"), (self.split, "split"), (self.subset, "subset")):
            field.set_names(list(values[name]))
            field.set_known(source.known[name])

    def _build(self) -> None:
        self.adapter.addItems(list(DATASETS))
        self.adapter.setToolTip("How the data set is laid out; folder: any folder of sound files.")
        for value, words in USES:
            self.use.addItem(words, value)
        for box, name in (
            (self.adapter, "Layout of the data set"), (self.use, "What the clips are used for"),
        ):  # fmt: skip
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(10)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for words, widget in (
            ("Fol&der", self.folder), ("Lay&out", self.adapter), ("Tab&le", self.manifest),
            ("La&bels", self.labels), ("S&plits", self.split), ("P&arts", self.subset), ("&Used", self.use),
        ):  # fmt: skip
            form.addRow(words, widget)
        self.folder.line.textEdited.connect(lambda _: self.edited.emit())
        self.folder.line.textChanged.connect(self._folder_chosen)
        self.adapter.activated.connect(lambda _: self.edited.emit())
        self.use.activated.connect(lambda _: self.edited.emit())
        for field in (self.manifest, self.labels, self.split, self.subset):
            field.edited.connect(self.edited)

    def _folder_chosen(self) -> None:
        """Not typed: the dialog has written it."""
        if not self.folder.line.hasFocus():
            self.edited.emit()


def _write(line: QLineEdit, text: str) -> None:
    if line.text().strip() != text:
        line.setText(text)
