"""The runs panel: the queue and the runs on the left, what is known of the chosen one on the right."""

from __future__ import annotations

import shlex
from functools import partial

from PySide6.QtCore import QEvent, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QTabWidget, QToolButton, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.state.runs import RunShown, RunsShown, Wanted
from ard_gui.views.flow import FlowLayout
from ard_gui.views.runs.curves import CurvesTab
from ard_gui.views.runs.log import LogTab
from ard_gui.views.runs.notes import RunNotes
from ard_gui.views.runs.progress import ProgressTab
from ard_gui.views.runs.run_list import Doing, RunList
from ard_gui.views.runs.settings import SettingsTab
from ard_gui.views.table.empty_state import EmptyState

NO_STUDY = "No study is open."
NO_RUN = "Nothing has been run in this study yet.\n{command}"
LETTERS_BESIDE = 96
"""Width from which list and tabs stand beside each other, in mean letters."""
LINES = 8
"""Least height of either part where they stand below each other, in lines of text."""


class RunsPanel(QWidget):
    """Follows `session.run_watch`; what is asked of the queue goes through `session.run_queue`."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._actions, self._chosen = session, actions, session.runs_chosen
        self._expected: list[str] = []
        self.list = RunList()
        self.empty = EmptyState(self.list)
        self.notes = RunNotes(session.run_queue.work_off, actions["run.everything"].trigger)
        self.progress, self.curves = ProgressTab(), CurvesTab(session)
        self.log, self.settings = LogTab(session), SettingsTab(session)
        self.tabs = QTabWidget()
        self.buttons: dict[str, QToolButton] = {}
        self._halves = QSplitter(Qt.Orientation.Horizontal)
        self._build()
        self._connect()
        self.restored()
        self.show_runs(session.run_watch.shown)

    def show_runs(self, shown: RunsShown) -> None:
        """Show another state of queue and runs."""
        self.list.show_runs(shown)
        self.notes.show_state(shown)
        self._say_if_empty()
        if any(self.list.choose(one) for one in self._expected):
            self._expected.clear()
        if self.list.current() is None and shown.rows:
            self._choose_first(shown)
        self._show_current()

    def choose(self, id_: str) -> None:
        """Show the row of this request or run."""
        self.list.choose(id_)

    def expect(self, id_: str) -> None:
        """Show the row of a request that was just added, as soon as it is there; of several the first."""
        self._expected.append(id_)

    def restored(self) -> None:
        """Another study's choices are in place."""
        places = {self.tabs.tabText(at): at for at in range(self.tabs.count())}
        self.tabs.setCurrentIndex(places.get(self._chosen.now.tab, 0))
        for tab in (self.curves, self.log, self.settings):
            tab.restored()
        self.list.clearSelection()
        self.list.setCurrentIndex(self.list.runs.index(-1, -1))

    def _choose_first(self, shown: RunsShown) -> None:
        """The row that was looked at last, else the one that goes on, else the first."""
        if not self.list.choose(self._chosen.now.run):
            self.list.choose((shown.active or shown.rows[0]).id)

    def _show_current(self) -> None:
        row, marked = self.list.current(), self.list.marked()
        self.progress.show_run(row, self._session.run_watch.shown)
        self.curves.show_run("" if row is None else row.run, () if row is None else row.saes)
        self.log.show_run("" if row is None else row.run)
        self.settings.show_runs(marked or ([row] if row is not None else []))
        for doing in self.list.doings:
            if doing.button in self.buttons:
                self.buttons[doing.button].setEnabled(row is not None and doing.can(row))

    def _row_chosen(self) -> None:
        row = self.list.current()
        if row is not None:
            self._chosen.now.run = row.run or row.request
        self._show_current()
        self._want()
        self._chosen.row_changed.emit()

    def _tab_chosen(self, place: int) -> None:
        self._chosen.now.tab = self.tabs.tabText(place)
        self._want()

    def _want(self) -> None:
        """Tell the watcher what is on the screen: nothing else is read."""
        row, tab = self.list.current(), self.tabs.currentWidget()
        seen = self.isVisible()
        self._session.run_watch.want(Wanted(
            run="" if row is None or not seen else row.run, curves=seen and tab is self.curves,
            log=seen and tab is self.log, stale=seen,
        ))  # fmt: skip

    def _say_if_empty(self) -> None:
        found = self._session.overview
        if found is None:
            self.empty.say(NO_STUDY)
        elif not self.list.runs.shown.rows:
            command = f"ard run {shlex.quote(str(found.study.root))}"
            self.empty.say(NO_RUN.format(command=command), clear=self._session.run_watch.shown.writable)
        else:
            self.empty.say("")
        self._make_room()

    def _make_room(self) -> None:
        """What stands in place of rows is never cut, however large the text."""
        layout = self.empty.layout()
        wanted = layout.totalHeightForWidth(self.list.viewport().width()) if self.empty.text.text() and layout else 0
        beside = self.list.height() - self.list.viewport().height()
        self.list.setMinimumHeight(wanted and wanted + beside)

    # what can be done to a row

    def _doings(self) -> list[Doing]:
        queue = self._session.run_queue
        return [
            Doing("&Pause", lambda row: queue.pause(row.request), lambda row: row.can_pause, "P", "Pause"),
            Doing("R&esume", lambda row: queue.resume(row.request), lambda row: row.can_resume, "R", "Resume"),
            Doing("&Cancel", lambda row: queue.cancel(row.request), lambda row: row.can_cancel, "", "Cancel"),
            Doing("Move &up", lambda row: queue.move(row.request, -1), lambda row: row.can_move, "Ctrl+Up", "Up"),
            Doing("Move &down", lambda row: queue.move(row.request, 1), lambda row: row.can_move, "Ctrl+Down", "Down"),
            Doing("Re&try", lambda row: queue.retry(row.request), lambda row: row.can_retry, "T", "Retry"),
            Doing(
                "Retry with an edited &setting …",
                self.edit_and_retry,
                lambda row: row.can_retry,
                "",
                "Edit and retry …",
            ),
            Doing("Dis&miss", lambda row: queue.dismiss(row.request), lambda row: row.can_dismiss, "Del", "Dismiss"),
            Doing("C&opy command", self._copy, keys="Ctrl+C"),
            Doing("Open &folder", self._open_folder, lambda row: bool(row.run)),
        ]

    def edit_and_retry(self, row: RunShown) -> None:
        """Open the dialog that changes a setting of the study first."""
        from ard_gui.views.runs.edit_setting import EditSetting

        dialog = EditSetting(self.window(), self._session, row.text)
        dialog.written.connect(partial(self._session.run_queue.retry, row.request))
        dialog.open()

    def _copy(self, row: RunShown) -> None:
        QGuiApplication.clipboard().setText(row.command)
        self._session.notices.info("the command is on the clipboard")

    def _open_folder(self, row: RunShown) -> None:
        found = self._session.overview
        if found is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(found.study.runs / row.run)))

    # building

    def _build(self) -> None:
        self.list.add_doings(self._doings())
        self.empty.button.setText("Bring everything up to date")
        self.empty.button.clicked.connect(self._actions["run.everything"].trigger)
        heads = QWidget()
        flow = FlowLayout(heads, across=3)
        for doing in self.list.doings:
            if doing.button:
                flow.addWidget(self._button(doing))
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(6, 4, 3, 4)
        column.setSpacing(4)
        column.addWidget(heads)
        column.addWidget(self.notes)
        column.addWidget(self.list, 1)
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Views of the run")
        for tab, title in (
            (self.progress, "Progress"), (self.curves, "Curves"), (self.log, "Log"), (self.settings, "Settings"),
        ):  # fmt: skip
            self.tabs.addTab(tab, title)
        self._halves.addWidget(left)
        self._halves.addWidget(self.tabs)
        self._halves.setChildrenCollapsible(False)
        self._halves.setSizes([480, 620])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._halves)
        self.setFocusProxy(self.list)

    def _button(self, doing: Doing) -> QToolButton:
        button = QToolButton()
        button.setText(doing.button)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(doing.title.replace("&", "").replace(" …", ""))
        button.setToolTip(button.accessibleName() + (f" ({doing.keys} in the list)" if doing.keys else ""))
        button.clicked.connect(lambda _=False: self._do(doing))
        button.setEnabled(False)
        self.buttons[doing.button] = button
        return button

    def _do(self, doing: Doing) -> None:
        row = self.list.current()
        if row is not None and doing.can(row):
            doing.do(row)

    def _connect(self) -> None:
        session = self._session
        session.run_watch.changed.connect(self.show_runs)
        session.runs_chosen.restored.connect(self.restored)
        session.study_opened.connect(self._study_opened)
        session.study_closed.connect(lambda: self.show_runs(RunsShown()))
        self.list.chosen.connect(self._row_chosen)
        self.list.marked_changed.connect(self._show_current)
        self.tabs.currentChanged.connect(self._tab_chosen)

    def _study_opened(self) -> None:
        self._expected.clear()
        self.show_runs(self._session.run_watch.shown)
        # not before the window has its layout back, which may hide this panel
        QTimer.singleShot(0, self, self._want)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._want()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        super().hideEvent(event)
        self._want()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        """List and tabs beside or below each other, as the room and the text size allow."""
        metrics = self.fontMetrics()
        beside = self.width() >= metrics.averageCharWidth() * LETTERS_BESIDE
        turned = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        if turned != self._halves.orientation():
            self._halves.setOrientation(turned)
        least = 0 if beside else metrics.height() * LINES
        for place in range(self._halves.count()):
            half = self._halves.widget(place)
            assert half is not None
            half.setMinimumHeight(least)
        self._make_room()
