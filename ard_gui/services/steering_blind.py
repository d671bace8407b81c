"""Answers for an A/B blind test: one sound at a time, a few ahead of the one that is judged."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.model_server import ModelServer
from ard_gui.services.steered_sound import sound_of_clip
from ard_gui.services.steering import SteeringAnswers
from ard_gui.services.steering_answers import Answer, Place, Request
from ard_gui.services.steering_places import Places
from ard_gui.state.steering import Setup
from ard_gui.state.steering_blind import BlindTest, Trial
from backend.store.clips import ClipTable
from backend.store.notes.steering import SteeredClip
from backend.study.folder import Study

AHEAD = 3
AGAIN_MS = 400
"""After the panel's own question took the model away."""


class BlindAnswers(QObject):
    """Fills in the texts of a blind test's trials; gives way to the panel's own questions.

    Signals
    -------
    changed()
        Another trial has its texts or a problem, or `doing` is another one.

    Attributes
    ----------
    test : BlindTest or None
    setup : Setup or None
        What the sounds are steered with: that of the moment the test began.
    sae : str
    doing : str
    """

    changed = Signal()

    def __init__(self, places: Places, panel: SteeringAnswers) -> None:
        super().__init__()
        self.test: BlindTest | None = None
        self.setup: Setup | None = None
        self.sae = self.doing = ""
        self._places, self._panel = places, panel
        self._server: ModelServer | None = None
        self._asked: Trial | None = None
        self._id = 0
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self._next)

    def open(self, server: ModelServer) -> None:
        """Another study is open."""
        self.leave()
        self._server = server
        server.answered.connect(self._done)
        server.failed.connect(self._failed)
        server.dropped.connect(self._dropped)
        server.progressed.connect(self._progressed)

    def leave(self) -> None:
        """The study is closed."""
        self.stop()
        self._server = self.test = self.setup = None
        self._places.forget()
        self.changed.emit()

    def begin(self, test: BlindTest, setup: Setup, sae: str) -> None:
        """Ask for the answers of another test."""
        self.stop()
        self.test, self.setup, self.sae = test, setup, sae
        self._next()

    def stop(self) -> None:
        """Ask for nothing any more; what was judged stays."""
        self._again.stop()
        if self._server is not None and self._id > 0:
            self._server.cancel(self._id)
        self._id, self._asked, self.doing = 0, None, ""
        self.changed.emit()

    def go_on(self) -> None:
        """A trial was judged: more may be asked ahead."""
        if self._asked is None:
            self._next()

    def _next(self) -> None:
        test = self.test
        if test is None or self._server is None or self._asked is not None:
            return
        waiting = sum(one.ready for one in test.trials)
        trial = next((one for one in test.trials if not one.texts and not one.over), None)
        if trial is None or waiting > AHEAD:
            return
        if self._panel.busy:
            self._again.start()
            return
        self._asked, self.doing = trial, "asking the model"
        self.changed.emit()
        self._places.ask(trial.sound, lambda place: self._ask(trial, place), self._refuse)

    def _ask(self, trial: Trial, place: Place) -> None:
        if trial is not self._asked or self._server is None or self.test is None or self.setup is None:
            return
        request = Request(place, replace(self.setup, sound=trial.sound), self.sae)
        self._id = -1
        asked = self._server.ask("steer", **request.fields(["steered", self.test.reference]))
        if self._id == -1:
            self._id = asked

    def _done(self, id_: int, do: str, told: dict[str, Any]) -> None:
        trial = self._asked
        if id_ != self._id or do != "steer" or trial is None:
            return
        found = {name: Answer.of(answer) for name, answer in told["answers"].items()}
        if any(one.representation is not None for one in found.values()):
            trial.problem = "this model writes no answers"
        else:
            trial.texts = {name: one.said.text for name, one in found.items()}
        self._over()

    def _failed(self, id_: int, do: str, message: str) -> None:
        if do == "steer" and self._id and (id_ == self._id or self._id == -1):
            self._refuse(message)

    def _refuse(self, message: str) -> None:
        if self._asked is not None:
            self._asked.problem = message
            self._over()

    def _dropped(self, id_: int, do: str) -> None:
        if id_ == self._id and do == "steer":
            self._id, self._asked = 0, None
            self._again.start()

    def _progressed(self, id_: int, text: str, fraction: float) -> None:
        if id_ == self._id:
            self.doing = f"{text} {fraction:.0%}" if fraction >= 0 else text
            self.changed.emit()

    def _over(self) -> None:
        self._id, self._asked, self.doing = 0, None, ""
        self._next()
        self.changed.emit()


def sounds_of(study: Study, rows: tuple[int, ...]) -> list[SteeredClip]:
    """Clips of the study by their rows; ArdError where the table cannot be read."""
    with closing(ClipTable(study.clips())) as table:
        return [sound_of_clip(table[row]) for row in rows]


def drawn_sounds(study: Study, count: int, seed: int) -> list[SteeredClip]:
    """At most `count` clips of the study, drawn without replacement; ArdError where the table cannot be read."""
    with closing(ClipTable(study.clips())) as table:
        chosen = np.random.default_rng([seed, 1]).choice(len(table), min(count, len(table)), replace=False)
        return [sound_of_clip(table[row]) for row in chosen.tolist()]
