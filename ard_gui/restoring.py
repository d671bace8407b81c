"""After a crash: offer to go on where the person was. During a session: keep where that is. At the first: the tour."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from ard_gui.main_window import MainWindow
from ard_gui.services.crash import Crash, CrashGuard, Place, find_crashes
from ard_gui.state.query import from_plain

WRITE_AFTER_MS = 1500


class Restoring(QObject):
    """Joins one window to the process's crash guard."""

    def __init__(self, window: MainWindow, guard: CrashGuard) -> None:
        super().__init__(window)
        self._window, self._session, self._guard = window, window.session, guard
        self._wanted: Place | None = None
        self._writing = QTimer(self)
        self._writing.setSingleShot(True)
        self._writing.setInterval(WRITE_AFTER_MS)
        self._writing.timeout.connect(lambda: self._session.worker.run(guard.write))
        window.actions_table.used.connect(guard.did)
        self._session.selection.feature_changed.connect(lambda _: self._moved())
        self._session.query.changed.connect(lambda _: self._moved())
        self._session.study_opened.connect(self._moved)
        self._session.study_opened.connect(self._name_ranking)
        self._session.study_closed.connect(self._moved)
        self._session.ranking_opened.connect(self._opened)

    def look(self) -> None:
        """See whether an earlier session crashed, and offer to restore the newest that had a study open."""
        self._session.worker.run(find_crashes, self._found)

    def restore(self, place: Place) -> None:
        """Open what was open."""
        self._wanted = place
        self._window.open_study(Path(place.study), place.feature)

    def _found(self, crashes: list[Crash]) -> None:
        for crash in reversed(crashes):
            self._session.notices.info(f"the window ended unexpectedly; the report is in {crash.report}")
        places = [(crash.place, crash.report) for crash in crashes if crash.place.study]
        if not places:
            return
        place, report = places[0]
        feature = f" at feature {place.feature}" if place.feature >= 0 else ""
        self._window.notice_bar.offer(
            f"ARD ended unexpectedly with {place.study}{feature}. The report is in {report}.",
            "Restore", lambda: self.restore(place),
        )  # fmt: skip

    def _name_ranking(self) -> None:
        if self._wanted is not None and self._wanted.ranking:
            self._session.first_ranking = self._wanted.ranking

    def _opened(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and wanted.ranking == self._session.ranking_name:
            with suppress(ValueError, TypeError):
                self._session.query.set(from_plain(wanted.query))
            if 0 <= wanted.feature < self._session.features:
                self._session.selection.choose(wanted.feature)
        if not self._session.preferences.values.tour_seen:
            self._session.preferences.set("tour_seen", True)
            self._window.dialogs.tour()

    def _moved(self) -> None:
        session = self._session
        study = "" if session.overview is None else str(session.overview.study.root)
        self._guard.at(Place(study, session.ranking_name, session.selection.feature, session.query.value.plain()))
        self._writing.start()
