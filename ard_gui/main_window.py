"""The window: the feature page in the middle, docks around it, one table of actions behind menus and keys."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QFileDialog, QMainWindow, QStackedWidget, QWidget

from ard_gui.actions import VIEW, Actions, Entry
from ard_gui.docks import DOCKS, Dock
from ard_gui.services import window_state
from ard_gui.services.window_state import WindowState
from ard_gui.session import Session
from ard_gui.state.query import from_plain
from ard_gui.theme import apply_theme
from ard_gui.views.feature_page import FeaturePage
from ard_gui.views.judging import Judging
from ard_gui.views.start_page import StartPage

LAYOUT = 1
"""Version of Qt's saved dock layout: raised when docks come or go in a way that old layouts misplace."""
SMALLEST_POINTS, LARGEST_POINTS = 6.0, 32.0
THEMES = ("system", "light", "dark", "high contrast")


class MainWindow(QMainWindow):
    """One window on one study. All reading and waiting is the session's."""

    def __init__(self, session: Session | None = None) -> None:
        super().__init__()
        self.setWindowTitle("ARD")
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.session = session or Session()
        self.actions_table = Actions(self)
        self.page = FeaturePage(self.session, self.actions_table)
        self.start = StartPage(self.session, self.actions_table)
        self.docks: dict[str, QDockWidget] = {}
        self._wanted: WindowState | None = None
        self._asked_feature = -1
        self._middle = QStackedWidget()
        self._middle.addWidget(self.start)
        self._middle.addWidget(self.page)
        self.setCentralWidget(self._middle)
        self._make_docks()
        self.judging = Judging(self.session, self.actions_table, self)
        self._bind()
        self.actions_table.fill(self.menuBar())
        self._connect()
        self._usual_layout = self.saveState(LAYOUT)
        self._show_start()

    def open_study(self, root: Path, feature: int = -1) -> None:
        """Show the study at `root` as soon as it has been read, at `feature` if one is named."""
        self._asked_feature = feature
        self.statusBar().showMessage(f"Reading {root} …")
        self.session.open_study(root)

    def view(self, dock: str) -> QWidget:
        """The view inside a dock, made if it has not been shown yet."""
        found = self.docks[dock]
        if found.widget() is None:
            row = next(one for one in DOCKS if one.id == dock)
            found.setWidget(row.make(self.session, self.actions_table))
        return found.widget()

    def _make_docks(self) -> None:
        for row in DOCKS:
            self._add_dock(row)

    def _add_dock(self, row: Dock) -> None:
        dock = QDockWidget(row.title, self)
        dock.setObjectName(row.id)
        dock.setAccessibleName(row.title)
        self.docks[row.id] = dock
        self.addDockWidget(row.area, dock)
        dock.visibilityChanged.connect(lambda seen: self.view(row.id) if seen else None)
        entry = Entry(f"dock.{row.id}", row.title, VIEW, (row.keys,) if row.keys else (), checkable=True)
        action = self.actions_table.add(entry)
        self.actions_table.bind(entry.id, lambda: self._show_dock(row.id, action.isChecked()))
        dock.visibilityChanged.connect(action.setChecked)
        self.view(row.id) if row.shown else dock.hide()

    def _show_dock(self, id_: str, shown: bool) -> None:
        dock = self.docks[id_]
        dock.setVisible(shown)
        if shown:
            dock.raise_()
            self.view(id_).setFocus()

    def _bind(self) -> None:
        session, actions = self.session, self.actions_table
        actions.bind("file.open", self._ask_for_study)
        actions.bind("file.close", session.close_study)
        actions.bind("file.quit", self.close)
        actions.bind("edit.undo", session.undo.undo)
        actions.bind("edit.redo", session.undo.redo)
        actions.bind("go.back", session.selection.back)
        actions.bind("go.forward", session.selection.forward)
        actions.bind("view.bigger", lambda: self._resize_text(1))
        actions.bind("view.smaller", lambda: self._resize_text(-1))
        actions.bind("view.usual", lambda: session.preferences.set("font_points", 0.0))
        actions.bind("view.theme", self._next_theme)
        actions.bind("view.full", lambda: self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen))
        actions.bind("view.reset", lambda: self.restoreState(self._usual_layout, LAYOUT))

    def _connect(self) -> None:
        session = self.session
        session.study_opened.connect(self._study_opened)
        session.study_closing.connect(self._keep_state)
        session.ranking_opened.connect(self._ranking_opened)
        session.study_closed.connect(self._show_start)
        session.preferences.changed.connect(self._preference_changed)
        session.undo.changed.connect(self._label_undo)
        session.selection.feature_changed.connect(lambda _: self._label_history())
        session.notices.added.connect(lambda notice: self.statusBar().showMessage(notice.text, 8000))
        self._label_undo()
        self._label_history()

    def _study_opened(self) -> None:
        found = self.session.overview
        assert found is not None
        self._wanted = window_state.load(window_state.place(found.key))
        self._middle.setCurrentWidget(self.page)
        if not (self._wanted.docks and self.restoreState(self._wanted.docks, LAYOUT)):
            self.restoreState(self._usual_layout, LAYOUT)
        if self._wanted.geometry:
            self.restoreGeometry(self._wanted.geometry)
        self.setWindowTitle(f"{found.study.root.name} – ARD")
        unread = f", {found.unreadable} unreadable" if found.unreadable else ""
        self.statusBar().showMessage(f"{found.clips} clips{unread}")

    def _ranking_opened(self) -> None:
        wanted, self._wanted = self._wanted, None
        feature, self._asked_feature = self._asked_feature, -1
        if wanted is not None and wanted.ranking == self.session.ranking_name:
            with suppress(ValueError, TypeError):
                self.session.query.set(from_plain(wanted.query))
            feature = feature if feature >= 0 else wanted.feature
        if 0 <= feature < self.session.features:
            self.session.selection.choose(feature)

    def _show_start(self) -> None:
        self._middle.setCurrentWidget(self.start)
        self.setWindowTitle("ARD")
        for dock in self.docks.values():
            dock.hide()

    def _keep_state(self) -> None:
        found = self.session.overview
        if found is None:
            return
        state = WindowState(
            bytes(self.saveGeometry().data()), bytes(self.saveState(LAYOUT).data()), self.session.ranking_name,
            self.session.selection.feature, self.session.query.value.plain(),
        )  # fmt: skip
        path = window_state.place(found.key)
        self.session.worker.run(lambda: window_state.save(path, state))

    def _ask_for_study(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open study")
        if chosen:
            self.open_study(Path(chosen))

    def _resize_text(self, by: float) -> None:
        now = QApplication.font().pointSizeF()
        self.session.preferences.set("font_points", min(LARGEST_POINTS, max(SMALLEST_POINTS, now + by)))

    def _next_theme(self) -> None:
        now = self.session.preferences.values.theme
        self.session.preferences.set("theme", THEMES[(THEMES.index(now) + 1) % len(THEMES)])

    def _preference_changed(self, name: str) -> None:
        application = QApplication.instance()
        if name in ("theme", "font_points") and isinstance(application, QApplication):
            values = self.session.preferences.values
            apply_theme(application, values.theme, values.font_points)

    def _label_undo(self) -> None:
        for id_, label in (("edit.undo", self.session.undo.undo_label), ("edit.redo", self.session.undo.redo_label)):
            action = self.actions_table[id_]
            action.setText(f"{self.actions_table.entries[id_].text} {label}".strip())
            action.setEnabled(bool(label))

    def _label_history(self) -> None:
        self.actions_table["go.back"].setEnabled(self.session.selection.can_go_back)
        self.actions_table["go.forward"].setEnabled(self.session.selection.can_go_forward)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self._keep_state()
        self.session.close()
        super().closeEvent(event)
