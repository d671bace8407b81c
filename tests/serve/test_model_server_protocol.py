"""The real server: one line per message whatever is printed, the newest request wins, errors end nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from served import Message, Served

from backend.study.folder import Study


@pytest.fixture
def own_server(study: Study, environment: dict[str, str]) -> Iterator[Served]:
    """A server that a test may end."""
    found = Served(study.root, environment)
    yield found
    found.close()


def running(server: Served, do: str, **fields: object) -> int:
    """Ask for something that takes as long as it likes, and wait until it is at work."""
    id_ = server.ask(do, **fields)
    server.until(lambda m: m["id"] == id_ and m["type"] == "part")
    return id_


def test_first_line_says_that_it_is_ready_and_where(server: Served, study: Study) -> None:
    server.answer("hello")
    first = json.loads(server.lines[0])
    assert (first["type"], first["protocol"], first["study"]) == ("ready", 1, str(study.root))
    assert first["pid"] == server.process.pid


def test_hello_says_what_can_be_asked_and_of_which_sae(server: Served, study: Study) -> None:
    found = server.answer("hello")
    assert found["study"] == str(study.root)
    assert {"python", "torch", "ard"} <= set(found["versions"]) | {"ard"}
    assert found["device"] == "cpu"
    assert [(one["id"], one["layer"], one["raw"], one["features"]) for one in found["saes"]] == [
        ("encoder.2-batchtopk-e4-k8-s0", "encoder.2", False, 64), ("raw-encoder.2", "encoder.2", True, 16),
    ]  # fmt: skip
    assert not any(one["stale"] or one["why_not"] for one in found["saes"])
    reasons = {name: why for name, why in found["why_not"].items() if why}
    assert list(reasons) == ["broken"]
    assert "No module named 'ard_extra_requests_that_are_not_there'" in reasons["broken"]
    assert {"encode", "hello", "text", "trace", "noisy"} <= set(found["why_not"])


def test_request_whose_work_prints_and_reads_cannot_disturb_the_protocol(server: Served) -> None:
    id_ = server.ask("noisy")
    behind = server.ask("hello")
    found = server.end_of(id_)
    assert found["result"] == {"read": "", "read_by_child": ""}
    assert server.end_of(behind)["type"] == "answer"
    assert not [line for line in server.lines if b"printed" in line or b"forged" in line or b"child'" in line]


def test_waiting_request_is_dropped_for_a_newer_one_of_its_kind(server: Served, tmp_path: Path) -> None:
    first = running(server, "steady", release=str(tmp_path / "go"))
    waiting = [server.ask("hello") for _ in range(3)]
    other = server.ask("noisy")
    ends: list[Message] = [server.end_of(waiting[0]), server.end_of(waiting[1])]
    assert [one["type"] for one in ends] == ["dropped", "dropped"]
    (tmp_path / "go").touch()
    assert server.end_of(first)["result"] == {"release": str(tmp_path / "go")}
    assert server.end_of(waiting[2])["type"] == "answer"
    assert server.end_of(other)["type"] == "answer"


def test_running_request_ends_when_it_is_overtaken(server: Served, tmp_path: Path) -> None:
    first = running(server, "slow", release=str(tmp_path / "never"))
    (tmp_path / "now").touch()
    second = server.ask("slow", release=str(tmp_path / "now"))
    assert server.end_of(first)["type"] == "dropped"
    assert server.end_of(second)["type"] == "answer"


def test_running_request_that_finishes_is_answered_though_overtaken(server: Served, tmp_path: Path) -> None:
    first = running(server, "steady", release=str(tmp_path / "go"))
    second = server.ask("steady", release=str(tmp_path / "go"))
    (tmp_path / "go").touch()
    assert server.end_of(first)["type"] == "answer"
    assert server.end_of(second)["type"] == "answer"


def test_running_and_waiting_requests_can_be_cancelled(server: Served, tmp_path: Path) -> None:
    first = running(server, "slow", release=str(tmp_path / "never"))
    waiting = server.ask("hello")
    for id_ in (waiting, first):
        cancel = server.ask("cancel", of=id_)
        ends = {one["id"]: one for one in (server.until(_last), server.until(_last))}
        assert ends[cancel]["result"] == {"cancelled": True}
        assert ends[id_]["type"] == "dropped"
    assert server.answer("cancel", of=first) == {"cancelled": False}


def _last(message: Message) -> bool:
    return message["type"] in ("answer", "dropped")


@pytest.mark.parametrize(
    ("how", "says", "unexpected"),
    [
        ("memory", "there is too little memory for this: CUDA out of memory", False),
        ("exit", "unexpected error: SystemExit: 3", True),
        ("zero", "unexpected error: ZeroDivisionError: by zero", True),
    ],
)
def test_request_that_fails_is_answered_and_the_server_lives_on(
    server: Served, how: str, says: str, unexpected: bool
) -> None:
    found = server.error("fails", how=how)
    assert found["what"].startswith(says)
    assert found["unexpected"] == unexpected
    assert found["todo"]
    assert server.answer("hello")["device"] == "cpu"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{}{", "a line is not JSON"),
        (b"\xff\xfe", "a line is not JSON"),
        (b"[1]", 'an object with "id" and "do"'),
        (b'{"id": 3}', 'an object with "id" and "do"'),
    ],
)
def test_line_that_is_no_request_is_answered_without_an_id(server: Served, line: bytes, says: str) -> None:
    server.send(line)
    found = server.until(lambda m: m["type"] == "error" and m["id"] is None)
    assert says in found["what"]


def test_unknown_kind_and_wrong_fields_are_explained(server: Served) -> None:
    assert "encode" in server.error("dance")["todo"]
    assert "tip: Extra inputs" in server.error("encode", path="/a.wav", tip=1)["what"]
    assert "path: Field required" in server.error("encode")["what"]
    assert "start: " in server.error("encode", path="/a.wav", start=-1)["what"]


def test_kind_that_cannot_be_imported_is_an_error_of_its_requests(server: Served) -> None:
    server.send(b'{"id": "b", "do": "broken"}')
    found = server.until(lambda m: m["type"] == "error")
    assert (found["id"], found["do"], found["unexpected"]) == ("b", "broken", True)
    assert "No module named" in found["what"]


def test_closing_stdin_ends_it(own_server: Served) -> None:
    own_server.answer("hello")
    assert own_server.close() == 0


def test_closing_stdin_ends_it_though_a_request_runs(own_server: Served, tmp_path: Path) -> None:
    running(own_server, "slow", release=str(tmp_path / "never"))
    assert own_server.close() == 0


def test_closing_stdin_ends_it_though_a_request_never_ends(own_server: Served) -> None:
    running(own_server, "deaf")
    process = psutil.Process(own_server.process.pid)
    assert own_server.close() == 0
    assert not process.is_running()


def test_server_ends_when_nobody_reads_its_answers(study: Study) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "backend.serve", str(study.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert b"ready" in process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b'{"id": 1, "do": "hello"}\n')
        process.stdin.flush()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def test_folder_that_is_no_study_is_said_in_the_protocol(tmp_path: Path) -> None:
    server = Served(tmp_path)
    found = server.end_of(None)
    assert "not a study" in found["what"]
    assert server.close() == 1
