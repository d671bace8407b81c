"""A line for the table that lists a folder's clips, with a menu of those that lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QPushButton, QWidget

KINDS = "Tables (*.csv *.tsv *.jsonl *.ndjson *.json *.txt)"
NONE, OTHER = "None: every sound file is a clip", "Another file …"


class TableField(QWidget):
    """A path, relative to the folder of sound where the table lies in it; empty for none.

    Signals
    -------
    edited()
        The person has named another table.
    """

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._folder, self._tables = Path(), list[str]()
        self.line, self.button, self.menu = QLineEdit(), QPushButton("Choose"), QMenu(self)
        self.line.setAccessibleName("Table of the clips")
        self.line.setPlaceholderText("none: every sound file is a clip")
        self.line.setToolTip("CSV or JSONL with one clip a row: path, start, end, caption, split, labels.")
        self.button.setAccessibleName("Choose: table of the clips")
        self.button.setMenu(self.menu)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.line.textEdited.connect(lambda _: self.edited.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)
        self.setFocusProxy(self.line)

    def set_place(self, folder: Path, tables: Sequence[str]) -> None:
        """The folder of sound, and the tables that lie in it."""
        self._folder, self._tables = folder, list(tables)

    def fill_menu(self) -> None:
        """Make the menu anew from the tables that are known now."""
        self.menu.clear()
        self.menu.addAction(NONE, lambda: self._take(""))
        for name in self._tables:
            self.menu.addAction(name.replace("&", "&&"), lambda name=name: self._take(name))
        self.menu.addAction(OTHER, self._ask)

    def _take(self, name: str) -> None:
        self.line.setText(name)
        self.edited.emit()

    def _ask(self) -> None:
        dialog = QFileDialog(self, "Table of the clips", str(self._folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([KINDS, "All files (*)"])
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    def _chosen(self, path: str) -> None:
        folder = self._folder.absolute()
        inside = Path(path).is_relative_to(folder)
        self._take(Path(path).relative_to(folder).as_posix() if inside else path)
