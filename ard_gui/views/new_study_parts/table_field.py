"""A line for the table that lists a folder's clips, with a menu of those that lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from ard_gui.views.new_study_parts.menu_line import MenuLine

KINDS = "Tables (*.csv *.tsv *.jsonl *.ndjson *.json *.txt)"
NONE, OTHER = "None: every sound file is a clip", "Another file …"


class TableField(MenuLine):
    """A path, relative to the folder of sound where the table lies in it; empty for none.

    Signals
    -------
    edited()
        The person has named another table.
    """

    def __init__(self) -> None:
        super().__init__(
            "Table of the clips", "table of the clips", "none: every sound file is a clip",
            "CSV or JSONL with one clip a row: path, start, end, caption, split, labels.",
        )  # fmt: skip
        self.menu.aboutToShow.connect(self.fill_menu)
        self._folder, self._tables = Path(), list[str]()

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
