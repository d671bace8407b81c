"""The demo is made in another process, and can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.openers import find_demo
from ard_gui.views.demo_progress import STEPS, DemoProgress
from backend.study.atomic import write_json
from backend.study.user_data import user_data

Make = Callable[..., MainWindow]


def test_demo_starts_shows_progress_and_stops(make_window: Make) -> None:
    window = make_window()
    window.actions_table["file.demo"].trigger()
    until(lambda: isinstance(QApplication.activeModalWidget(), DemoProgress))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, DemoProgress)
    until(lambda: "running the model" in dialog.stage.text() and dialog.bar.maximum() == STEPS, 60)
    QTest.mouseClick(dialog.stop, Qt.MouseButton.LeftButton)
    until(lambda: QApplication.activeModalWidget() is None, 30)
    assert (user_data() / "demo-study" / "clips.json").exists()
    assert window.session.overview is None
    assert find_demo(()) == (user_data() / "demo-study", False)


def test_demo_that_cannot_be_made_says_why(make_window: Make) -> None:
    folder = user_data() / "demo-study"
    folder.mkdir(parents=True)
    (folder / "something.txt").write_text("mine")
    window = make_window()
    window.actions_table["file.demo"].trigger()
    until(lambda: isinstance(QApplication.activeModalWidget(), DemoProgress))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, DemoProgress)
    until(lambda: "could not be made" in dialog.stage.text(), 60)
    assert "this folder is not empty" in dialog.log.toPlainText()
    assert (folder / "something.txt").read_text() == "mine"


def test_closing_the_window_ends_the_making(make_window: Make) -> None:
    window = make_window()
    window.actions_table["file.demo"].trigger()
    until(lambda: isinstance(QApplication.activeModalWidget(), DemoProgress))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, DemoProgress)
    child = dialog._child
    until(lambda: child.running)
    window.close()
    assert not child.running


def test_finished_demo_among_the_recent_studies_is_opened_at_once(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "1-demo-1"
    run.mkdir(parents=True)
    write_json(tmp_path / "demo.json", {"seed": 0})
    assert find_demo((str(tmp_path),)) == (user_data() / "demo-study", False)
    write_json(run / "manifest.json", {"stage": "demo", "outputs": {"state": "finished"}})
    assert find_demo(("/gone", str(tmp_path))) == (tmp_path, True)
