"""The self-check of an SAE as a table: each convention under which it was read, and how well it reconstructs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from ard_gui.theme import row_height
from ard_gui.views.plain_text import tip

COLUMNS = (
    ("bias", "pre: the decoder's bias is subtracted before encoding and added after; post: only added; none: left out"),
    ("input", "none: as it is; mean_sq_norm: divided by √E‖x‖²; mean_norm: by E‖x‖/√d; per_vector: each by its norm"),
    ("FVU", "Fraction of variance unexplained: 0 is perfect, 1 is what the mean alone gives, – is not finite"),
    ("L0", "Active features per token"),
    ("", "The file's own reading is kept unless another has less than 0.9 of its FVU"),
)
SHOWN_ROWS = 5


class ConventionTable(QTableWidget):
    """The best first; the chosen one bold."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setAccessibleName("Conventions that were tried")
        for column, (title, says) in enumerate(COLUMNS):
            head = QTableWidgetItem(title)
            head.setToolTip(tip(says))
            self.setHorizontalHeaderItem(column, head)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.ResizeToContents)
        self._fit()

    def show_candidates(self, candidates: Sequence[dict[str, Any]]) -> None:
        """As `ard import-sae --check --json` gives them."""
        rows = sorted(candidates, key=lambda one: (one["fvu"] is None, one["fvu"] or 0.0))
        self.setRowCount(len(rows))
        for row, one in enumerate(rows):
            marks = ["chosen"] * one["chosen"] + ["as the file says"] * one["declared"]
            fvu = "–" if one["fvu"] is None else f"{one['fvu']:.4f}"
            texts = (one["bias_mode"], one["input_scaling"], fvu, f"{one['l0']:.1f}", ", ".join(marks))
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column in (2, 3):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                font = QFont(self.font())
                font.setBold(one["chosen"])
                item.setFont(font)
                self.setItem(row, column, item)
        if rows:
            self.setCurrentCell(next(row for row, one in enumerate(rows) if one["chosen"]), 0)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        self.verticalHeader().setMinimumSectionSize(0)
        self.verticalHeader().setDefaultSectionSize(row_height(self))
        self.setMinimumHeight((SHOWN_ROWS + 1) * row_height(self))
