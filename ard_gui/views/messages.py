"""Everything the window has reported, with details to copy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.versions import versions
from ard_gui.state.notices import Notice, Notices
from ard_gui.views.plain_text import tip

LEVELS = {"info": "note", "warning": "warning", "error": "error"}


class Messages(QDialog):
    """The newest first; what comes while it is open is added."""

    def __init__(self, window: QWidget, notices: Notices) -> None:
        super().__init__(window)
        self.setWindowTitle("Messages")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(860, window.width()), min(560, window.height()))
        self._shown: list[Notice] = []
        self.list = QListWidget()
        self.list.setAccessibleName("Messages")
        self.list.setAlternatingRowColors(True)
        self.details = QPlainTextEdit()
        self.details.setAccessibleName("Details of the message")
        self.details.setReadOnly(True)
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.list.currentRowChanged.connect(self._chosen)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.list)
        splitter.addWidget(self.details)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = buttons.addButton("&Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.details.toPlainText()))
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(splitter, 1)
        layout.addWidget(buttons)
        for notice in notices.all:
            self._add(notice)
        self.list.setCurrentRow(0)
        self.copy.setEnabled(bool(self._shown))
        if not self._shown:
            self.details.setPlainText("Nothing has been reported.")
        ended = notices.added.connect(self._add)
        self.finished.connect(lambda _: ended())
        self.list.setFocus()

    def _add(self, notice: Notice) -> None:
        self._shown.insert(0, notice)
        text = f"{notice.when:%H:%M:%S}  {LEVELS[notice.level]}  {' '.join(notice.text.split())}"
        item = QListWidgetItem(text)
        item.setToolTip(tip(notice.text))
        self.list.insertItem(0, item)
        self.copy.setEnabled(True)

    def _chosen(self, row: int) -> None:
        if 0 <= row < len(self._shown):
            self.details.setPlainText(told(self._shown[row]))


def told(notice: Notice) -> str:
    """A message as someone who looks into it needs it: what, when, details, versions."""
    parts = (f"{LEVELS[notice.level]}, {notice.when:%Y-%m-%d %H:%M:%S}", notice.text, notice.details, versions())
    return "\n\n".join(part for part in parts if part)
