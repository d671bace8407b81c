"""From "I have a model and a folder" to named concepts inside the window, whatever dies on the way (Rule 3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil
import pytest
from gui import driven_window
from gui.waiting import until

from ard_gui.main_window import MainWindow
from ard_gui.state.runs import RunShown
from backend.study.folder import Study
from backend.study.run_records import first_event, list_runs
from builders.finished_results import contents
from builders.shipped_clips import TABLE, shipped_clips

EVERY = 8
LONG = 200.0
ROOT = Path(__file__).resolve().parents[2]
Make = Callable[..., MainWindow]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")


class Driven:
    """The window in a process of its own, and what it has said."""

    def __init__(self, *words: str) -> None:
        self.lines: SimpleQueue[str] = SimpleQueue()
        self.seen: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-P", driven_window.__file__, *words], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def said(self, line: str) -> bool:
        """Whether it has said so; fails where it has ended without."""
        with suppress(Empty):
            while True:
                self.seen.append(self.lines.get_nowait())
        assert line in self.seen or self.process.poll() is None, self.seen
        return line in self.seen

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Driven]:
    """The first window; it and everything that was started for its study is gone after the test."""
    sounds = shipped_clips(tmp_path / "sounds", EVERY)
    found = Driven(str(tmp_path / "window"), str(sounds), TABLE)
    yield found
    found.kill()
    for one in psutil.process_iter(["cmdline"]):
        if str(tmp_path / "window") in " ".join(one.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.mark.timeout(600)
def test_study_made_and_run_in_the_window_through_pause_and_kills_equals_the_command_line_bit_for_bit(
    make_window: Make, driven: Driven, tmp_path: Path
) -> None:
    study = Study((tmp_path / "window").resolve())
    until(lambda: driven.said("estimated"), LONG)
    until(lambda: driven.said("paused"), LONG)
    until(lambda: driven.said("training"), LONG)
    command = next(line for line in driven.seen if line.startswith("ard new"))

    os.kill(worker_of(study), signal.SIGKILL)
    until(lambda: states(study) == ["stopped", "killed", "running"] and trained(study) > 100, LONG)
    driven.kill()

    window = make_window()
    window.open_study(study.root)
    until(lambda: window.session.overview is not None)
    window.show_dock("runs")
    until(lambda: active(window) is not None, LONG)
    until(lambda: active(window) is None and window.session.ranking is not None, LONG)
    until(lambda: "name" in window.session.ranking.columns, LONG)  # type: ignore[union-attr]
    assert [row.state for row in window.session.run_watch.shown.rows] == ["finished", "killed", "stopped"]
    names = set(window.session.ranking.columns["name"]) - {""}  # type: ignore[union-attr]
    assert len(names) > 3

    undisturbed = by_the_command_line(command, tmp_path)
    expected, found = contents(undisturbed.root), contents(study.root)
    assert found.keys() == expected.keys()
    assert [key for key in expected if found[key] != expected[key]] == []
    assert any(key.startswith("features/") for key in expected)


def by_the_command_line(command: str, folder: Path) -> Study:
    """The study that the form's own command line makes elsewhere, run without disturbance."""
    _, new, _, *words = command.split(" ")
    for line in ([new, str(folder / "cli"), *words], ["run", str(folder / "cli")]):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "backend.cli.main", *line], capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return Study((folder / "cli").resolve())


def active(window: MainWindow) -> RunShown | None:
    return window.session.run_watch.shown.active


def states(study: Study) -> list[str]:
    return [run.state for run in list_runs(study)]


def worker_of(study: Study) -> int:
    return int(first_event(study.runs / list_runs(study)[-1].id)["pid"])


def trained(study: Study) -> int:
    """Steps in the last run's events."""
    path = study.runs / list_runs(study)[-1].id / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sum('"metric"' in line for line in lines) * driven_window.CHANGES["train.log_every"]
