"""A list of clips with their scores: the most or the least representative of one feature."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ard_gui.services.study_reading import ClipLine

COLUMNS = ("#", "clip", "labels", "r", "T")


class ClipList(QWidget):
    """Read-only table under a heading; the full name and caption are in the tool tip."""

    def __init__(self, heading: str) -> None:
        super().__init__()
        self._heading = QLabel(heading)
        font = self._heading.font()
        font.setBold(True)
        self._heading.setFont(font)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(heading)
        self.tree.setHeaderLabels(list(COLUMNS))
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for column, width in ((0, 40), (3, 90), (4, 60)):
            header.resizeSection(column, width)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._heading)
        layout.addWidget(self.tree)

    def show_lines(self, lines: list[ClipLine], score: str) -> None:
        """Replace the rows; `score` names what they are ranked by."""
        self.tree.headerItem().setText(3, score)
        self.tree.clear()
        for rank, line in enumerate(lines, start=1):
            item = QTreeWidgetItem([str(rank), line.name, line.labels, f"{line.score:.4g}", str(line.tokens)])
            for column in (0, 3, 4):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(1, line.name)
            item.setToolTip(2, "\n".join(part for part in (line.labels, line.caption) if part))
            self.tree.addTopLevelItem(item)
