"""Puts the window back as it was for each study, and keeps how it is: at closing, at another study, every minute."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from PySide6.QtCore import QByteArray, QObject, QTimer, Signal
from PySide6.QtWidgets import QMainWindow, QWidget

from ard_gui.services import window_state
from ard_gui.services.window_state import WindowState
from ard_gui.session import Session
from ard_gui.state.query import from_plain

LAYOUT = 1
"""Version of Qt's saved dock layout: raised when docks come or go in a way that old layouts misplace."""
EVERY_MS = 60_000
START = "start"


@runtime_checkable
class KeepsColumns(Protocol):
    """A table whose columns are restored."""

    def columns_state(self) -> dict[str, Any]: ...

    def restore_columns(self, state: dict[str, Any]) -> object: ...


class StateKeeper(QObject):
    """Keeps layout, SAE, feature, query, columns, what is steered and which run is looked at, per study.

    Parameters
    ----------
    table : widget
        Its columns are kept if it is a `KeepsColumns`.

    Signals
    -------
    arranged()
        The panels stand where they do at first; their sizes are the window's to give.
    """

    arranged = Signal()

    def __init__(self, window: QMainWindow, session: Session, table: QWidget) -> None:
        super().__init__(window)
        self._window, self._session, self._table = window, session, table
        self._usual_layout = window.saveState(LAYOUT)
        self._wanted: WindowState | None = None
        self._last: WindowState | None = None
        self._asked_feature = -1
        self._minute = QTimer(self)
        self._minute.setInterval(EVERY_MS)
        self._minute.timeout.connect(self.keep)
        self._minute.start()
        session.study_opened.connect(self._study_opened)
        session.ranking_opened.connect(self._ranking_opened)
        session.study_closing.connect(self.keep)
        session.study_closing.connect(self._forget)

    def ask_for(self, feature: int) -> None:
        """Show `feature` of the study that is about to be opened instead of the one shown last; −1 for that one."""
        self._asked_feature = feature

    def restore_place(self) -> None:
        """Put the window where it was last, before any study is open."""
        state = window_state.load(window_state.place(START))
        if state.geometry:
            self._window.restoreGeometry(QByteArray(state.geometry))

    def usual_layout(self) -> None:
        """Every panel where it was at first."""
        self._window.restoreState(self._usual_layout, LAYOUT)
        self.arranged.emit()

    def now(self) -> WindowState:
        """How the window is."""
        session = self._session
        columns = self._table.columns_state() if isinstance(self._table, KeepsColumns) else {}
        return WindowState(
            bytes(self._window.saveGeometry().data()), bytes(self._window.saveState(LAYOUT).data()),
            session.ranking_name, session.selection.feature, session.query.value.plain(), columns,
            session.steering.plain() if session.overview is not None else {},
            session.runs_chosen.plain() if session.overview is not None else {},
        )  # fmt: skip

    def keep(self) -> None:
        """Write how the window is, if that changed."""
        found = self._session.overview
        state = self.now()
        if state == self._last:
            return
        path = window_state.place(START if found is None else found.key)
        self._last = state
        self._session.worker.run(
            lambda: window_state.save(path, state),
            failed=lambda failure: self._session.notices.warning(f"the layout could not be kept: {failure.text}"),
        )

    def _forget(self) -> None:
        self._last = None

    def _study_opened(self) -> None:
        found = self._session.overview
        assert found is not None
        self._wanted = wanted = window_state.load(window_state.place(found.key))
        self._session.first_ranking = wanted.ranking
        self._session.steering.restore(wanted.steering)
        self._session.runs_chosen.restore(wanted.runs)
        if not (wanted.docks and self._window.restoreState(QByteArray(wanted.docks), LAYOUT)):
            self.usual_layout()
        if wanted.geometry:
            self._window.restoreGeometry(QByteArray(wanted.geometry))

    def _ranking_opened(self) -> None:
        if self._session.refreshing:
            return
        wanted, self._wanted = self._wanted, None
        feature, self._asked_feature = self._asked_feature, -1
        if wanted is not None and wanted.columns and isinstance(self._table, KeepsColumns):
            with suppress(ValueError, TypeError, KeyError):
                self._table.restore_columns(wanted.columns)
        if wanted is not None and wanted.ranking == self._session.ranking_name:
            # A saved value of another version, or one that was edited, is left aside.
            with suppress(ValueError, TypeError):
                self._session.query.set(from_plain(wanted.query))
            feature = feature if feature >= 0 else wanted.feature
        if 0 <= feature < self._session.features:
            self._session.selection.choose(feature)
