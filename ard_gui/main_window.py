"""The window: the feature page in the middle, docks around it, one table of actions behind menus and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from ard_gui.actions import VIEW, Actions, Entry
from ard_gui.docks import DOCKS, Dock
from ard_gui.openers import Openers
from ard_gui.run_joins import RunJoins
from ard_gui.session import Session
from ard_gui.starting_runs import StartingRuns
from ard_gui.state.notices import Notice
from ard_gui.state_keeper import StateKeeper
from ard_gui.steering_joins import SteeringJoins
from ard_gui.table_joins import TableJoins
from ard_gui.theme import THEMES, apply_theme
from ard_gui.views.concepts import ConceptsView
from ard_gui.views.dialogs import Dialogs
from ard_gui.views.feature_page import FeaturePage
from ard_gui.views.judging import Judging
from ard_gui.views.notice_bar import NoticeBar
from ard_gui.views.plain_text import tip
from ard_gui.views.start_page import StartPage
from ard_gui.views.taking_away import TakingAway
from ard_gui.views.unfinished_page import UnfinishedPage

if TYPE_CHECKING:
    from ard_gui.views.steering.panel import SteeringPanel

SMALLEST_POINTS, LARGEST_POINTS = 6.0, 32.0
SIZE = (1440, 900)


class MainWindow(QMainWindow):
    """One window on one study. All reading and waiting is the session's.

    Parameters
    ----------
    theme : str
        In place of the preferred theme, for this window's life; "" for the preferred one.
    """

    def __init__(self, session: Session | None = None, theme: str = "") -> None:
        super().__init__()
        self.setWindowTitle("ARD")
        self.resize(*SIZE)
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.session = session or Session()
        self._theme, self._closed = theme, False
        self.actions_table = Actions(self)
        self.openers = Openers(self, self.session, self.open_study)
        self.page = FeaturePage(self.session, self.actions_table)
        self.start = StartPage(self.session, self.actions_table)
        self.unfinished = UnfinishedPage(self.session, self.actions_table)
        self.notice_bar = NoticeBar(self.session.notices)
        self.docks: dict[str, QDockWidget] = {}
        self._middle = QStackedWidget()
        self._build_middle()
        self._make_docks()
        self.judging = Judging(self.session, self.actions_table, self)
        self.joins = TableJoins(self.session, self._concepts(), self.judging)
        self.steering = SteeringJoins(self, self.session, self.actions_table, self._show_steering)
        self.runs = RunJoins(self, self.session, self.actions_table, self._runs_panel, self._offer_run)
        self.taking_away = TakingAway(self.session, self.actions_table, self)
        self.starting = StartingRuns(self, self.session, self.actions_table, lambda: self.taking_away.scopes()[0])
        self.dialogs = Dialogs(self, self.session, self.actions_table)
        self._bind()
        self.actions_table.fill(self.menuBar())
        self.keeper = StateKeeper(self, self.session, self.view("concepts"))
        self.keeper.arranged.connect(self._size_docks)
        self._connect()
        self._show_start()
        self.keeper.restore_place()

    def open_study(self, root: Path, feature: int = -1) -> None:
        """Show the study at `root` as soon as it has been read, at `feature` if one is named."""
        self.keeper.ask_for(feature)
        self.statusBar().showMessage(f"Reading {root} …")
        self.session.open_study(root)

    def view(self, dock: str) -> QWidget:
        """The view inside a dock, made if it has not been shown yet."""
        found = self.docks[dock]
        if found.widget() is None:
            row = next(one for one in DOCKS if one.id == dock)
            found.setWidget(row.make(self.session, self.actions_table))
        return found.widget()

    def show_dock(self, id_: str, shown: bool = True) -> None:
        """Show a panel in front, with the keyboard in it; or hide it."""
        dock = self.docks[id_]
        before = {one: other.width() for one, other in self.docks.items() if other.isVisible()}
        first = shown and not dock.isVisible()
        dock.setVisible(shown)
        if first:
            # Qt would take the room from whatever panel can give most, the table
            row = next(row for row in DOCKS if row.id == id_)
            if row.across == Qt.Orientation.Vertical:
                self.resizeDocks([dock], [min(row.size, self.height() // 2)], row.across)
            else:
                widths = {**before, id_: before.get(id_, min(row.size, self.width() // 3))}
                self.resizeDocks([self.docks[one] for one in widths], list(widths.values()), row.across)
        if shown:
            dock.raise_()
            self.view(id_).setFocus()

    def _build_middle(self) -> None:
        for page in (self.start, self.unfinished, self.page):
            self._middle.addWidget(page)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notice_bar)
        layout.addWidget(self._middle, 1)
        self.setCentralWidget(middle)

    def _concepts(self) -> ConceptsView:
        view = self.view("concepts")
        assert isinstance(view, ConceptsView)
        return view

    def _make_docks(self) -> None:
        for row in DOCKS:
            self._add_dock(row)

    def _add_dock(self, row: Dock) -> None:
        dock = QDockWidget(row.title, self)
        dock.setObjectName(row.id)
        dock.setAccessibleName(row.title)
        beside = next(
            (one.id for one in DOCKS if one.area == row.area and one.id != row.id and one.id in self.docks), ""
        )
        self.docks[row.id] = dock
        self.addDockWidget(row.area, dock)
        if beside:
            # one behind the other: three panels over each other are too low to be of use
            self.tabifyDockWidget(self.docks[beside], dock)
        dock.visibilityChanged.connect(lambda seen: self.view(row.id) if seen else None)
        entry = Entry(f"dock.{row.id}", row.title, VIEW, (row.keys,) if row.keys else (), checkable=True)
        action = self.actions_table.add(entry)
        self.actions_table.bind(entry.id, lambda: self.show_dock(row.id, action.isChecked()))
        dock.visibilityChanged.connect(action.setChecked)
        self.view(row.id) if row.shown else dock.hide()

    def _size_docks(self) -> None:
        for across, most in (
            (Qt.Orientation.Horizontal, self.width() // 3),
            (Qt.Orientation.Vertical, self.height() // 2),
        ):
            rows = [row for row in DOCKS if row.across == across]
            self.resizeDocks([self.docks[row.id] for row in rows], [min(row.size, most) for row in rows], across)

    def _bind(self) -> None:
        session, actions = self.session, self.actions_table
        self.openers.bind(actions)
        self.dialogs.bind(actions)
        actions.bind("file.close", session.close_study)
        actions.bind("file.quit", self.close)
        actions.bind("steering.profile", lambda: self.show_dock("steerability"))
        actions.bind("run.everything", lambda: session.run_queue.start("run"))
        actions.bind("run.compare", lambda: self.show_dock("compare"))
        actions.bind("edit.undo", session.undo.undo)
        actions.bind("edit.redo", session.undo.redo)
        actions.bind("go.back", session.selection.back)
        actions.bind("go.forward", session.selection.forward)
        actions.bind("view.bigger", lambda: self._resize_text(1))
        actions.bind("view.smaller", lambda: self._resize_text(-1))
        actions.bind("view.usual", lambda: session.preferences.set("font_points", 0.0))
        actions.bind("view.theme", self._next_theme)
        actions.bind("view.full", lambda: self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen))
        actions.bind("view.reset", lambda: self.keeper.usual_layout())

    def _connect(self) -> None:
        session = self.session
        session.study_opened.connect(self._study_opened)
        session.study_refreshed.connect(self._show_counts)
        session.ranking_opened.connect(self._show_middle)
        session.opening_failed.connect(self._opening_failed)
        session.study_closed.connect(self._show_start)
        session.preferences.changed.connect(self._preference_changed)
        session.undo.changed.connect(self._label_undo)
        session.selection.feature_changed.connect(lambda _: self._label_history())
        session.notices.added.connect(self._tell)
        session.sound_offered.connect(self._test_sound)
        self.notice_bar.all_wanted.connect(self.actions_table["help.notices"].trigger)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._apply_theme)
        self._label_undo()
        self._label_history()
        if session.preferences.problem:
            session.notices.warning(session.preferences.problem)

    def _show_steering(self) -> SteeringPanel:
        self.show_dock("steering")
        return cast("SteeringPanel", self.view("steering"))

    def _runs_panel(self, show: bool) -> QWidget | None:
        if show:
            self.show_dock("runs")
        return self.docks["runs"].widget()

    def _offer_run(self, text: str, id_: str) -> None:
        self.notice_bar.offer(text, "Show", lambda: self.runs.show_run(id_))

    def _tell(self, notice: Notice) -> None:
        if notice.level == "info":
            line = " ".join(notice.text.split())
            self.statusBar().showMessage(line, 8000)
            self.statusBar().setToolTip(tip(line))

    def _test_sound(self, path: Path) -> None:
        if self.session.overview is None:
            self.session.notices.warning("Open a study first: a sound is tested with a study's model.")
            return
        self.show_dock("test_sound")
        self.session.sound_test.test(path)

    def _study_opened(self) -> None:
        found = self.session.overview
        assert found is not None
        self.setWindowTitle(f"{found.study.root.name} – ARD")
        self._show_middle()
        self._show_counts()

    def _show_counts(self) -> None:
        found = self.session.overview
        assert found is not None
        unread = f", {found.unreadable} unreadable" if found.unreadable else ""
        self.statusBar().showMessage(f"{found.clips} clips{unread}")

    def _show_middle(self) -> None:
        found = self.session.overview
        if found is not None:
            empty = self.session.ranking is not None and not self.session.features
            self._middle.setCurrentWidget(self.page if found.rankings and not empty else self.unfinished)

    def _opening_failed(self, text: str) -> None:
        if self.session.overview is not None and self.session.ranking is None:
            self.unfinished.show_problem(text)
            self._middle.setCurrentWidget(self.unfinished)

    def _show_start(self) -> None:
        self._middle.setCurrentWidget(self.start)
        self.setWindowTitle("ARD")
        for dock in self.docks.values():
            dock.hide()

    def _resize_text(self, by: float) -> None:
        now = QApplication.font().pointSizeF()
        self.session.preferences.set("font_points", min(LARGEST_POINTS, max(SMALLEST_POINTS, now + by)))

    def _next_theme(self) -> None:
        now = self.session.preferences.values.theme
        self.session.preferences.set("theme", THEMES[(THEMES.index(now) + 1) % len(THEMES)])

    def _preference_changed(self, name: str) -> None:
        if name == "theme":
            self._theme = ""
        if name in ("theme", "font_points"):
            self._apply_theme()

    def _apply_theme(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            values = self.session.preferences.values
            apply_theme(application, self._theme or values.theme, values.font_points)
            self._fit_text()

    def _fit_text(self) -> None:
        """Titles of docks and the status bar do not follow the application's font by themselves."""
        for dock in self.docks.values():
            dock.setFont(QApplication.font())
        self.statusBar().setMinimumHeight(QFontMetrics(QApplication.font()).height() + 6)

    def _label_undo(self) -> None:
        for id_, label in (("edit.undo", self.session.undo.undo_label), ("edit.redo", self.session.undo.redo_label)):
            action = self.actions_table[id_]
            told = label.replace("&", "&&")
            action.setText(f"{self.actions_table.entries[id_].text} {told}".strip())
            action.setEnabled(bool(label))

    def _label_history(self) -> None:
        self.actions_table["go.back"].setEnabled(self.session.selection.can_go_back)
        self.actions_table["go.forward"].setEnabled(self.session.selection.can_go_forward)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.openers.dropped(paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if not self._closed:
            self._closed = True
            QGuiApplication.styleHints().colorSchemeChanged.disconnect(self._apply_theme)
            self.keeper.keep()
            self.openers.close()
            self.hide()
            self.session.close()
        super().closeEvent(event)
