"""A dialog that shows, hides and orders the columns of the table, each with what it says."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ard_gui.views.plain_text import tip
from ard_gui.views.table.header import ColumnHeader
from ard_gui.views.table.model import FeatureTableModel

NAME = Qt.ItemDataRole.UserRole


class _ColumnList(QListWidget):
    moved = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if by is not None and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.moved.emit(by)
        else:
            super().keyPressEvent(event)


class ColumnChooser(QDialog):
    """Changes the header at once; there is nothing to confirm."""

    def __init__(self, header: ColumnHeader, model: FeatureTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._header, self._model = header, model
        self._filling = False
        self.setWindowTitle("Columns")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = _ColumnList()
        self.list.setAccessibleName("Columns of the table")
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.TextFormat.PlainText)
        self.says.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.says.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.up, self.down = QPushButton("&Left"), QPushButton("&Right")
        self.usual, self.leave = QPushButton("&Usual columns"), QPushButton("&Close")
        self._build()
        self._fill()

    def _build(self) -> None:
        hint = QLabel("Space shows or hides a column; Alt+↑ and Alt+↓ move it.")
        hint.setWordWrap(True)
        buttons = QHBoxLayout()
        for button in (self.up, self.down, self.usual, self.leave):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        for widget in (hint, self.list, self.says):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.list.itemChanged.connect(self._checked)
        self.list.currentItemChanged.connect(lambda *_: self._explain())
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.usual.clicked.connect(self._usual)
        self.leave.clicked.connect(self.accept)
        self.list.moved.connect(self._move)
        self.resize(420, 520)

    def _fill(self, chosen: str = "") -> None:
        self._filling = True
        self.list.clear()
        for name in self._header.names():
            column = self._model.names.index(name)
            words = self._model.words(column)
            title = "star ★" if name == "star" else self._model.title(column)
            item = QListWidgetItem(title if title.replace(" ", "_") == name else f"{title}   ({name})")
            item.setData(NAME, name)
            item.setToolTip(tip(words.says))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if self._header.is_shown(name) else Qt.CheckState.Unchecked)
            self.list.addItem(item)
            if name == chosen:
                self.list.setCurrentItem(item)
        if not chosen:
            self.list.setCurrentRow(0)
        self._filling = False
        self._explain()

    def _checked(self, item: QListWidgetItem) -> None:
        if self._filling:
            return
        name = item.data(NAME)
        self._header.show_column(name, item.checkState() == Qt.CheckState.Checked)
        if self._header.is_shown(name) != (item.checkState() == Qt.CheckState.Checked):
            self._fill(name)
            self.says.setText("One column must stay.")

    def _explain(self) -> None:
        item = self.list.currentItem()
        if item is not None and not self._filling:
            self.says.setText(self._model.words(self._model.names.index(item.data(NAME))).says)

    def _move(self, by: int) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._header.move_column(item.data(NAME), by)
            self._fill(item.data(NAME))

    def _usual(self) -> None:
        self._header.usual()
        self._fill()
