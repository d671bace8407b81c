"""What joins steering with the window: its actions, the current clip, and saving."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from ard_gui.actions import Actions
from ard_gui.services.steered_sound import sound_of_clip, sound_of_file
from ard_gui.services.steering_saving import overrides_told, steering_result
from ard_gui.services.study_reading import OpenRanking
from ard_gui.session import Session
from backend.export.steering import reproducing_command
from backend.store.clips import Clip
from backend.store.notes.changes import Change
from backend.store.notes.notes import Notes

if TYPE_CHECKING:
    from ard_gui.views.steering.panel import SteeringPanel

CLIP = "clip to steer on"


class SteeringJoins(QObject):
    """Works before the panel was ever shown: the panel is made when an action needs it.

    Parameters
    ----------
    show : function
        Brings the panel to the front and returns it.
    """

    def __init__(
        self, window: QObject, session: Session, actions: Actions, show: Callable[[], SteeringPanel]
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._session, self._show = session, show
        self._bypass = actions["steering.bypass"]
        self._bind(actions)
        session.selection.clip_changed.connect(lambda _: self._follow())
        session.steering.changed.connect(self._changed)
        session.ranking_opened.connect(self._follow)
        session.reader.ready.connect(self._arrived)

    def _bind(self, actions: Actions) -> None:
        steering, answers = self._session.steering, self._session.answers
        actions.bind("steering.with_feature", self.with_feature)
        actions.bind("steering.add_feature", self.add_features)
        actions.bind("steering.tested_sound", self.tested_sound)
        actions.bind("steering.run", self.run)
        actions.bind("steering.stop", answers.stop)
        actions.bind("steering.bypass", lambda: steering.bypass_all(self._bypass.isChecked()))
        actions.bind("steering.reset", steering.reset)
        actions.bind("steering.clear", steering.clear)
        actions.bind("steering.save", self.save)
        actions.bind("steering.copy_command", self.copy_command)
        actions.bind("steering.restart", answers.start_again)

    def with_feature(self) -> None:
        """Sliders for the marked features, or for the one whose page is shown; the keyboard goes to the first."""
        ranking, selection = self._session.ranking, self._session.selection
        features = selection.features or ((selection.feature,) if selection.feature >= 0 else ())
        if ranking is None or not features:
            self._session.notices.warning("Choose a feature in the table first.")
            return
        panel, maxima = self._show(), ranking.columns["max"]
        self._session.steering.add_features((k, float(maxima[k])) for k in features)
        panel.rows.focus_row(str(features[0]))

    def add_features(self) -> None:
        """Open the dialog that adds features."""
        self._show().add_features()

    def tested_sound(self) -> None:
        """Steer on the sound that was tested, with its features at hand in the dialog that adds features."""
        path = self._session.sound_test.path
        if path is None:
            self._session.notices.warning("Test a sound first: drop one on the panel, choose one, or record.")
            return
        self._show()
        self._session.steering.set_follows(False)
        self._session.steering.set_sound(sound_of_file(path))

    def run(self) -> None:
        """Ask for the answers to what is steered now."""
        self._show()
        self._session.answers.ask()

    def save(self) -> None:
        """Keep what was asked and what was answered among the saved results."""
        answers, notes = self._session.answers, self._session.notes
        ready = answers.wanted is not None and answers.tracks and all(
            answers.is_present(name) and track.answer is not None for name, track in answers.tracks.items()
        )  # fmt: skip
        if not ready or not notes.available:
            self._session.notices.warning("There is no complete answer to save yet: ask the model first.")
            return
        make = self._result(dict(answers.tracks))

        def saved(_: Change) -> None:
            self._session.notices.info("the steering result is saved")

        notes.write(lambda found, key: found.add_result(make(key)), saved)

    def copy_command(self) -> None:
        """Put the command line that asks the same on the clipboard."""
        found, ranking = self._session.overview, self._session.ranking
        if found is None or ranking is None or self._session.steering.now.sound is None:
            self._session.notices.warning("Choose a sound to steer on first.")
            return
        study, name, make, key = found.study, ranking.name, self._result({}), self._session.notes.now.key

        def copied(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            self._session.notices.info("the command line is on the clipboard")

        def work(_: Notes) -> str:
            return reproducing_command(make(key), study.root, name)[1]

        self._session.notes.perform(work, copied)

    def _result(self, tracks: dict[str, Any]) -> Callable[[str], Any]:
        """Makes the result of the present setup, given the SAE's key; on a thread that may read files."""
        session = self._session
        assert session.overview is not None
        assert session.ranking is not None
        study, ranking, setup = session.overview.study, session.ranking, session.steering.now

        def name_of(feature: int) -> str:
            return session.notes.feature(feature).name or session.automatic_name(feature)

        features = overrides_told(setup, ranking, name_of)
        return lambda key: steering_result(study, ranking, key, setup, features, tracks)

    def _changed(self, part: str) -> None:
        self._bypass.setChecked(self._session.steering.now.bypass)
        if part in ("sound", "all"):
            self._follow()

    def _follow(self) -> None:
        """The current clip becomes the sound, if it is to be followed."""
        ranking, clip = self._session.ranking, self._session.selection.clip
        if ranking is not None and clip >= 0 and self._session.steering.follows:
            self._session.reader.ask(CLIP, lambda: _clip(ranking, clip))

    def _arrived(self, kind: str, result: Any) -> None:
        if kind != CLIP or not self._session.steering.follows:
            return
        ranking, clip = result
        if ranking is self._session.ranking and clip.index == self._session.selection.clip:
            sound = sound_of_clip(clip)
            if sound != self._session.steering.now.sound:
                self._session.steering.set_sound(sound)


def _clip(ranking: OpenRanking, row: int) -> tuple[OpenRanking, Clip]:
    return ranking, ranking.clips[row]
