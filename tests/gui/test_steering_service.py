"""Order of requests and answers when a slider moves faster than a model answers; the model server is played here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from gui.waiting import until
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from ard_gui.services.model_server import ModelServer
from ard_gui.services.steering import SteeringAnswers
from ard_gui.services.steering_answers import Place
from ard_gui.state.steering import Steering
from ard_gui.state.undo import UndoStack
from backend.errors import ArdError
from backend.store.notes.steering import SteeredClip

SOUND = SteeredClip("", "", "/sounds/a.wav")
LOST = "the model server is gone: it was stopped by SIGKILL. It starts again when it is next asked."


class Server(QObject):
    """Speaks as `ModelServer` does, and answers when a test says so."""

    answered = Signal(int, str, dict)
    part_answered = Signal(int, str, dict)
    progressed = Signal(int, str, float)
    failed = Signal(int, str, str)
    dropped = Signal(int, str)
    state_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.state = "off"
        self.asked: list[dict[str, Any]] = []
        self.cancelled: list[int] = []

    def ask(self, do: str, **fields: Any) -> int:
        assert do == "steer"
        self.asked.append(fields)
        self.enter("working")
        return len(self.asked)

    def cancel(self, id_: int) -> None:
        self.cancelled.append(id_)

    def enter(self, state: str) -> None:
        self.state = state
        self.state_changed.emit(state)

    def values(self) -> list[float]:
        """What the first feature was set to in each request."""
        return [fields["overrides"][0][1] for fields in self.asked]

    def part(self, stage: str, **fields: Any) -> None:
        self.part_to(len(self.asked), stage, **fields)

    def part_to(self, id_: int, stage: str, **fields: Any) -> None:
        self.part_answered.emit(id_, "steer", {"stage": stage, **fields})

    def first(self, condition: str = "steered") -> None:
        self.part("first", condition=condition, top=[["A", 0.5]], kl=0.1, survived=[1.0], displacement=2.0)

    def finish(self) -> None:
        """Answer everything that was asked last."""
        fields, id_ = self.asked[-1], len(self.asked)
        for condition in fields["conditions"]:
            self.first(condition)
            value = fields["overrides"][0][1] if fields["overrides"] else 0.0
            self.part("done", condition=condition, answer=answer(f"{condition} {value:g}"))
        self.part("ready", warnings=[])
        for values in fields["neighbours"]:
            self.part("neighbour", values=values, answer=answer(f"steered {values[0]:g}"))
        self.answered.emit(id_, "steer", {})


def answer(text: str) -> dict[str, Any]:
    token = {"id": 1, "text": text, "probability": 0.5, "top": [["A", 0.5]]}
    return {
        "text": text, "ended": True, "tokens": [token], "kl": {"first": 0.1, "answer": 0.2}, "survived": [1.0],
        "displacement": 1.0, "repetition": 0.0, "coherent": True, "why": "", "no_speech": None, "representation": None,
    }  # fmt: skip


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def state() -> Steering:
    found = Steering(UndoStack())
    found.use_ranking("sae")
    found.add_features([(7, 10.0)])
    found.set_follows(False)
    found.set_sound(SOUND)
    return found


@pytest.fixture
def answers(application: QApplication, server: Server, state: Steering) -> Iterator[SteeringAnswers]:
    found = SteeringAnswers(state, lambda sound: lambda: Place(sound.path))
    found.open(cast("ModelServer", server))
    found.ask()
    until(lambda: len(server.asked) == 1)
    yield found
    found.close()


def move(answers: SteeringAnswers, state: Steering, *amounts: float) -> None:
    for amount in amounts:
        answers.moved("7")
        state.set_amount("7", amount)


def shown(answers: SteeringAnswers, condition: str = "steered") -> str:
    return answers.tracks[condition].text


def test_moves_wait_for_the_first_part_and_only_the_newest_is_sent(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    move(answers, state, 1.5, 2.0, 2.5)
    assert server.values() == [10.0]
    server.first()
    until(lambda: len(server.asked) == 2)
    assert server.values() == [10.0, 25.0]
    assert answers.busy


def test_answer_of_an_overtaken_request_is_never_shown_as_the_present_one(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    move(answers, state, 2.0)
    server.first()
    assert answers.tracks["steered"].request.overrides == ((7, 10.0),)
    assert not answers.is_present("steered")
    until(lambda: len(server.asked) == 2)
    server.part_to(1, "done", condition="steered", answer=answer("too late"))
    assert shown(answers) != "too late"
    assert answers.memory.find(answers.tracks["steered"].request.key("steered")) is None
    server.first()
    assert answers.is_present("steered")
    server.finish()
    assert shown(answers) == "steered 20"
    assert not answers.busy


def test_slider_asks_again_for_the_steered_answer_alone(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    server.finish()
    assert server.asked[0]["conditions"] == ["original", "reconstructed", "steered"]
    move(answers, state, 2.0)
    until(lambda: len(server.asked) == 2)
    assert server.asked[1]["conditions"] == ["steered"]
    assert answers.is_present("original")
    assert not answers.is_present("steered")


def test_neighbours_of_the_moved_slider_are_answered_from_memory(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    server.finish()
    move(answers, state, 2.0)
    until(lambda: len(server.asked) == 2)
    assert server.asked[1]["neighbours"] == [[21.0], [19.0]]
    server.finish()
    move(answers, state, 2.1)
    assert (shown(answers), answers.is_present("steered"), answers.busy) == ("steered 21", True, False)
    assert answers.tracks["steered"].cached
    until(lambda: len(server.asked) == 3)
    assert server.asked[2]["neighbours"] == [[22.0]]
    server.finish()
    assert shown(answers) == "steered 21"


def test_other_prompt_overtakes_at_once(answers: SteeringAnswers, server: Server, state: Steering) -> None:
    state.set_prompt("What is it?")
    until(lambda: len(server.asked) == 2)
    assert server.asked[1]["prompt"] == "What is it?"


def test_prompt_that_is_being_typed_is_not_asked(answers: SteeringAnswers, server: Server, state: Steering) -> None:
    server.finish()
    with answers.held():
        state.set_prompt("W")
    assert not answers.is_present("original")
    answers.ask()
    until(lambda: len(server.asked) == 2)
    assert server.asked[1]["prompt"] == "W"


def test_stop_cancels_and_what_comes_afterwards_is_not_shown(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    server.first()
    server.part("token", condition="steered", index=0, token=answer("A dog")["tokens"][0])
    answers.stop()
    assert server.cancelled == [1]
    server.part("token", condition="steered", index=1, token=answer("!")["tokens"][0])
    assert (shown(answers), answers.busy, answers.doing) == ("A dog", False, "stopped")
    move(answers, state, 2.0)
    until(lambda: len(server.asked) == 2)


def test_lost_server_is_asked_again_once_by_itself_and_then_on_demand(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    for number in (1, 2):
        server.enter("gone: it was stopped by SIGKILL")
        server.failed.emit(number, "steer", LOST)
        until(lambda: len(server.asked) == 2)
    assert server.asked[0] == server.asked[1]
    assert "SIGKILL" in answers.problem
    assert not answers.busy
    answers.start_again()
    until(lambda: len(server.asked) == 3)
    assert server.asked[2] == server.asked[0]
    server.finish()
    assert (answers.problem, shown(answers)) == ("", "steered 10")


def test_server_that_was_started_again_by_itself_says_why(answers: SteeringAnswers, server: Server) -> None:
    server.enter("gone: memory ran out")
    server.failed.emit(1, "steer", LOST)
    until(lambda: len(server.asked) == 2)
    server.finish()
    assert answers.restarted == "memory ran out"


def test_refused_request_is_told_and_the_next_one_works(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    server.failed.emit(1, "steer", "feature 7 is not in this SAE")
    assert answers.problem == "feature 7 is not in this SAE"
    move(answers, state, 2.0)
    until(lambda: len(server.asked) == 2)
    server.finish()
    assert answers.problem == ""


def test_move_that_waited_is_asked_when_the_request_before_it_was_refused(
    answers: SteeringAnswers, server: Server, state: Steering
) -> None:
    move(answers, state, 3.0)
    server.failed.emit(1, "steer", "out of memory")
    until(lambda: len(server.asked) == 2)
    assert server.values()[1] == 30.0


def test_sound_that_is_not_there_is_told(application: QApplication, server: Server, state: Steering) -> None:
    def gone() -> Place:
        raise ArdError("the sound is not there", path="/sounds/a.wav")

    found = SteeringAnswers(state, lambda sound: gone)
    found.open(cast("ModelServer", server))
    found.ask()
    until(lambda: bool(found.problem))
    assert "the sound is not there" in found.problem
    assert server.asked == []
    found.close()


def test_without_study_sae_or_sound_it_is_said_what_is_missing(application: QApplication, server: Server) -> None:
    state = Steering(UndoStack())
    found = SteeringAnswers(state, lambda sound: lambda: Place(sound.path))
    found.ask()
    assert "Open a study" in found.problem
    found.open(cast("ModelServer", server))
    found.ask()
    assert "no ranked features" in found.problem
    state.use_ranking("sae")
    found.ask()
    assert "Choose a sound" in found.problem
    found.close()


def test_nothing_is_asked_before_the_person_asked_or_moved_a_slider(
    application: QApplication, server: Server, state: Steering
) -> None:
    found = SteeringAnswers(state, lambda sound: lambda: Place(sound.path))
    found.open(cast("ModelServer", server))
    state.add_features([(9, 1.0)])
    state.set_settings(mode="delta")
    assert server.asked == []
    move(found, state, 2.0)
    until(lambda: len(server.asked) == 1)
    found.close()


def test_newer_results_of_the_sae_forget_what_was_said(answers: SteeringAnswers, server: Server) -> None:
    server.finish()
    answers.forget()
    assert answers.tracks == {}
    answers.ask()
    until(lambda: len(server.asked) == 2)
    assert server.asked[1]["conditions"] == ["original", "reconstructed", "steered"]
