"""What the window shows while no study is open: recent studies, open, new, the demo."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QSize, Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ard_gui.actions import Actions
from ard_gui.services.recent_studies import Recent, recent_studies, when
from ard_gui.session import Session
from ard_gui.views.heading import Heading
from ard_gui.views.plain_text import tip
from ard_gui.views.study_rows import RECENT, StudyRows

WIDEST = 820
WAYS = (
    ("file.open", "Choose the folder of a study that is there."),
    ("file.new", "From a model and folders of sound."),
    ("file.demo", "A small model, its sounds and features; made here in a minute or two."),
)


class StartPage(QWidget):
    """Lists the recent studies; Enter or a double click opens one, Delete takes it off the list."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self._fresh = True
        self.title = Heading("ARD", 2.2)
        self.subtitle = QLabel("Browse, hear and judge what an audio language model has learned.")
        self.subtitle.setWordWrap(True)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setVisible(False)
        self.recent = QListWidget()
        self.recent.setAccessibleName("Recent studies")
        self.recent.setItemDelegate(StudyRows(self.recent))
        self.recent.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.recent.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.recent.customContextMenuRequested.connect(self._menu)
        self.recent.itemActivated.connect(self._open)
        self.recent.installEventFilter(self)
        self.remove = QPushButton("&Remove from list")
        self.remove.setToolTip("The study itself stays where it is.")
        self.remove.clicked.connect(self._remove)
        self.recent.currentRowChanged.connect(lambda row: self.remove.setEnabled(row >= 0))
        self.empty = QLabel("No study has been opened on this machine yet. A folder can also be dropped here.")
        self.empty.setWordWrap(True)
        self._build(actions)
        session.opening_failed.connect(self._explain)
        session.study_opened.connect(lambda: self._explain(""))
        session.preferences.changed.connect(lambda name: self.look() if name == "recent" else None)

    def look(self) -> None:
        """Look at the recent studies' folders and list them."""
        values = self._session.preferences.values
        self._session.worker.run(lambda: recent_studies(values.recent, values.opened), self._list)

    def _build(self, actions: Actions) -> None:
        column = QWidget()
        column.setMaximumWidth(WIDEST)
        inner = QVBoxLayout(column)
        inner.setSpacing(10)
        for widget in (self.title, self.subtitle, self.note):
            inner.addWidget(widget)
        for id_, told in WAYS:
            inner.addLayout(_way(actions, id_, told))
        inner.addSpacing(8)
        head = QHBoxLayout()
        head.addWidget(Heading("Recent studies", 1.15), 1)
        head.addWidget(self.remove)
        inner.addLayout(head)
        inner.addWidget(self.empty)
        inner.addWidget(self.recent, 1)
        layout = QHBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(column, 6)
        layout.addStretch(1)

    def _list(self, found: list[Recent]) -> None:
        now = self.recent.currentRow()
        self.recent.clear()
        for one in found:
            item = QListWidgetItem(one.name)
            item.setData(RECENT, one)
            item.setToolTip(tip(one.path, one.problem))
            told = (one.name, one.path, one.model and f"model {one.model}", when(one.opened), one.problem)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(part for part in told if part))
            self.recent.addItem(item)
        self.recent.setCurrentRow(min(max(now, 0), len(found) - 1))
        self.recent.setVisible(bool(found))
        self.remove.setVisible(bool(found))
        self.empty.setVisible(not found)
        if self._fresh and found:
            # Enter opens the study that was open last
            self.recent.setFocus()
        self._fresh = False

    def _chosen(self) -> Recent | None:
        item = self.recent.currentItem()
        found = None if item is None else item.data(RECENT)
        return found if isinstance(found, Recent) else None

    def _open(self) -> None:
        found = self._chosen()
        if found is not None:
            self._session.open_study(Path(found.path))

    def _remove(self) -> None:
        found = self._chosen()
        if found is not None:
            self._session.preferences.forget_study(found.path)

    def _menu(self, place: QPoint) -> None:
        found = self._chosen()
        if found is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open").triggered.connect(lambda _: self._open())
        menu.addAction("Remove from list").triggered.connect(lambda _: self._remove())
        menu.popup(self.recent.viewport().mapToGlobal(place))

    def _explain(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def eventFilter(self, watched: object, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Delete:
            self._remove()
            return True
        return False

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        self._fresh = True
        self.look()
        super().showEvent(event)


def _way(actions: Actions, id_: str, told: str) -> QHBoxLayout:
    button = QPushButton(actions.entries[id_].text)
    button.setMinimumSize(QSize(180, 0))
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    button.clicked.connect(actions[id_].trigger)
    button.setAccessibleDescription(told)
    text = QLabel(told)
    text.setWordWrap(True)
    line = QHBoxLayout()
    line.addWidget(button)
    line.addWidget(text, 1)
    return line
