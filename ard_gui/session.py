"""One window's state and services; every view is given the session and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.clip_media import ClipMedia
from ard_gui.services.listening import Listening
from ard_gui.services.model_server import ModelServer
from ard_gui.services.own_notes import OwnNotes
from ard_gui.services.playback.player import Player
from ard_gui.services.reader import Reader
from ard_gui.services.run_queue import RunQueue
from ard_gui.services.run_watch import RunWatch
from ard_gui.services.sound_test import SoundTest
from ard_gui.services.steered_sound import place_of
from ard_gui.services.steering import SteeringAnswers
from ard_gui.services.steering_answers import Place
from ard_gui.services.study_reading import FeatureLines, OpenRanking, Overview, overview
from ard_gui.services.study_watch import Stamps, StudyWatch, result_stamps
from ard_gui.services.worker import Worker
from ard_gui.state.notices import Notices
from ard_gui.state.preferences import Preferences
from ard_gui.state.query import FeatureQuery
from ard_gui.state.runs_chosen import RunsChosen
from ard_gui.state.selection import Selection
from ard_gui.state.steering import Steering
from ard_gui.state.undo import UndoStack
from backend.store.notes.steering import SteeredClip
from backend.study.folder import Study
from backend.study.user_data import user_data

SAVE_AFTER_MS = 500
AHEAD, ROWS_AHEAD = "first clips of the next features", 2
Files = tuple[Path | None, ...]


class Session(QObject):
    """The open study as the views of one window see it.

    Signals
    -------
    study_opened()
        `overview` is another one.
    study_closing()
        The last moment at which `overview` is that of the open study.
    study_closed()
    study_refreshed()
        The same study was read anew because its files changed: `overview.rankings` may be others.
    ranking_opened()
        `ranking` is another one: its columns are there. The chosen feature is none until a view chooses one,
        unless `refreshing`.
    feature_read(FeatureLines)
        What the page of the chosen feature shows has been read.
    opening_failed(str)
    sound_offered(Path)
        A file of sound was dropped on the window.
    closing()
        The window ends: whoever started a process ends it.

    Attributes
    ----------
    preferences, selection, query, undo, notices
        State without Qt.
    reader : Reader
        For what only the newest request matters of.
    worker : Worker
        For what must all be done.
    watch : StudyWatch
        Looks at the open study's files.
    run_queue : RunQueue
        What the open study is asked to run.
    run_watch : RunWatch
        Follows the open study's queue and runs.
    runs_chosen : RunsChosen
        What of them is looked at.
    media : ClipMedia
        Sound and spectrogram of the open study's clips.
    player : Player
        Plays one sound at a time; opens nothing before the first is played.
    listening : Listening
        Plays the clips of the shown feature with the player.
    notes : OwnNotes
        What the person noted on the study.
    model_server : ModelServer or None
        Of the open study; its process starts when it is first asked.
    sound_test : SoundTest
    steering : Steering
        What is steered: features, values, prompt, sound.
    answers : SteeringAnswers
        What the model says to that.
    overview : Overview or None
    ranking : OpenRanking or None
    shown : int array
        The features that the table shows, in its order.
    first_ranking : str
        Id of the SAE to show first; set it in an answer to `study_opened`.
    refreshing : bool
        During `ranking_opened`: the same SAE's newer results; selection, query and scroll position stay.
    """

    study_opened = Signal()
    study_closing = Signal()
    study_closed = Signal()
    study_refreshed = Signal()
    ranking_opened = Signal()
    feature_read = Signal(object)
    opening_failed = Signal(str)
    sound_offered = Signal(object)
    closing = Signal()

    def __init__(self, preferences: Preferences | None = None, player: Player | None = None) -> None:
        super().__init__()
        self.preferences = preferences or Preferences(user_data() / "preferences.json")
        self.selection, self.query = Selection(), FeatureQuery()
        self.undo, self.notices = UndoStack(), Notices()
        self.reader, self.worker, self.watch = Reader(), Worker("window-worker"), StudyWatch()
        self.run_queue, self.run_watch, self.runs_chosen = RunQueue(self.worker), RunWatch(), RunsChosen()
        self.media = ClipMedia(lambda: self.preferences.values.roots)
        self.player = player or Player()
        self.listening = Listening(self.selection, self.media, self.player, self.preferences, self.notices)
        self.notes = OwnNotes(self.undo, self.notices)
        self.model_server: ModelServer | None = None
        self._left_server: ModelServer | None = None
        self.sound_test = SoundTest()
        self.steering = Steering(self.undo)
        self.answers = SteeringAnswers(self.steering, self._find_sound)
        self.overview: Overview | None = None
        self.ranking: OpenRanking | None = None
        self.lines: FeatureLines | None = None
        self.shown = np.empty(0, np.int64)
        self.first_ranking, self.refreshing = "", False
        self._files: Files = ()
        self.reader.ready.connect(self._arrived)
        self.reader.failed.connect(self._failed)
        self.watch.results_changed.connect(self.refresh)
        self.watch.vanished.connect(self._vanished)
        self.watch.returned.connect(self._returned)
        self.run_queue.refused.connect(self.notices.warning)
        self.run_watch.failed.connect(self.notices.error)
        self.selection.feature_changed.connect(self._read_feature)
        self.feature_read.connect(self.listening.show)
        self.listening.rested.connect(self._look_further)
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
        self.reader.ask("overview", lambda: (result_stamps(Study(root)), overview(root)))

    def open_ranking(self, name: str) -> None:
        """Show the features of another SAE (or of raw units) of the open study."""
        if self.overview is not None:
            study = self.overview.study
            self.reader.ask("ranking", lambda: (_files(study, name), OpenRanking(study, name)))

    def refresh(self) -> None:
        """Read the open study anew: `study_refreshed`, and `ranking_opened` where the shown SAE has newer results."""
        if self.overview is not None:
            study, name, shown = self.overview.study, self.ranking_name, self._files
            self.reader.ask("refresh", lambda: _newer(study, name, shown))

    def close_study(self) -> None:
        """Back to no study."""
        if self.overview is None:
            return
        self.study_closing.emit()
        self.watch.stop()
        self.run_queue.leave()
        self.run_watch.leave()
        self.notes.close_study()
        self.selection.clear()
        self.query.clear()
        self.undo.clear()
        self.listening.leave()
        self.media.forget()
        self.sound_test.leave()
        self.answers.leave()
        self._close_server()
        self.overview = self.ranking = self.lines = None
        self.shown = np.empty(0, np.int64)
        self._files = ()
        self.study_closed.emit()

    def close(self) -> None:
        """End every thread and process, without waiting for long work; the session is of no use afterwards."""
        self.closing.emit()
        if self._saving.isActive():
            self._saving.stop()
            self._save_preferences()
        self.watch.close()
        self.run_watch.close()
        self.reader.close()
        self.listening.close()
        self.media.close()
        self.sound_test.close()
        self.answers.close()
        self._close_server()
        self.player.close()
        self.notes.close()
        self.worker.close()

    def ended(self, seconds: float) -> bool:
        """Whether what was given to the worker is done, after waiting up to `seconds`; for after the window's end."""
        server = self._left_server
        return (
            self.worker.close(seconds) and self.notes.ended(seconds) and self.reader.close(0)
            and (server is None or server.wait_gone(seconds))
        )  # fmt: skip

    def _find_sound(self, sound: SteeredClip) -> Callable[[], Place]:
        assert self.overview is not None
        study, roots = self.overview.study, dict(self.preferences.values.roots)
        return lambda: place_of(sound, study, roots)

    def _close_server(self) -> None:
        if self.model_server is not None:
            self.model_server.close()
            self._left_server, self.model_server = self.model_server, None

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == "overview":
            self._study_read(*result)
        elif kind == "ranking":
            self._files, self.ranking = result
            self._warn_of_unread(self.ranking)
            self.listening.leave()
            self.selection.clear()
            self.notes.show(self.ranking.name)
            self.sound_test.use_ranking(self.ranking.name)
            self.answers.forget()
            self.steering.use_ranking(self.ranking.name, raw=self.ranking.file.raw)
            self.ranking_opened.emit()
            # not before: it would take turns with the window that fills its table
            self.reader.in_spare_time(self.ranking.read_ahead)
        elif kind == "refresh":
            self._read_anew(*result)
        elif kind == "feature" and result.feature == self.selection.feature:
            self.lines = result
            self.feature_read.emit(result)
        elif kind == AHEAD and result[0] is self.ranking:
            self.listening.look_further(result[1])

    def _failed(self, kind: str, message: str) -> None:
        self.notices.error(message)
        if kind in ("overview", "ranking"):
            self.opening_failed.emit(message)

    def _study_read(self, stamps: Stamps, found: Overview) -> None:
        self.close_study()
        self.overview, self.first_ranking = found, ""
        self.preferences.visited(found.study.root)
        self.notes.open(found.study, self.preferences.values.author)
        self.run_queue.open(found.study)
        self.run_watch.open(found.study)
        self.model_server = ModelServer(found.study.root)
        self.sound_test.open(self.model_server)
        self.steering.restore({})
        self.answers.open(self.model_server)
        self.study_opened.emit()
        self.watch.start(found.study, stamps)
        if found.rankings:
            self.open_ranking(self.first_ranking if self.first_ranking in found.rankings else found.rankings[0])

    def _read_anew(self, found: Overview, files: Files, ranking: OpenRanking | None) -> None:
        if self.overview is None or found.study.root != self.overview.study.root:
            return
        if found.key != self.overview.key:
            self.open_study(found.study.root)
            return
        new = [name for name in found.rankings if name not in self.overview.rankings]
        self.overview = found
        self.study_refreshed.emit()
        if ranking is not None and ranking.name == self.ranking_name:
            self._swap(files, ranking)
            self.notices.info(f"newer results of {ranking.name} are shown")
        elif self.ranking is None and found.rankings:
            self.open_ranking(found.rankings[0])
        if new:
            self.notices.info(f"there are features of {', '.join(new)} now")

    def _swap(self, files: Files, ranking: OpenRanking) -> None:
        kept = self.selection.keep()
        if self.ranking is not None and ranking.clips.path != self.ranking.clips.path:
            # rows of the clip table may mean other clips now
            self.listening.leave()
            self.media.forget()
        self._files, self.ranking, self.refreshing = files, ranking, True
        self._warn_of_unread(ranking)
        try:
            self.notes.show(ranking.name)
            self.sound_test.use_ranking(ranking.name)
            self.answers.forget()
            self.ranking_opened.emit()
        finally:
            self.refreshing = False
        if kept.feature < self.features:
            self.selection.put_back(kept)
            self._read_feature(kept.feature)
        else:
            self.selection.clear()

    def _warn_of_unread(self, ranking: OpenRanking) -> None:
        for problem in ranking.problems:
            self.notices.warning(problem)

    def _vanished(self) -> None:
        if self.overview is not None:
            root = self.overview.study.root
            self.notices.error(f"the study's folder is gone ({root}). What is shown stays; nothing more can be read.")

    def _returned(self) -> None:
        self.notices.info("the study's folder is there again")
        self.refresh()

    def _read_feature(self, feature: int) -> None:
        if self.ranking is not None and feature >= 0:
            ranking = self.ranking
            self.reader.ask("feature", lambda: ranking.lines(feature))

    def _look_further(self) -> None:
        """The first clips of the features below the chosen one in the table are read ahead."""
        ranking, feature = self.ranking, self.selection.feature
        place = np.flatnonzero(self.shown == feature)
        if ranking is not None and len(place):
            below = self.shown[place[0] + 1 : place[0] + 1 + ROWS_AHEAD].tolist()
            self.reader.ask(AHEAD, lambda: (ranking, ranking.first_clips(below)))

    def _preference_changed(self, name: str) -> None:
        self._saving.start()
        if name == "roots":
            self.media.forget()
            self.listening.ask_again()

    def _save_preferences(self) -> None:
        self.worker.run(
            self.preferences.save,
            failed=lambda failure: self.notices.warning(f"the preferences could not be kept: {failure.text}"),
        )


def _files(study: Study, name: str) -> Files:
    """The result files that are valid for one SAE; on the reader's thread."""
    return study.retrieval(name), study.scores(name), study.concepts(name)


def _newer(study: Study, name: str, shown: Files) -> tuple[Overview, Files, OpenRanking | None]:
    """The study as it is now, and the SAE's ranking if its files are no longer `shown`; on the reader's thread."""
    found = overview(study.root)
    if name not in found.rankings:
        return found, shown, None
    files = _files(study, name)
    return found, files, None if files == shown else OpenRanking(study, name)
