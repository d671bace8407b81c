"""A window in a process of its own, used as a person would, which whoever started it kills in the end.

`python -P tests/gui/driven_window.py STUDY SOUNDS MANIFEST`: fills in the form for a new study, makes and runs it,
pauses the training, resumes it, and stays open. Each thing that was seen is a line on stdout.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.main_window import MainWindow
from ard_gui.services.playback.outputs import silent_output
from ard_gui.services.playback.player import Player
from ard_gui.session import Session
from ard_gui.state.runs import RunShown
from ard_gui.views.new_study.form import NewStudy
from backend.resources import resource

STEPS = 700
CHANGES = {
    "train.steps": STEPS, "train.threads": 1, "train.checkpoint_every": 20, "train.log_every": 20,
    "train.matmul": "float32",
}  # fmt: skip
LAYER = "decoder.1"
LONG = 120.0


def main(study: Path, sounds: Path, manifest: str) -> None:
    """Everything a person does with the first window."""
    application = QApplication([])
    window = MainWindow(Session(player=Player(lambda _label, engine: silent_output("tests are silent", engine))))
    window.show()
    make_and_run(window, study, sounds, manifest)
    until(lambda: window.session.overview is not None, LONG)
    window.show_dock("runs")
    until(lambda: trained(window) > 40, LONG)
    window.actions_table["run.pause"].trigger()
    until(lambda: [row.state for row in window.session.run_watch.shown.rows] == ["paused"], LONG)
    say("paused")
    window.actions_table["run.resume"].trigger()
    until(lambda: trained(window) > 100, LONG)
    say("training")
    sys.exit(application.exec())


def make_and_run(window: MainWindow, study: Path, sounds: Path, manifest: str) -> None:
    """Fill in the form by mouse and keys and press Make and run."""
    window.actions_table["file.new"].trigger()
    until(lambda: isinstance(QApplication.activeModalWidget(), NewStudy), LONG)
    form = QApplication.activeModalWidget()
    assert isinstance(form, NewStudy)
    QTest.keyClicks(form.folder.line, str(study))
    form.model.part.set_model(str(resource("demo/model")))
    form.sounds.part.add_folder(sounds, manifest)
    until(lambda: form.model.part.inspection is not None, LONG)
    form.show_section("SAE")
    form.form.set_profile("tiny")
    for dotted, value in CHANGES.items():
        form.form.set(dotted, value)
    form.layers.picture.set_layers([LAYER])
    form.layers.picture.changed.emit()
    until(lambda: form.make.isEnabled() and form.panel.estimate is not None, LONG)
    say("estimated")
    say(form.form.wish().command())
    click(form.make)


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def trained(window: MainWindow) -> float:
    """Steps of the training that runs, as the panel shows them; 0 while none does."""
    row: RunShown | None = window.session.run_watch.shown.active
    stage = None if row is None or row.state != "running" else row.stage
    return stage.done if stage is not None and stage.name == "train" else 0.0


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
