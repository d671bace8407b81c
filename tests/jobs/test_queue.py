"""The queue's files: what may stand in them, in which order, and what becomes of what comes after."""

from __future__ import annotations

import errno
import json
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.cli import main as cli
from backend.errors import ArdError
from backend.study import queue
from backend.study.folder import Study
from backend.study.runnable import RUNNABLE, SWITCHES, VALUED, check_words

REFUSED = {"--out", "--check", "--help"}
"""Options of commands that can be queued which cannot: the first writes where it is told to, the others do nothing."""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    found = Study((tmp_path / "study").resolve())
    found.root.mkdir()
    found.toml.touch()
    return found


def states(study: Study) -> dict[str, str]:
    return {one.command: one.state for one in queue.requests(study)}


def change(study: Study, id_: str, **values: Any) -> queue.Request:
    with queue.changing(study):
        return queue.write(study, replace(queue.request(study, id_), **values))


def test_requests_stand_in_the_order_in_which_they_were_added(study: Study) -> None:
    ids = [queue.add(study, command).id for command in ("train", "index", "extract")]
    assert [one.id for one in queue.requests(study)] == ids
    assert {one.host for one in queue.requests(study)} == {socket.gethostname()}
    assert all(queue.is_own(study, one) for one in queue.requests(study))


def test_same_command_twice_is_refused_and_with_other_words_it_is_not(study: Study) -> None:
    queue.add(study, "sweep", ("--k", "8"))
    with pytest.raises(ArdError, match="the same is waiting already: ard sweep --k 8"):
        queue.add(study, "sweep", ("--k", "8"))
    queue.add(study, "sweep", ("--k", "16"))
    assert len(queue.requests(study)) == 2


def test_two_threads_that_add_the_same_add_it_once(study: Study) -> None:
    refused: list[str] = []

    def add() -> None:
        try:
            queue.add(study, "train")
        except ArdError as error:
            refused.append(error.what)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(queue.requests(study)) == 1
    assert len(refused) == 3


def test_several_steps_are_added_all_or_none(study: Study) -> None:
    queue.add(study, "train")
    with pytest.raises(ArdError, match="ard train"):
        queue.add_all(study, [("index", ()), ("train", ())])
    assert states(study) == {"train": "waiting"}
    first, second, third = queue.add_all(study, [("index", ()), ("extract", ()), ("retrieve", ())])
    assert (first.after, second.after, third.after) == ((), (first.id,), (second.id,))


@pytest.mark.parametrize(
    "words",
    [
        ("steer",),
        ("export", "--out", "/tmp/x"),
        ("effects", "--target", "dog", "--out", "/tmp/x"),
        ("effects", "--out=/tmp/x"),
        ("train", "/somewhere"),
        ("train", "--"),
        ("import-sae", "a", "b"),
        ("map", "--seed"),
        ("run", "-P"),
    ],
)  # fmt: skip
def test_what_could_write_outside_the_study_cannot_be_queued(study: Study, words: tuple[str, ...]) -> None:
    with pytest.raises(ArdError):
        queue.add(study, words[0], words[1:])
    assert queue.requests(study) == []


def test_values_of_options_may_look_like_options() -> None:
    check_words("import-sae", ("/sae", "--layer", "encoder.1", "--name=--x", "--k", "-1", "--json"))
    check_words("steerability", ("--prompt", "--out", "--class", "dog", "--class", "rain"))


def test_every_option_of_a_command_that_can_be_queued_is_known_or_refused_on_purpose() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    for name in set(RUNNABLE) & set(commands):
        options = {one: part for part in commands[name].params for one in part.opts if one.startswith("--")}
        valued = {one for one, part in options.items() if not part.is_flag}
        assert valued <= {*VALUED.get(name, ()), *REFUSED}, name
        assert set(options) - valued <= {*SWITCHES, *REFUSED}, name


def test_paused_request_waits_and_a_running_one_is_asked_to_stop(study: Study) -> None:
    waiting, running = queue.add(study, "index"), queue.add(study, "train")
    (study.runs / "r1").mkdir()
    change(study, running.id, state="running", run="r1")
    assert queue.pause(study, waiting.id).state == "paused"
    assert queue.pause(study, running.id).state == "pausing"
    assert (study.runs / "r1" / "stop").exists()
    assert queue.resume(study, waiting.id).state == "waiting"
    with pytest.raises(ArdError, match="pausing cannot be resumed"):
        queue.resume(study, running.id)
    with pytest.raises(ArdError, match="Cancel it"):
        queue.dismiss(study, running.id)


@pytest.mark.parametrize(("take", "why"), [(queue.cancel, "was cancelled"), (queue.dismiss, "was taken off the queue")])
def test_what_comes_after_a_request_that_was_taken_away_is_paused_and_says_why(
    study: Study, take: Any, why: str
) -> None:
    first, second, third = queue.add_all(study, [("index", ()), ("extract", ()), ("train", ())])
    take(study, first.id)
    left = {one.id: one for one in queue.requests(study)}
    assert left[second.id].state == "paused"
    assert left[second.id].text == f"it comes after ard index, which {why}"
    assert left[third.id].state == "waiting"
    assert queue.resume(study, second.id).state == "waiting"


def test_retry_wakes_what_the_failure_had_held_and_not_what_the_user_paused(study: Study) -> None:
    first, second = queue.add_all(study, [("index", ()), ("extract", ())])
    third = queue.add(study, "train", after=[first.id])
    queue.pause(study, third.id)
    failed = change(study, first.id, state="failed", text="no sound", tries=2)
    with queue.changing(study):
        queue.hold_followers(study, failed, "failed")
    assert queue.request(study, second.id).text == "it comes after ard index, which failed"
    again = queue.retry(study, first.id)
    assert (again.state, again.text, again.tries) == ("waiting", "", 0)
    assert states(study) == {"index": "waiting", "extract": "waiting", "train": "paused"}


def test_request_that_has_left_the_queue_is_named(study: Study) -> None:
    id_ = queue.add(study, "index").id
    queue.dismiss(study, id_)
    for act in (queue.pause, queue.resume, queue.cancel, queue.retry, queue.dismiss):
        with pytest.raises(ArdError, match=id_):
            act(study, id_)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), max_size=4))
def test_moving_is_what_it_is_in_a_list(study: Study, moves: list[tuple[int, int]]) -> None:
    if not queue.requests(study):
        for command in ("index", "extract", "train", "map"):
            queue.add(study, command)
    expected = [one.id for one in queue.requests(study)]
    for place, by in moves:
        id_ = expected.pop(place)
        expected.insert(min(3, max(0, place + by)), id_)
        queue.move(study, id_, by)
    assert [one.id for one in queue.requests(study)] == expected


GOOD = {"version": 1, "id": "x", "order": 1.0, "command": "index", "arguments": [], "state": "waiting", "after": []}


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", "\x00", json.dumps({**GOOD, "version": 2}), json.dumps({**GOOD, "id": "y"}),
        json.dumps({**GOOD, "command": "steer"}), json.dumps({**GOOD, "state": "done"}),
        json.dumps({**GOOD, "arguments": [1]}), json.dumps({**GOOD, "arguments": ["/x"]}),
        json.dumps({**GOOD, "arguments": "ab"}), json.dumps({**GOOD, "order": "1"}),
        json.dumps({**GOOD, "order": float("nan")}), json.dumps({**GOOD, "run": ".."}),
        json.dumps({**GOOD, "run": "../../x"}), json.dumps({**GOOD, "text": 3}), json.dumps({**GOOD, "tries": "2"}),
        json.dumps({**GOOD, "after": [["a"]]}), json.dumps({**GOOD, "mark": None}), json.dumps({**GOOD, "state": []}),
    ],
)  # fmt: skip
def test_damaged_file_is_named_and_the_others_are_used(study: Study, content: str) -> None:
    queue.add(study, "train")
    (queue.folder(study) / "x.json").write_text(content)
    assert states(study) == {"train": "waiting"}
    (problem,) = queue.problems(study)
    assert problem.startswith("x.json in the queue cannot be used")


def test_request_with_an_unknown_field_is_used(study: Study) -> None:
    queue.add(study, "train")
    (queue.folder(study) / "x.json").write_text(json.dumps({**GOOD, "colour": "red"}))
    (queue.folder(study) / queue.SUPERVISOR).write_text("{}")
    assert states(study) == {"index": "waiting", "train": "waiting"}
    assert queue.problems(study) == []


def test_mark_belongs_to_the_user_the_words_and_the_folder(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    one = queue.add(study, "import-sae", ("/a", "--layer", "encoder.1"))
    assert queue.is_own(study, one)
    assert not queue.is_own(study, replace(one, arguments=("/b", "--layer", "encoder.1")))
    assert not queue.is_own(study, replace(one, mark=""))
    assert not queue.is_own(study, replace(one, host="elsewhere"))
    assert not queue.is_own(Study(study.root.parent / "copy"), one)
    monkeypatch.setenv("ARD_HOME", str(study.root.parent / "another user"))
    assert not queue.is_own(study, one)


def test_user_without_a_data_directory_can_still_queue(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    (study.root.parent / "file").touch()
    monkeypatch.setenv("ARD_HOME", str(study.root.parent / "file" / "home"))
    assert queue.is_own(study, queue.add(study, "index"))


def test_study_that_cannot_be_written_to_says_so(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ArdError, match=r"cannot be written to: Read-only file system.*copy it"):
        queue.add(study, "index")
    monkeypatch.undo()
    study.runs.write_text("a file in the way")
    with pytest.raises(ArdError, match="cannot be written to"):
        queue.add(study, "index")
    assert queue.requests(study) == []


def test_queue_that_lies_outside_the_study_is_not_written_to(study: Study, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    study.runs.mkdir()
    (study.runs / "queue").symlink_to(tmp_path / "outside")
    with pytest.raises(ArdError, match="lies outside"):
        queue.add(study, "index")
    assert list((tmp_path / "outside").iterdir()) == []
