"""What joins the table of features with the person's notes and lists and with the search by meaning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QObject, QTimer

from ard_gui.services.meaning_search import MeaningSearch
from ard_gui.session import Session
from ard_gui.views.concepts import ConceptsView
from ard_gui.views.judging import Judging
from backend.store.notes.columns import note_columns
from backend.store.notes.records import FeatureNote

NO_SCORES = "Searching by meaning needs scores and the embedder they were made with. Run: ard describe"
AT_ONCE = 512
"""Noted features that are shown in one go: some 0.02 s."""


class TableJoins(QObject):
    """Keeps the table's own columns, lists and similarities those of the session."""

    def __init__(self, session: Session, table: ConceptsView, judging: Judging) -> None:
        super().__init__()
        self._session, self._table = session, table
        self._meaning = MeaningSearch(session)
        self._noted: Mapping[int, FeatureNote] = {}
        self._listed: tuple[str, object] = ("", None)
        self._waiting: list[int] = []
        self._further = QTimer(self)
        self._further.setSingleShot(True)
        self._further.timeout.connect(self._show_some)
        self._meaning.found.connect(table.set_similarity)
        table.star_toggled.connect(judging.star)
        session.notes.changed.connect(self._take_notes)
        session.ranking_opened.connect(self._ranking_opened)

    def _ranking_opened(self) -> None:
        ranking = self._session.ranking
        scored = ranking is not None and "m" in ranking.columns
        self._table.offer_meaning(scored, "" if scored else NO_SCORES)
        # the table forgot all that was noted
        self._noted, self._listed, self._waiting = {}, ("", None), []
        self._take_notes()

    def _take_notes(self) -> None:
        """Show what changed since the last time, a part of it at once."""
        if not self._table.features:
            return
        now = self._session.notes.now
        before, self._noted = self._noted, now.features if self._session.notes.available else {}
        changed = differing(before, self._noted)
        if changed:
            self._waiting = list(dict.fromkeys((*changed, *self._waiting)))
            self._show_some()
        if now.key != self._listed[0] or now.lists is not self._listed[1]:
            self._listed = now.key, now.lists
            self._table.set_lists({
                one.key: (one.name, [entry.feature for entry in entries if entry.sae == now.key])
                for one, entries in now.lists
            })  # fmt: skip

    def _show_some(self) -> None:
        some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        features = [k for k in some if 0 <= k < self._table.features]
        notes = dict(enumerate(self._noted.get(k, FeatureNote(k)) for k in features))
        tags = np.empty(len(features), dtype=object)
        for place, one in notes.items():
            tags[place] = tuple(sorted(one.tags))
        if features:
            self._table.set_own({**note_columns(notes, len(features)), "tags": tags}, features)
        if self._waiting:
            self._further.start(0)


def differing(before: Mapping[int, FeatureNote], now: Mapping[int, FeatureNote]) -> list[int]:
    """Features whose notes are other objects, came or went; snapshots share what did not change."""
    gone = [k for k in before if k not in now]
    return gone + [k for k, one in now.items() if before.get(k) is not one]
