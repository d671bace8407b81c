"""Make the demo study with `ard demo` in another process, show how far it is, and open it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QProgressBar, QVBoxLayout, QWidget

from ard_gui.services.child import Child

STEPS = 1000
WHAT = {
    "index": "listing the sounds", "extract": "running the model", "import": "taking in the SAE that ships",
    "train": "training an SAE", "retrieve": "ranking clips for each feature", "describe": "scoring and naming",
}  # fmt: skip


class DemoProgress(QDialog):
    """`made` is emitted with the study's folder. Closing the window stops the work; the next time it goes on."""

    made = Signal(object)

    def __init__(self, window: QWidget, folder: Path) -> None:
        super().__init__(window)
        self.setWindowTitle("Making the demo")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(min(640, window.width()))
        self._folder, self._stopping = folder, False
        self.stage = QLabel("Starting …")
        self.stage.setWordWrap(True)
        self.stage.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the stage")
        self.bar.setRange(0, 0)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName("What has been done")
        self.log.setPlaceholderText(f"The demo is made in {folder}, once.")
        buttons = QDialogButtonBox()
        self.stop = buttons.addButton("&Stop", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self._stop)
        layout = QVBoxLayout(self)
        for widget in (self.stage, self.bar, self.log, buttons):
            layout.addWidget(widget)
        self._child = Child(["demo", "--study", str(folder), "--no-gui", "--events"], self)
        self._child.heard.connect(self.show_event)
        self._child.ended.connect(self._ended)
        self._child.start()

    def show_event(self, event: dict[str, Any]) -> None:
        """One event of the job's protocol."""
        kind, stage = event.get("type"), str(event.get("stage", ""))
        if kind == "stage" and event.get("state") == "started":
            self.stage.setText(f"{stage}: {WHAT.get(stage, stage)} …")
            self.bar.setRange(0, 0)
        elif kind == "stage":
            done = "was there already" if event.get("state") == "current" else f"{event.get('seconds', 0):.1f} s"
            self.log.appendPlainText(f"{stage}: {done}")
        elif kind == "progress" and event.get("total"):
            self.bar.setRange(0, STEPS)
            self.bar.setValue(round(STEPS * event["done"] / event["total"]))
            left = event.get("seconds_left")
            more = "" if left is None else f", about {left:.0f} s left"
            self.stage.setText(f"{stage}: {WHAT.get(stage, stage)}{more}")
        elif kind == "message" and event.get("level") in ("warning", "error"):
            self.log.appendPlainText(f"{stage}: {event.get('text', '')}")

    def _stop(self) -> None:
        if not self._child.running:
            self.close()
            return
        self._stopping = True
        self.stop.setEnabled(False)
        self.stage.setText("Stopping where nothing is lost …")
        self._child.stop()

    def _ended(self, code: int, text: str) -> None:
        if code == 0:
            self.close()
            self.made.emit(self._folder)
        elif self._stopping:
            self.close()
        else:
            self.bar.setRange(0, STEPS)
            self.stage.setText("The demo could not be made.")
            self.log.appendPlainText(text or f"ard demo ended with status {code}")
            self.stop.setText("&Close")

    def done(self, result: int) -> None:
        """Every way to close ends here: the work is stopped, which is safe at any moment (Rule 3)."""
        self._child.close()
        super().done(result)
