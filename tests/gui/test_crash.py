"""A window that died is noticed by the next one, which goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.restoring import Restoring
from ard_gui.services import crash
from ard_gui.services.crash import CrashGuard, Place, find_crashes
from backend.study.folder import Study

Make = Callable[..., MainWindow]
LATER_FAULT = """
import faulthandler, sys
from PySide6.QtCore import QTimer
from ard_gui import app
from ard_gui.views.dialogs import Dialogs
Dialogs.about = lambda self: faulthandler._sigsegv()
from ard_gui.main_window import MainWindow
shown = MainWindow.show
def show(self):
    shown(self)
    self.session.feature_read.connect(lambda _: QTimer.singleShot(2500, self.actions_table["help.about"].trigger))
MainWindow.show = show
sys.exit(app.main(sys.argv[1:]))
"""


def markers() -> list[Path]:
    return list(crash.folder().glob("running-*.json"))


def place_in_marker() -> dict[str, object]:
    for marker in markers():
        found: dict[str, object] = json.loads(marker.read_text())["place"]
        return found
    return {}


@pytest.fixture
def dead_window(tiny_study: Study) -> Path:
    """`ard-gui` on the tiny study at feature 3, killed from outside."""
    command = [sys.executable, "-P", "-m", "ard_gui.app", str(tiny_study.root), "--feature", "3"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until(lambda: place_in_marker().get("feature") == 3, 60)
    assert find_crashes() == [], "a window that lives has not crashed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return tiny_study.root


def test_next_window_offers_to_go_on_after_a_kill(make_window: Make, dead_window: Path) -> None:
    window = make_window()
    guard = CrashGuard(window.session.notices)
    restoring = Restoring(window, guard)
    window.session.preferences.set("tour_seen", True)
    restoring.look()
    until(window.notice_bar.isVisible)
    told = window.notice_bar.text.text()
    assert str(dead_window) in told
    assert "at feature 3" in told
    report = next(crash.folder().glob("crash-*.txt"))
    assert str(report) in told
    assert "ended from outside" in report.read_text()
    QTest.mouseClick(window.notice_bar.accept, Qt.MouseButton.LeftButton)
    until(lambda: window.session.selection.feature == 3)
    assert markers() == []
    assert find_crashes() == []


def test_fault_in_native_code_leaves_a_report_with_the_last_action(tiny_study: Study) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LATER_FAULT, str(tiny_study.root)], stderr=subprocess.DEVNULL, timeout=120
    )
    assert done.returncode == -signal.SIGSEGV
    (found,) = find_crashes()
    text = found.report.read_text()
    assert "Segmentation fault" in text
    assert "dialogs.py" in text or "in <lambda>" in text
    assert found.place.study == str(tiny_study.root)


def test_exception_before_the_window_is_there_is_written_down(own_settings: Path) -> None:
    code = (
        "import sys; from ard_gui import app\n"
        "def broken(*_): raise RuntimeError('no window today')\n"
        "app.MainWindow = broken; sys.exit(app.main([]))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (report,) = crash.folder().glob("crash-*.txt")
    assert str(report) in done.stderr
    assert "no window today" in report.read_text()
    assert markers() == []


def test_window_that_was_closed_leaves_nothing(own_settings: Path, tiny_study: Study) -> None:
    code = (
        "import sys; from ard_gui import app; from ard_gui.main_window import MainWindow\n"
        "opened = MainWindow.show\n"
        "def show(self): opened(self); self.session.feature_read.connect(lambda _: self.close())\n"
        "MainWindow.show = show; sys.exit(app.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tiny_study.root)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "QThread" not in done.stderr
    assert list(crash.folder().iterdir()) == []
    assert json.loads((own_settings / "preferences.json").read_text())["recent"] == [str(tiny_study.root)]


def test_damaged_marker_is_removed_without_a_word(own_settings: Path) -> None:
    crash.folder().mkdir(parents=True)
    (crash.folder() / "running-1.json").write_text("{")
    assert find_crashes() == []
    assert markers() == []


def test_last_actions_are_in_the_report(make_window: Make) -> None:
    window = make_window()
    guard = CrashGuard(window.session.notices)
    Restoring(window, guard)
    window.actions_table["view.theme"].trigger()
    guard.at(Place("/some/study", "s", 4))
    text = guard.report(RuntimeError("over")).read_text()
    assert all(part in text for part in ("view.theme", "/some/study", "feature: 4", "RuntimeError: over", "python"))
