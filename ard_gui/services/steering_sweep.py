"""Asks the model server for one answer after the other of a sweep; what was answered is not asked for again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.model_server import ModelServer
from ard_gui.services.steering_answers import Answer, Key, Memory, Place, Request
from ard_gui.services.steering_places import Places
from ard_gui.state.steering import Setup
from ard_gui.state.steering_sweep import Sweep, first_words, time_left

AT_ONCE, WORDS_AT_ONCE = 4, 32
"""Values of one request: between two requests the model answers whatever else was asked, such as a slider's move."""
KEPT = 2000
BESIDE = ("original", "reconstructed")


@dataclass
class Point:
    """An answer of a sweep, and how probable each watched word's first token is at its first position."""

    answer: Answer
    words: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Run:
    requests: Mapping[float, Request]
    words: tuple[str, ...]
    began: float
    done_before: int
    looked_up: set[Key] = field(default_factory=set)
    """Answers whose words were asked for by themselves, which is done once."""


class SteeringSweep(QObject):
    """The answers of sweeps, by everything they depend on.

    Signals
    -------
    changed()
        There is another answer, or `running`, `doing` or `problem` is another one.

    Parameters
    ----------
    memory : Memory
        Whole answers are kept there as well: the panel shows them at once when its slider comes to that value.

    Attributes
    ----------
    running : bool
    doing : str
        What is being done, with the time left; "" for nothing.
    problem : str
        Why the last run ended early; "" if it did not.
    """

    changed = Signal()

    def __init__(self, places: Places, memory: Memory) -> None:
        super().__init__()
        self.running, self.doing, self.problem = False, "", ""
        self._places, self._memory = places, memory
        self._server: ModelServer | None = None
        self._points: OrderedDict[Key, Point] = OrderedDict()
        self._run: _Run | None = None
        self._id = 0
        self._pending: list[Request] = []
        """The steps of the last request that have not been answered, in its order."""
        self._only_words = False

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

    def leave(self) -> None:
        """The study is closed."""
        self._server = None
        self.forget()

    def forget(self) -> None:
        """Other results are valid: nothing that was said before counts."""
        self._end("")
        self._points.clear()
        self._places.forget()
        self.changed.emit()

    # asking

    def start(self, sweep: Sweep, setup: Setup, sae: str, words: tuple[str, ...]) -> None:
        """Ask for every step that is not answered yet.

        Parameters
        ----------
        words : tuple of str
            Watched words; empty for the first words of the answers themselves.
        """
        assert setup.sound is not None
        self._end("")
        self.running, self.doing = True, "looking for the sound"
        self.changed.emit()
        self._places.ask(setup.sound, lambda place: self._begin(sweep, setup, sae, words, place), self._end)

    def stop(self) -> None:
        """Ask for nothing any more; what was answered stays."""
        if self._server is not None and self._id > 0:
            self._server.cancel(self._id)
        self._end("")

    def point(self, sweep: Sweep, setup: Setup, sae: str, step: float) -> Point | None:
        """The answer at a step of a setup, if it is there."""
        request = self._request(sweep.setup_at(setup, step), sae)
        return None if request is None else self._points.get(request.key("steered"))

    def beside(self, condition: str, setup: Setup, sae: str) -> Point | None:
        """The original or the reconstructed answer to a setup, if it is there."""
        request = self._request(setup, sae)
        return None if request is None else self._points.get(request.key(condition))

    def words_of(self, sweep: Sweep, setup: Setup, sae: str) -> tuple[str, ...]:
        """The first words of the answers that are there."""
        found = [self.beside("original", setup, sae), *(self.point(sweep, setup, sae, step) for step in sweep.steps)]
        return first_words(one.answer.said.text for one in found if one is not None)

    def _request(self, setup: Setup, sae: str) -> Request | None:
        place = self._places.known(setup.sound)
        return None if place is None else Request(place, setup, sae)

    def _begin(self, sweep: Sweep, setup: Setup, sae: str, words: tuple[str, ...], place: Place) -> None:
        if not self.running:
            return
        requests = {step: Request(place, sweep.setup_at(setup, step), sae) for step in sweep.steps}
        done = sum(one.key("steered") in self._points for one in requests.values())
        self._run = _Run(requests, words, time.monotonic(), done)
        self._next()

    def _next(self) -> None:
        """Ask for the next few steps; then for words that were not known when a step was answered."""
        run = self._run
        if run is None or self._server is None:
            return
        words = self._words(run)
        missing = [one for one in run.requests.values() if one.key("steered") not in self._points][:AT_ONCE]
        if missing:
            self._ask(missing, words, only_words=False)
            return
        one = next(iter(run.requests.values()))
        lacking = [one for one in run.requests.values() if self._lacks(one.key("steered"), words)][:WORDS_AT_ONCE]
        beside = [key for key in map(one.key, BESIDE) if self._lacks(key, words)]
        if lacking or beside:
            run.looked_up.update(beside, (one.key("steered") for one in lacking))
            self._ask(lacking or [one], words, only_words=True)
        else:
            self._end("")

    def _words(self, run: _Run) -> tuple[str, ...]:
        one = next(iter(run.requests.values()))
        keys = [one.key("original"), *(other.key("steered") for other in run.requests.values())]
        found = [self._points[key].answer.said.text for key in keys if key in self._points]
        return run.words or first_words(found)

    def _lacks(self, key: Key, words: tuple[str, ...]) -> bool:
        """Whether words are not known of an answer and were not looked up; models that write nothing have none."""
        point, run = self._points.get(key), self._run
        if point is None or run is None or point.answer.representation is not None or key in run.looked_up:
            return False
        return not set(words) <= set(point.words)

    def _ask(self, requests: list[Request], words: tuple[str, ...], *, only_words: bool) -> None:
        assert self._server is not None
        fields = requests[0].fields(BESIDE)
        del fields["neighbours"]
        if only_words:
            # the first position does not depend on how long the answer may be
            fields["max_new_tokens"] = 1
        values = [[value for _, value in one.overrides] for one in requests]
        self._only_words, self._id, self._pending = only_words, -1, list(requests)
        self._tell()
        asked = self._server.ask("sweep", **fields, values=values, words=list(words))
        if self._id == -1:
            self._id = asked

    # hearing

    def _part(self, id_: int, do: str, told: dict[str, Any]) -> None:
        if id_ != self._id or do != "sweep" or self._run is None:
            return
        if told.get("stage") == "value" and self._pending:
            self._keep(self._pending.pop(0).key("steered"), told)
        elif told.get("stage") == "done":
            self._keep(next(iter(self._run.requests.values())).key(str(told["condition"])), told)
        else:
            return
        self._tell()

    def _keep(self, key: Key, told: dict[str, Any]) -> None:
        before = self._points.get(key)
        if before is None and self._only_words:
            return
        answer = before.answer if before is not None and self._only_words else Answer.of(told["answer"])
        known = {} if before is None else before.words
        self._points[key] = Point(answer, {**known, **(told.get("words") or {})})
        while len(self._points) > KEPT:
            self._points.popitem(last=False)
        if not self._only_words:
            self._memory.keep(key, answer)

    def _done(self, id_: int, do: str, told: dict[str, Any]) -> None:
        if id_ != self._id or do != "sweep" or self._run is None:
            return
        one = next(iter(self._run.requests.values()))
        for condition, found in told.get("conditions", {}).items():
            point = self._points.get(one.key(condition))
            if point is not None:
                point.words.update(found["words"])
        self._id = 0
        if self._pending:
            self._end("The model server did not answer every value.")
        else:
            self._next()

    def _failed(self, id_: int, do: str, message: str) -> None:
        if do == "sweep" and self.running and (id_ == self._id or self._id == -1):
            self._end(message)

    def _dropped(self, id_: int, do: str) -> None:
        if do == "sweep" and id_ == self._id and self.running:
            self._end("The sweep was stopped. Continue goes on where it was.")

    def _progressed(self, id_: int, text: str, fraction: float) -> None:
        """What comes before the first answer: loading the model, reading the sound."""
        if id_ == self._id and "answered" not in text:
            self.doing = f"{text} {fraction:.0%}" if fraction >= 0 else text
            self.changed.emit()

    def _tell(self) -> None:
        run = self._run
        if run is not None:
            of = len(run.requests)
            done = sum(one.key("steered") in self._points for one in run.requests.values())
            fresh = done - run.done_before
            left = time_left(time.monotonic() - run.began, fresh, of - run.done_before)
            what = "probabilities of the words" if self._only_words else f"{done} of {of} values answered"
            self.doing = f"{what}, {left}" if left else what
        self.changed.emit()

    def _end(self, problem: str) -> None:
        self.running, self.doing, self.problem = False, "", problem
        self._run, self._id = None, 0
        self.changed.emit()
