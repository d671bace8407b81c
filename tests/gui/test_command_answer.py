"""The service that asks ARD one question and hears one answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gui.waiting import until
from PySide6.QtCore import QProcess

from ard_gui.services.command_answer import CommandAnswer
from backend.study.creation import new_study


class Heard:
    """What one CommandAnswer said."""

    def __init__(self, asked: CommandAnswer) -> None:
        self.asked = asked
        self.answers: list[dict[str, Any]] = []
        self.failures: list[str] = []
        asked.answered.connect(self.answers.append)
        asked.failed.connect(self.failures.append)


@pytest.fixture
def heard(application: object) -> Iterator[Heard]:
    asked = CommandAnswer()
    yield Heard(asked)
    asked.close()
    asked.deleteLater()


def test_the_json_object_a_command_prints_is_the_answer(heard: Heard, tmp_path: Path) -> None:
    new_study(tmp_path / "study", "builtin", [tmp_path])
    heard.asked.ask(["status", str(tmp_path / "study"), "--json"])
    until(lambda: not heard.asked.asking)
    assert heard.failures == []
    assert heard.answers[0]["study"] == str(tmp_path / "study")


def test_words_that_are_no_json_object_are_no_answer(heard: Heard) -> None:
    heard.asked.ask(["status", "--help"])
    until(lambda: not heard.asked.asking)
    assert heard.answers == []
    assert heard.failures == ["the command did not print the JSON object that was asked for"]


def test_a_command_that_fails_says_why_in_its_own_words(heard: Heard, tmp_path: Path) -> None:
    heard.asked.ask(["status", str(tmp_path / "nowhere"), "--json"])
    until(lambda: bool(heard.failures))
    assert "nowhere" in heard.failures[0]
    assert not heard.failures[0].startswith("ard:")
    assert heard.answers == []


def test_only_the_last_of_two_questions_is_answered(heard: Heard, tmp_path: Path) -> None:
    heard.asked.ask(["status", str(tmp_path / "first"), "--json"])
    heard.asked.ask(["status", str(tmp_path / "second"), "--json"])
    until(lambda: bool(heard.failures))
    until(lambda: not heard.asked.findChildren(QProcess))
    assert len(heard.failures) == 1
    assert "second" in heard.failures[0]


def test_nothing_is_heard_of_a_question_that_was_stopped(heard: Heard, tmp_path: Path) -> None:
    heard.asked.ask(["status", str(tmp_path / "nowhere"), "--json"])
    heard.asked.stop()
    assert not heard.asked.asking
    until(lambda: not heard.asked.findChildren(QProcess))
    assert heard.answers == []
    assert heard.failures == []
