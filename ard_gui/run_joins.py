"""Joins the runs panel, the menu Run and the desktop's notifications with queue and watcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from ard_gui.actions import Actions
from ard_gui.services.run_news import RunNews
from ard_gui.session import Session
from ard_gui.state.runs import RunShown

if TYPE_CHECKING:
    from ard_gui.views.runs.panel import RunsPanel

Can = Callable[[RunShown], bool]
CAN: dict[str, Can] = {
    "run.pause": lambda row: row.can_pause,
    "run.resume": lambda row: row.can_resume,
    "run.cancel": lambda row: row.can_cancel,
}


class RunJoins(QObject):
    """Answers `run.show`, `run.pause`, `run.resume` and `run.cancel`.

    They mean the chosen row of the panel where it can be done to that, else the first row to which it can.

    Parameters
    ----------
    panel : function
        Shows the panel, if asked to, and returns it; None where it has never been shown.
    say : function (text, run's id)
        Shows a notice with a button that leads to the run.
    """

    def __init__(
        self, window: QWidget, session: Session, actions: Actions, panel: Callable[[bool], QWidget | None],
        say: Callable[[str, str], object],
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._session, self._actions, self._panel = session, actions, panel
        self.news = RunNews(window, say, self.show_run)
        queue = session.run_queue
        actions.bind("run.show", lambda: self._panel(True))
        actions.bind("run.pause", lambda: self._do("run.pause", queue.pause))
        actions.bind("run.resume", lambda: self._do("run.resume", queue.resume))
        actions.bind("run.cancel", lambda: self._do("run.cancel", queue.cancel))
        queue.added.connect(self._added)
        queue.done.connect(session.run_watch.look_now)
        session.run_watch.changed.connect(lambda _: self.refresh())
        session.run_watch.ended.connect(self._ended)
        session.runs_chosen.row_changed.connect(self.refresh)
        session.study_opened.connect(self.refresh)
        session.study_closed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """What can be done now."""
        for id_ in CAN:
            self._actions[id_].setEnabled(self._target(id_) is not None)
        self._actions["run.everything"].setEnabled(self._session.overview is not None)

    def show_run(self, id_: str) -> None:
        """Show the panel, with this request or run chosen."""
        panel = cast("RunsPanel", self._panel(True))
        panel.choose(id_)

    def _target(self, id_: str) -> RunShown | None:
        if self._session.overview is None:
            return None
        can, panel = CAN[id_], cast("RunsPanel | None", self._panel(False))
        chosen = None if panel is None or not panel.isVisible() else panel.list.current()
        if chosen is not None and can(chosen):
            return chosen
        rows = self._session.run_watch.shown.rows
        active = self._session.run_watch.shown.active
        return next((one for one in (active, *rows) if one is not None and one.request and can(one)), None)

    def _do(self, id_: str, do: Callable[[str], object]) -> None:
        row = self._target(id_)
        if row is not None:
            do(row.request)

    def _added(self, id_: str) -> None:
        cast("RunsPanel", self._panel(True)).expect(id_)

    def _ended(self, run: RunShown) -> None:
        found = self._session.overview
        if found is not None and self._session.preferences.values.notify_runs:
            self.news.tell(run, found.study.root.name)
