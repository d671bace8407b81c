"""The reading thread answers the newest request of a kind, and uses its spare time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gui.waiting import until
from PySide6.QtWidgets import QApplication

from ard_gui.services.reader import Reader
from backend.errors import ArdError

LIMIT = 10.0


@pytest.fixture
def reader(application: QApplication) -> Iterator[Reader]:
    found = Reader()
    yield found
    found.close()


@pytest.fixture
def answers(reader: Reader) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    reader.ready.connect(lambda kind, result: found.append((kind, result)))
    reader.failed.connect(lambda kind, message: found.append((f"failed {kind}", message)))
    return found


def test_overtaken_requests_are_not_reported(reader: Reader, answers: list[tuple[str, Any]]) -> None:
    go = threading.Event()
    reader.ask("feature", lambda: go.wait(LIMIT) and "first")
    for number in range(20):
        reader.ask("feature", lambda number=number: number)  # type: ignore[misc]
    reader.ask("other", lambda: "too")
    go.set()
    until(lambda: len(answers) == 2)
    assert answers == [("feature", 19), ("other", "too")]


def test_failure_is_told_and_the_thread_lives_on(reader: Reader, answers: list[tuple[str, Any]]) -> None:
    def fail() -> None:
        raise ArdError("the file is gone", path="x.h5")

    reader.ask("feature", fail)
    until(lambda: len(answers) == 1)
    reader.ask("feature", lambda: 1)
    until(lambda: len(answers) == 2)
    assert answers == [("failed feature", "the file is gone (x.h5)."), ("feature", 1)]


def test_spare_time_is_used_until_the_work_is_done(reader: Reader) -> None:
    left, done = [3, 2, 1], threading.Event()

    def step() -> bool:
        left.pop()
        if not left:
            done.set()
        return bool(left)

    reader.in_spare_time(step)
    assert done.wait(LIMIT)
    assert left == [], "and never asked again, or it would have failed"


def test_request_goes_before_spare_work(reader: Reader, answers: list[tuple[str, Any]]) -> None:
    began, go, steps = threading.Event(), threading.Event(), []

    def step() -> bool:
        began.set()
        go.wait(LIMIT)
        steps.append(len(answers_made))
        return len(steps) < 2

    answers_made: list[int] = []
    reader.in_spare_time(step)
    assert began.wait(LIMIT)
    reader.ask("feature", lambda: answers_made.append(1) or "page")
    go.set()
    until(lambda: len(steps) == 2 and len(answers) == 1)
    assert steps == [0, 1], "the page was read between the first step and the second"


def test_spare_work_that_fails_ends_and_requests_go_on(reader: Reader, answers: list[tuple[str, Any]]) -> None:
    tries: list[int] = []

    def step() -> bool:
        tries.append(1)
        raise ArdError("damaged")

    reader.in_spare_time(step)
    reader.ask("feature", lambda: 1)
    until(lambda: bool(answers) and bool(tries))
    reader.ask("feature", lambda: 2)
    until(lambda: len(answers) == 2)
    assert (len(tries), [kind for kind, _ in answers]) == (1, ["feature", "feature"])
