"""The window's side of the model server, with the real server as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from ard_gui.services import model_process
from ard_gui.services.model_server import ModelServer
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.extra_requests import extra_requests
from builders.tiny_study import finished_study


@pytest.fixture(scope="module")
def application() -> QCoreApplication:
    return QApplication.instance() or QApplication([])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(tmp_path_factory.mktemp("asked"), train={"steps": 30, "threads": 1})


class Told:
    """Everything a server told, in order."""

    def __init__(self, server: ModelServer) -> None:
        self.all: list[tuple[Any, ...]] = []
        for name in ("answered", "part_answered", "progressed", "failed", "dropped", "state_changed"):
            getattr(server, name).connect(self._note(name))

    def _note(self, name: str) -> Callable[..., None]:
        return lambda *values: self.all.append((name, *values))

    def of(self, name: str, id_: int | None = None) -> list[tuple[Any, ...]]:
        return [one for one in self.all if one[0] == name and id_ in (None, one[1])]

    def states(self) -> list[str]:
        return [one[1] for one in self.of("state_changed")]

    def end_of(self, id_: int) -> tuple[Any, ...]:
        """The signal that ended a request, as soon as it is there."""
        names = ("answered", "failed", "dropped")
        until(lambda: any(one[0] in names and one[1] == id_ for one in self.all), lambda: str(self.all))
        return next(one for one in self.all if one[0] in names and one[1] == id_)


def until(condition: Callable[[], bool], told: Callable[[], str] = str) -> None:
    """Let Qt work until `condition` holds; fail after a minute."""
    loop, tick, limit = QEventLoop(), QTimer(), QTimer()
    tick.timeout.connect(lambda: loop.quit() if condition() else None)
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    tick.start(5)
    limit.start(60_000)
    loop.exec()
    assert condition(), told()


@pytest.fixture
def server(
    application: QCoreApplication, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelServer]:
    """A client where a folder called `backend` lies; no thread and no process is left of it."""
    for name, value in extra_requests(tmp_path / "site").items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cwd" / "backend").mkdir(parents=True)
    (tmp_path / "cwd" / "backend" / "__init__.py").write_text("raise SystemExit('the wrong backend')")
    monkeypatch.chdir(tmp_path / "cwd")
    found = ModelServer(study.root)
    yield found
    found.close()
    assert found.wait_gone(30)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("model-server")]
    assert not [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]


def test_server_is_started_by_the_first_question_and_answers_it(server: ModelServer, study: Study) -> None:
    told = Told(server)
    assert (server.state, server.pid) == ("off", 0)
    id_ = server.ask("hello")
    name, _, do, result = told.end_of(id_)
    assert (name, do, result["study"]) == ("answered", "hello", str(study.root))
    assert told.states() == ["starting", "working", "ready"]
    assert psutil.pid_exists(server.pid)


def test_clip_of_the_study_is_encoded_with_progress(server: ModelServer, study: Study) -> None:
    told, row = Told(server), ClipTable(study.clips())[5]
    id_ = server.ask("encode", path=str(Path(row.root) / row.path), top=4)
    _, _, _, result = told.end_of(id_)
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        features, scores = file.clip_features(5)
    assert [one["feature"] for one in result["features"]] == features[:4].tolist()
    assert [one["score"] for one in result["features"]] == pytest.approx(scores[:4].tolist(), rel=1e-2)
    assert ("progressed", id_, "loading the model", -1.0) in told.all


def test_error_is_told_with_what_to_do(server: ModelServer) -> None:
    told = Told(server)
    name, _, do, message = told.end_of(server.ask("encode", path="/nowhere.wav"))
    assert (name, do) == ("failed", "encode")
    assert message == "the sound cannot be read: No such file or directory (/nowhere.wav). Choose another file."
    assert server.state == "ready"


def test_newer_question_overtakes_and_a_question_can_be_cancelled(server: ModelServer, tmp_path: Path) -> None:
    told = Told(server)
    first = server.ask("slow", release=str(tmp_path / "never"))
    until(lambda: bool(told.of("part_answered", first)))
    assert server.state == "working"
    second = server.ask("slow", release=str(tmp_path / "never"))
    assert told.end_of(first) == ("dropped", first, "slow")
    until(lambda: bool(told.of("part_answered", second)))
    server.cancel(second)
    assert told.end_of(second) == ("dropped", second, "slow")
    assert server.state == "ready"


def test_killed_server_is_said_to_be_gone_and_starts_again_when_asked(server: ModelServer, tmp_path: Path) -> None:
    told = Told(server)
    lost = server.ask("slow", release=str(tmp_path / "never"))
    until(lambda: bool(told.of("part_answered", lost)))
    before = server.pid
    os.kill(before, signal.SIGKILL)
    name, _, do, message = told.end_of(lost)
    assert (name, do) == ("failed", "slow")
    assert "gone: it was stopped by SIGKILL, perhaps because memory ran out" in message
    assert server.state == "gone: it was stopped by SIGKILL, perhaps because memory ran out"
    assert server.pid == 0
    assert told.end_of(server.ask("hello"))[0] == "answered"
    assert server.pid not in (0, before)


def test_study_that_is_gone_is_the_reason_the_server_is_gone(application: QCoreApplication, tmp_path: Path) -> None:
    server = ModelServer(tmp_path)
    told = Told(server)
    name, _, _, message = told.end_of(server.ask("hello"))
    assert name == "failed"
    assert "this folder is not a study: it has no study.toml" in message
    assert server.state.startswith("gone: this folder is not a study")
    server.close()
    assert server.wait_gone(30)


def test_server_that_cannot_be_started_is_explained(
    application: QCoreApplication, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    server = ModelServer(study.root)
    told = Told(server)
    assert "the model server cannot be started" in told.end_of(server.ask("hello"))[3]
    server.close()
    assert server.wait_gone(30)


def test_closing_does_not_wait_and_nothing_is_told_afterwards(server: ModelServer, tmp_path: Path) -> None:
    told = Told(server)
    id_ = server.ask("deaf")
    until(lambda: bool(told.of("part_answered", id_)))
    process = psutil.Process(server.pid)
    seen = len(told.all)
    server.close()
    assert process.is_running()  # its request never ends, and the server gives it three seconds: nobody waited
    assert server.wait_gone(30)
    QCoreApplication.processEvents()
    assert len(told.all) == seen
    refused = server.ask("hello")
    assert told.all[-1] == ("failed", refused, "hello", "the model server has been closed")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_server_that_does_not_react_is_killed(
    application: QCoreApplication, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_process, "SECONDS_TO_LEAVE", 0.1)
    monkeypatch.setattr(model_process, "SECONDS_TO_OBEY", 0.1)
    server = ModelServer(study.root)
    told = Told(server)
    told.end_of(server.ask("hello"))
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    server.close()
    assert server.wait_gone(30)
    assert not psutil.pid_exists(pid)


def test_program_that_ends_without_closing_takes_the_server_with_it(
    application: QCoreApplication, study: Study
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom PySide6.QtCore import QCoreApplication\n"
        "from ard_gui.services.model_server import ModelServer\n"
        "application = QCoreApplication([])\nserver = ModelServer(Path(sys.argv[1]))\n"
        "server.answered.connect(lambda *_: (print(server.pid, flush=True), application.quit()))\n"
        "server.ask('hello')\napplication.exec()\n"
        "print([name for name in ('torch', 'transformers', 'scipy') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(study.root)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    pid, heavy = done.stdout.splitlines()
    until(lambda: not psutil.pid_exists(int(pid)))
    assert heavy == "[]"
