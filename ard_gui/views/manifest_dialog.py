"""What stands behind a number: stage, settings, inputs, versions, file and date, to read and to copy."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.services.feature_lines import Behind
from ard_gui.views.plain_text import tip

FIRST = ("stage", "finished", "fingerprint", "settings", "inputs", "outputs", "figures", "packages", "command", "git")


class ManifestDialog(QDialog):
    """Not modal: it can stay beside the page.

    Parameters
    ----------
    what : str
        The number it was asked for: "m = 3.2".
    """

    def __init__(self, parent: QWidget, what: str, behind: Behind) -> None:
        super().__init__(parent)
        self._behind = behind
        self.setWindowTitle(f"Behind {what}" if what else "Manifest")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(620, 460)
        found = behind.manifest
        heading = QLabel(f"{what}\nfrom the stage “{found.get('stage', behind.kind)}”, {found.get('finished', '')}")
        heading.setTextFormat(Qt.TextFormat.PlainText)
        heading.setWordWrap(True)
        path = QLabel(str(behind.path))
        path.setTextFormat(Qt.TextFormat.PlainText)
        path.setWordWrap(True)
        path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        path.setAccessibleName("Manifest file")
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["", "value"])
        self.tree.setAccessibleName("Manifest")
        self.tree.setAlternatingRowColors(True)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        names = [name for name in FIRST if name in found] + [name for name in found if name not in FIRST]
        for name in names:
            self.tree.addTopLevelItem(_item(name, found[name]))
        for name in ("settings", "inputs"):
            for item in self.tree.findItems(name, Qt.MatchFlag.MatchExactly):
                item.setExpanded(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = buttons.addButton("&Copy as JSON", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_path = buttons.addButton("Copy &path", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(lambda: QApplication.clipboard().setText(self.text()))
        self.copy_path.clicked.connect(lambda: QApplication.clipboard().setText(str(behind.path)))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (heading, path, self.tree, buttons):
            layout.addWidget(widget)

    def text(self) -> str:
        """The whole manifest as JSON."""
        return json.dumps(self._behind.manifest, indent=1, ensure_ascii=False)


def _item(name: str, value: Any) -> QTreeWidgetItem:
    """A row for a value, with rows below it for what it holds."""
    if isinstance(value, dict) and value:
        item = QTreeWidgetItem([name, ""])
        item.addChildren([_item(str(key), one) for key, one in value.items()])
        return item
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    item = QTreeWidgetItem([name, text])
    item.setToolTip(1, tip(text))
    return item
