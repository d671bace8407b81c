"""How far the run is that is looked at: a bar for each stage, what it uses of the machine, what it said last."""

from __future__ import annotations

import html

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QColor, QPalette, QResizeEvent, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ard_gui.state.run_words import STATES, advice, size, span, stage_words, use_words, when
from ard_gui.state.runs import GOING_ON, RunShown, RunsShown, StageShown
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.plain_text import tip

STEPS = 1000
LINES = 4
"""Least height of the messages, in lines."""
SIGNS = {"info": "", "warning": "warning: ", "error": "error: "}


class ProgressTab(QWidget):
    """`show_run` with every change; widgets are made once for each stage."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.told, self.use = ElidedLabel(), QLabel(), QLabel()
        self.stages = QWidget()
        self.rows: list[StageRow] = []
        self.messages = QPlainTextEdit()
        self._said: tuple[object, ...] = ()
        self.told.setWordWrap(True)
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.use.setWordWrap(True)
        for label, name in ((self.head, "The run"), (self.told, "State of the run"), (self.use, "What the run uses")):
            label.setAccessibleName(name)
        self.messages.setAccessibleName("Last messages of the run")
        self.messages.setReadOnly(True)
        self.messages.setTabChangesFocus(True)
        self.messages.setPlaceholderText("It has not said anything.")
        self.messages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._grid = QGridLayout(self.stages)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 2)
        self._grid.setColumnStretch(2, 3)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        for widget in (self.head, self.told, self.stages, self.use):
            column.addWidget(widget)
        column.addWidget(self.messages, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(body)
        self._body, self._column, self._area = body, column, area
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self._fit()

    def show_run(self, run: RunShown | None, shown: RunsShown) -> None:
        """Show a run, or that none is chosen."""
        if run is None:
            self._say("", "Choose a run in the list.", bad=False)
            self._show_stages(())
            self.use.setText("")
            self._show_messages(())
            return
        times = [when(run.started)] if run.started else []
        times += [f"for {span(run.seconds)}" if run.state in GOING_ON else f"took {span(run.seconds)}"] * bool(
            run.seconds
        )
        self.head.set_tip(run.command)
        head = ", ".join([STATES.get(run.state, run.state), *times])
        parts = (run.text, run.todo if run.todo not in run.text else "", advice(run, shown))
        text = "\n".join(part for part in parts if part)
        self._say(f"{run.command}: {head}", text, bad=run.state in ("failed", "killed", "damaged"))
        self._show_stages(run.stages)
        self.use.setText(_use(run))
        self.use.setVisible(bool(self.use.text()))
        self._show_messages(run.messages)
        self._make_room()

    def _make_room(self) -> None:
        """A scroll area knows nothing of labels that get higher where they are narrow."""
        self._body.setMinimumHeight(max(0, self._column.minimumHeightForWidth(self._area.viewport().width())))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._make_room()

    def _say(self, head: str, text: str, *, bad: bool) -> None:
        self.head.setText(head)
        self.head.setVisible(bool(head))
        self.told.setText(text)
        self.told.setVisible(bool(text))
        palette = QPalette(self.palette())
        if bad:
            palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().bad))
        self.told.setPalette(palette)

    def _show_stages(self, stages: tuple[StageShown, ...]) -> None:
        while len(self.rows) < len(stages):
            self.rows.append(StageRow(self._grid, len(self.rows)))
        for row, stage in zip(self.rows, stages, strict=False):
            row.show_stage(stage)
        for row in self.rows[len(stages) :]:
            row.hide()
        self.stages.setVisible(bool(stages))

    def _show_messages(self, messages: tuple[object, ...]) -> None:
        if messages == self._said:
            return
        self._said = messages
        lines = [
            f"{when(one.time)}  {SIGNS.get(one.level, '')}{one.stage + ': ' if one.stage else ''}{one.text}"  # type: ignore[attr-defined]
            for one in messages
        ]
        bar = self.messages.verticalScrollBar()
        at_end, at = bar.value() >= bar.maximum() - 1, bar.value()
        self.messages.setPlainText("\n".join(lines))
        if at_end:
            self.messages.moveCursor(QTextCursor.MoveOperation.End)
        bar.setValue(bar.maximum() if at_end else at)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        """Heights at the text size in use."""
        self.messages.setMinimumHeight(self.fontMetrics().height() * LINES)
        QTimer.singleShot(0, self, self._make_room)


class StageRow:
    """Name, bar and words of one stage, in a line of a grid."""

    def __init__(self, grid: QGridLayout, row: int) -> None:
        self.name, self.bar, self.words = QLabel(), QProgressBar(), ElidedLabel()
        self.bar.setRange(0, STEPS)
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(60)
        self.bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        for column, widget in enumerate((self.name, self.bar, self.words)):
            grid.addWidget(widget, row, column)

    def show_stage(self, stage: StageShown) -> None:
        """Show a stage's state."""
        words = stage_words(stage)
        self.name.setText(html.escape(stage.name))
        endless = stage.state == "running" and stage.total <= 0
        self.bar.setRange(0, 0 if endless else STEPS)
        if not endless:
            self.bar.setValue(round(STEPS * stage.share))
        self.bar.setEnabled(stage.state != "waiting")
        self.bar.setAccessibleName(f"Progress of {stage.name}")
        self.bar.setAccessibleDescription(words)
        self.words.setText(words)
        peaks = [f"peak memory {size(stage.memory_bytes)}"] * bool(stage.memory_bytes)
        peaks += [f"peak GPU memory {size(stage.device_bytes)}"] * bool(stage.device_bytes)
        self.words.set_tip(", ".join(peaks))
        self.bar.setToolTip(tip(words, *peaks))
        for widget in (self.name, self.bar, self.words):
            widget.show()

    def hide(self) -> None:
        for widget in (self.name, self.bar, self.words):
            widget.hide()


def _use(run: RunShown) -> str:
    words = use_words(run)
    if not words:
        return f"Still reading its events: {size(run.behind)} left." if run.behind else ""
    host = f" on {run.host}" if run.host else ""
    found = f"In use{host}: {words}." if run.state in GOING_ON else f"At its peak: {words}."
    return found + (f" Still reading its events: {size(run.behind)} left." if run.behind else "")
