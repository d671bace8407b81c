"""Asks the model server to steer as the person moves sliders: the last value wins, and nothing here waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.model_server import ModelServer
from ard_gui.services.steered_sound import Find, SoundPlaces
from ard_gui.services.steering_answers import (
    Answer,
    First,
    Memory,
    Request,
    Track,
    missing,
    next_steps,
    only_values,
    same,
    token_of,
)  # fmt: skip
from ard_gui.state.steering import Steering

AT_MOST_EVERY_MS = 16
"""Between two requests: 60 a second."""
REST_MS = 300
"""After another sound was chosen, or after an answer from memory, before the model is asked."""
GONE = "gone: "


class SteeringAnswers(QObject):
    """The model's answers to the setup of one window.

    One request is with the server at a time. While its first part is not there, moves of a slider only replace the one
    that waits; what is not about values alone overtakes at once. Answers are shown with the request they belong to.

    Signals
    -------
    changed(condition: str)
        `tracks` has more of this condition; "" for all of them.
    state_changed()
        `doing`, `problem` or `engine` is another one.

    Parameters
    ----------
    find : function
        Gives the work that finds where a sound lies; that runs on a thread of this object and may raise ArdError.

    Attributes
    ----------
    wanted : Request or None
        What the person asks for now.
    tracks : dict of condition to Track
    live : bool
        Changes of the setup are asked about by themselves: the panel is seen, and a request was made before.
    doing : str
        What is being done; "" for nothing.
    problem : str
        Why the last request has no answer; "" if it has.
    engine : str
        State of the model server: off, starting, ready, working, "gone: " and the reason.
    warnings : tuple of str
        What a person should know of the last answers.
    restarted : str
        Why the model server was started again by itself; "" if it was not.
    first_ms, whole_ms : float
        Until the first part, and until all answers of the last request; NaN before.
    """

    changed = Signal(str)
    state_changed = Signal()

    def __init__(self, state: Steering, find: Find) -> None:
        super().__init__()
        self._state = state
        self._places = SoundPlaces(find, self)
        self.wanted: Request | None = None
        self.tracks: dict[str, Track] = {}
        self.live = False
        self.doing = self.problem = self.restarted = ""
        self.warnings: tuple[str, ...] = ()
        self.engine = "off"
        self.first_ms = self.whole_ms = float("nan")
        self.memory = Memory()
        self._server: ModelServer | None = None
        self._sent: Request | None = None
        self._id = 0
        self._quiet = False
        self._answered_first = True
        self._waiting = self._retried = self._held = False
        self._moved = ""
        self._began = self._last_sent = 0.0
        self._pump_timer, self._rest, self._background = QTimer(self), QTimer(self), QTimer(self)
        acts = (self._pump, self.ask, self._ask_neighbours)
        for timer, act in zip((self._pump_timer, self._rest, self._background), acts, strict=True):
            timer.setSingleShot(True)
            timer.timeout.connect(act)
        state.changed.connect(self._setup_changed)

    # the study

    def open(self, server: ModelServer) -> None:
        """Another study is open."""
        self.leave()
        self._server = server
        server.part_answered.connect(self._part)
        server.answered.connect(self._done)
        server.failed.connect(self._failed)
        server.dropped.connect(self._dropped)
        server.progressed.connect(self._progressed)
        server.state_changed.connect(self._engine_changed)
        self._engine_changed(server.state)

    def leave(self) -> None:
        """The study is closed."""
        self._server = None
        self._forget()

    def forget(self) -> None:
        """Other results are valid: nothing that was said before counts."""
        self.stop()
        self._forget()

    def close(self) -> None:
        """End its thread; the model server is its owner's."""
        self._server = None
        self._forget()
        self._places.close()

    def _forget(self) -> None:
        for timer in (self._pump_timer, self._rest, self._background):
            timer.stop()
        self.memory.clear()
        self.tracks, self.wanted, self._sent = {}, None, None
        self._id, self._waiting, self._answered_first, self.live = 0, False, True, False
        self.doing = self.problem = self.restarted = ""
        self.first_ms = self.whole_ms = float("nan")
        self._places.forget()
        self.changed.emit("")
        self.state_changed.emit()

    # asking

    @property
    def busy(self) -> bool:
        """Whether wanted answers are not there yet."""
        return self._waiting or (self._id != 0 and not self._quiet) or self._rest.isActive()

    def is_present(self, condition: str) -> bool:
        """Whether what is shown of a condition belongs to what is asked for now."""
        track = self.tracks.get(condition)
        return (
            track is not None and self.wanted is not None and track.request.key(condition) == self.wanted.key(condition)
        )

    def why_not(self) -> str:
        """What is missing before anything can be asked; "" for nothing."""
        if self._server is None:
            return "Open a study first."
        if not self._state.ranking:
            return "This study has no ranked features to steer with. Run: ard run"
        return "" if self._state.now.sound is not None else "Choose a sound to steer on."

    def ask(self) -> None:
        """Ask for the setup as it is now; what is known is shown at once."""
        self._rest.stop()
        self._background.stop()
        reason, sound = self.why_not(), self._state.now.sound
        if reason or sound is None:
            self._refuse(reason)
            return
        self.live = True
        place = self._places.known(sound)
        if place is None:
            self._say("looking for the sound")
            self._places.ask(sound, self.ask, self._refuse)
        else:
            self._want(Request(place, self._state.now, self._state.ranking))

    def stop(self) -> None:
        """Ask for nothing any more; what has been written stays."""
        for timer in (self._pump_timer, self._rest, self._background):
            timer.stop()
        if self._server is not None and self._id:
            self._server.cancel(self._id)
        stopped = self.busy
        self._id, self._waiting, self._answered_first = 0, False, True
        if stopped:
            self._say("stopped")

    def start_again(self) -> None:
        """The model server was lost: start it and repeat the last request."""
        self.restarted, self._retried, self._id = "", False, 0
        self.ask()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Ask about no change made meanwhile: a prompt that is being typed."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _setup_changed(self, part: str) -> None:
        if not self.live or self._held or part == "presets":
            self._compare()
            return
        if part in ("sound", "prompt") or self._rest.isActive():
            self._compare()
            self._rest.start(REST_MS)
        else:
            self.ask()

    def moved(self, key: str) -> None:
        """The slider of this row is about to be moved by hand: from now on changes are asked about by themselves."""
        self._moved, self.live = key, self.live or not self.why_not()

    def _compare(self) -> None:
        """What is shown may no longer belong to the setup."""
        sound = self._state.now.sound
        place = None if sound is None else self._places.known(sound)
        self.wanted = None if place is None else Request(place, self._state.now, self._state.ranking)
        self.changed.emit("")

    def _want(self, request: Request) -> None:
        self.wanted, self.problem = request, ""
        self._state.asked()
        for condition in [one for one in self.tracks if one not in request.conditions]:
            del self.tracks[condition]
        for condition in request.conditions:
            found = self.memory.find(request.key(condition))
            if found is not None:
                self.tracks[condition] = Track(request, found.first, answer=found, cached=True)
        self.changed.emit("")
        if missing(request, self.memory):
            self._overtake(request)
        else:
            self._cancel_if_other(request)
            self._finish_from_memory()

    def _overtake(self, request: Request) -> None:
        sent = self._sent if self._id else None
        if sent is not None and not self._quiet and same(sent, request):
            self._waiting = False
            return
        self._waiting = True
        if sent is None or self._answered_first or not only_values(sent, request):
            self._pump()
        self.state_changed.emit()

    def _pump(self) -> None:
        """Send what waits, unless the last request is too young."""
        if not self._waiting or self.wanted is None or self._server is None:
            return
        left = AT_MOST_EVERY_MS - (time.monotonic() - self._last_sent) * 1000
        if left > 0:
            self._pump_timer.start(max(1, round(left)))
            return
        self._send(self.wanted, missing(self.wanted, self.memory), quiet=False)

    def _send(self, request: Request, conditions: list[str], *, quiet: bool) -> None:
        assert self._server is not None
        self._waiting, self._quiet, self._answered_first = False, quiet, False
        self._sent = request
        self._began = self._last_sent = time.monotonic()
        # known before it is asked: a server that cannot start answers within `ask`
        self._id = -1
        if not quiet:
            self._say("asking the model")
        asked = self._server.ask("steer", **request.fields(conditions, next_steps(request, self._moved, self.memory)))
        if self._id == -1:
            self._id = asked

    def _finish_from_memory(self) -> None:
        self._waiting = False
        self.first_ms = self.whole_ms = 0.0
        self._say("")
        self._background.start(REST_MS)

    def _ask_neighbours(self) -> None:
        """The answer came from memory: the next steps are asked for, and shown when the slider gets there."""
        request = self.wanted
        if (
            request is not None
            and self._server is not None
            and not self._id
            and next_steps(request, self._moved, self.memory)
        ):
            self._send(request, ["steered"], quiet=True)

    def _cancel_if_other(self, request: Request) -> None:
        """What runs is for a value that the slider has left; background work of the same request goes on."""
        if self._id and self._server is not None and self._sent is not None and not same(self._sent, request):
            self._server.cancel(self._id)
            self._id = 0

    # hearing

    def _part(self, id_: int, do: str, told: dict[str, Any]) -> None:
        if id_ != self._id or do != "steer" or self._sent is None:
            return
        stage, condition = told.get("stage"), str(told.get("condition", ""))
        if stage == "neighbour":
            pairs = self._sent.with_values(told["values"])
            self.memory.keep(self._sent.key("steered", pairs), Answer.of(told["answer"]))
        elif stage == "ready":
            self.warnings = tuple(str(one) for one in told.get("warnings") or ())
            self._ready()
        elif self._quiet:
            return
        elif stage == "first":
            self._first(condition, told)
        elif stage == "token":
            track = self.tracks.get(condition)
            if track is not None and track.request is self._sent:
                track.tokens.append(token_of(told["token"]))
                self.changed.emit(condition)
        elif stage in ("done", "compared"):
            self._whole(condition, told)

    def _first(self, condition: str, told: dict[str, Any]) -> None:
        assert self._sent is not None
        self.tracks[condition] = Track(self._sent, First.of(told), cached=bool(told.get("cached")))
        self.changed.emit(condition)
        if not self._answered_first:
            self._answered_first = True
            self.first_ms = (time.monotonic() - self._began) * 1000
            self._say("writing the answers")
            self._pump()

    def _whole(self, condition: str, told: dict[str, Any]) -> None:
        assert self._sent is not None
        answer = Answer.of(told["answer"])
        self.memory.keep(self._sent.key(condition), answer)
        before = self.tracks.get(condition)
        first = before.first if before is not None and before.request is self._sent else answer.first
        self.tracks[condition] = Track(
            self._sent, first or answer.first, list(answer.said.tokens), answer, bool(told.get("cached"))
        )
        self.changed.emit(condition)

    def _ready(self) -> None:
        """All that was wanted is there; the server may go on with neighbours."""
        if not self._quiet:
            self.whole_ms = (time.monotonic() - self._began) * 1000
        self._answered_first, self._quiet = True, True
        if not self._retried:
            self.restarted = ""
        self._retried = False
        self._say("")
        self._pump()

    def _done(self, id_: int, do: str, told: dict[str, Any]) -> None:
        if id_ == self._id and do == "steer":
            if not self._quiet:
                self._ready()
            if self._id == id_:
                self._id = 0

    def _dropped(self, id_: int, do: str) -> None:
        """By another window's request, or by the server; what waits is asked for."""
        if id_ == self._id and do == "steer":
            self._id, self._answered_first = 0, True
            self._pump()
            self.state_changed.emit()

    def _failed(self, id_: int, do: str, message: str) -> None:
        if do != "steer" or (id_ != self._id and self._id != -1):
            return
        quiet, self._id, self._answered_first = self._quiet, 0, True
        if self.engine.startswith(GONE) and not quiet and not self._retried:
            self._retried, self._waiting = True, True
            self.restarted = self.engine.removeprefix(GONE)
            self._pump()
        elif self._waiting and not self.engine.startswith(GONE):
            self._pump()
        elif not quiet:
            self._refuse(message)

    def _progressed(self, id_: int, text: str, fraction: float) -> None:
        if id_ == self._id and not self._quiet:
            self._say(f"{text} {fraction:.0%}" if fraction >= 0 else text)

    def _engine_changed(self, state: str) -> None:
        self.engine = state
        self.state_changed.emit()

    def _refuse(self, message: str) -> None:
        self.problem, self._waiting = message, False
        self._say("")

    def _say(self, text: str) -> None:
        self.doing = text
        self.state_changed.emit()
