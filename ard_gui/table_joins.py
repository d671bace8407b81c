"""What joins the table of features with the person's notes and lists and with the search by meaning."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject

from ard_gui.services.meaning_search import MeaningSearch
from ard_gui.session import Session
from ard_gui.views.concepts import ConceptsView
from ard_gui.views.judging import Judging
from backend.store.notes.columns import note_columns

NO_SCORES = "Searching by meaning needs scores and the embedder they were made with. Run: ard describe"


class TableJoins(QObject):
    """Keeps the table's own columns, lists and similarities those of the session."""

    def __init__(self, session: Session, table: ConceptsView, judging: Judging) -> None:
        super().__init__()
        self._session, self._table = session, table
        self._meaning = MeaningSearch(session)
        self._meaning.found.connect(table.set_similarity)
        table.star_toggled.connect(judging.star)
        session.notes.changed.connect(self._take_notes)
        session.ranking_opened.connect(self._ranking_opened)

    def _ranking_opened(self) -> None:
        ranking = self._session.ranking
        scored = ranking is not None and "m" in ranking.columns
        self._table.offer_meaning(scored, "" if scored else NO_SCORES)
        self._take_notes()

    def _take_notes(self) -> None:
        features = self._session.features
        if not features:
            return
        now = self._session.notes.now
        noted = now.features if self._session.notes.available else {}
        columns = note_columns(noted, features)
        tags = np.empty(features, dtype=object)
        tags[:] = [()] * features
        for k, one in noted.items():
            if 0 <= k < features:
                tags[k] = tuple(sorted(one.tags))
        self._table.set_own({**columns, "tags": tags})
        self._table.set_lists({
            one.key: (one.name, [entry.feature for entry in entries if entry.sae == now.key])
            for one, entries in now.lists
        })  # fmt: skip
