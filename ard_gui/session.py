"""One window's state and services; every view is given the session and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.clip_media import ClipMedia
from ard_gui.services.own_notes import OwnNotes
from ard_gui.services.reader import Reader
from ard_gui.services.study_reading import FeatureLines, OpenRanking, Overview, overview
from ard_gui.services.worker import Worker
from ard_gui.state.notices import Notices
from ard_gui.state.preferences import Preferences
from ard_gui.state.query import FeatureQuery
from ard_gui.state.selection import Selection
from ard_gui.state.undo import UndoStack
from backend.study.user_data import user_data

SAVE_AFTER_MS = 500


class Session(QObject):
    """The open study as the views of one window see it.

    Signals
    -------
    study_opened()
        `overview` is another one.
    study_closing()
        The last moment at which `overview` is that of the open study.
    study_closed()
    ranking_opened()
        `ranking` is another one: its columns are there. The chosen feature is none until a view chooses one.
    feature_read(FeatureLines)
        What the page of the chosen feature shows has been read.
    opening_failed(str)

    Attributes
    ----------
    preferences, selection, query, undo, notices
        State without Qt.
    reader : Reader
        For what only the newest request matters of.
    worker : Worker
        For what must all be done.
    media : ClipMedia
        Sound and spectrogram of the open study's clips.
    notes : OwnNotes
        What the person noted on the study.
    overview : Overview or None
    ranking : OpenRanking or None
    shown : tuple of int
        The features that the table shows, in its order.
    """

    study_opened = Signal()
    study_closing = Signal()
    study_closed = Signal()
    ranking_opened = Signal()
    feature_read = Signal(object)
    opening_failed = Signal(str)

    def __init__(self, preferences: Preferences | None = None) -> None:
        super().__init__()
        self.preferences = preferences or Preferences(user_data() / "preferences.json")
        self.selection, self.query = Selection(), FeatureQuery()
        self.undo, self.notices = UndoStack(), Notices()
        self.reader, self.worker = Reader(), Worker("window-worker")
        self.media = ClipMedia(lambda: self.preferences.values.roots)
        self.notes = OwnNotes(self.undo, self.notices)
        self.overview: Overview | None = None
        self.ranking: OpenRanking | None = None
        self.lines: FeatureLines | None = None
        self.shown: tuple[int, ...] = ()
        self.reader.ready.connect(self._arrived)
        self.reader.failed.connect(self._failed)
        self.selection.feature_changed.connect(self._read_feature)
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(SAVE_AFTER_MS)
        self._saving.timeout.connect(self._save_preferences)
        self.preferences.changed.connect(self._preference_changed)

    @property
    def ranking_name(self) -> str:
        """Id of the shown SAE; "" for none."""
        return self.ranking.name if self.ranking is not None else ""

    @property
    def features(self) -> int:
        """D of the shown SAE; 0 for none."""
        return 0 if self.ranking is None else len(next(iter(self.ranking.columns.values())))

    def automatic_name(self, feature: int) -> str:
        """What a namer called the feature; "" where none did, or the feature does not exist."""
        names = None if self.ranking is None else self.ranking.columns.get("name")
        return "" if names is None or not 0 <= feature < len(names) else str(names[feature])

    def open_study(self, root: Path) -> None:
        """Read the study at `root`; `study_opened`, then `ranking_opened` if it has features."""
        self.reader.ask("overview", lambda: overview(root))

    def open_ranking(self, name: str) -> None:
        """Show the features of another SAE (or of raw units) of the open study."""
        if self.overview is not None:
            study = self.overview.study
            self.reader.ask("ranking", lambda: OpenRanking(study, name))

    def close_study(self) -> None:
        """Back to no study."""
        if self.overview is None:
            return
        self.study_closing.emit()
        self.notes.close_study()
        self.selection.clear()
        self.query.clear()
        self.undo.clear()
        self.media.forget()
        self.overview = self.ranking = self.lines = None
        self.shown = ()
        self.study_closed.emit()

    def close(self) -> None:
        """End every thread and process; the session is of no use afterwards."""
        if self._saving.isActive():
            self._saving.stop()
            self._save_preferences()
        self.reader.close()
        self.media.close()
        self.notes.close()
        self.worker.close()

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == "overview":
            self._study_read(result)
        elif kind == "ranking":
            self.ranking = result
            self.selection.clear()
            self.notes.show(result.name)
            self.ranking_opened.emit()
        elif kind == "feature" and result.feature == self.selection.feature:
            self.lines = result
            self.feature_read.emit(result)

    def _failed(self, kind: str, message: str) -> None:
        self.notices.error(message)
        if kind in ("overview", "ranking"):
            self.opening_failed.emit(message)

    def _study_read(self, found: Overview) -> None:
        self.close_study()
        self.overview = found
        self.preferences.visited(found.study.root)
        self.notes.open(found.study, self.preferences.values.author)
        self.study_opened.emit()
        if found.rankings:
            self.open_ranking(found.rankings[0])

    def _read_feature(self, feature: int) -> None:
        if self.ranking is not None and feature >= 0:
            ranking = self.ranking
            self.reader.ask("feature", lambda: ranking.lines(feature))

    def _preference_changed(self, name: str) -> None:
        self._saving.start()
        if name == "roots":
            self.media.forget()

    def _save_preferences(self) -> None:
        self.worker.run(
            self.preferences.save,
            failed=lambda failure: self.notices.warning(f"the preferences could not be kept: {failure.text}"),
        )
