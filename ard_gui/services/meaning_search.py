"""Search by meaning: asks the model server how similar each feature's clips are to a text."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from ard_gui.services.model_server import ModelServer
from ard_gui.session import Session
from ard_gui.state.query import Query

TEXT = "text"


class MeaningSearch(QObject):
    """Follows `Query.meaning` of the session.

    Signals
    -------
    found(similarity: float array [D] or None)
        NaN for features that cannot be compared; None when nothing is searched for.
    """

    found = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._server: ModelServer | None = None
        self._asked, self._meaning, self._sae = 0, "", ""
        session.query.changed.connect(self._query_changed)
        session.ranking_opened.connect(self._ranking_opened)
        session.study_closed.connect(self._forget)

    def _query_changed(self, query: Query) -> None:
        if query.meaning != self._meaning:
            self._meaning = query.meaning
            self._ask()

    def _ranking_opened(self) -> None:
        if self._session.ranking_name != self._sae or self._session.refreshing:
            self._sae = self._session.ranking_name
            self._ask()

    def _forget(self) -> None:
        self._server, self._asked, self._meaning, self._sae = None, 0, "", ""

    def _ask(self) -> None:
        server = self._session.model_server
        if not self._meaning or server is None or not self._sae:
            self._asked = 0
            self.found.emit(None)
            return
        if server is not self._server:
            self._server = server
            server.answered.connect(self._answered)
            server.failed.connect(self._failed)
        self._asked = server.ask(TEXT, query=self._meaning, sae=self._sae, limit=0)

    def _answered(self, id_: int, do: str, result: dict[str, Any]) -> None:
        if do == TEXT and id_ == self._asked and result["sae"] == self._session.ranking_name:
            similarity = np.full(self._session.features, np.nan)
            similarity[np.asarray(result["feature"], np.int64)] = result["similarity"]
            self.found.emit(similarity)

    def _failed(self, id_: int, do: str, message: str) -> None:
        if do == TEXT and id_ == self._asked:
            self._asked = 0
            self._session.notices.error(f"The search for “{self._meaning}” failed: {message}")
