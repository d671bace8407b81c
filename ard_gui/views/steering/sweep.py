"""Sweep: one slider (or all) over many values, the answers below each other, and curves of chosen words (A-51)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QColor, QGuiApplication, QPalette, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from ard_gui.actions import Actions
from ard_gui.services.steering_sweep import Point, SteeringSweep
from ard_gui.session import Session
from ard_gui.state.steering import Preset, Setup
from ard_gui.state.steering_sweep import (
    DEFAULT_STEPS,
    TIMES,
    TOGETHER,
    VALUE,
    Sweep,
    as_csv,
    parse_steps,
    parse_words,
    why_no_sweep,
)
from ard_gui.theme import colours
from ard_gui.views.steering.study_ties import follow_study, places_of
from ard_gui.views.steering.sweep_curves import SweepCurves
from ard_gui.views.steering.sweep_lines import FIGURES, asked_told, line_of, overrides_told, row_of
from ard_gui.views.steering.sweep_table import SweepTable
from backend.study.atomic import write_text

KINDS = "CSV (*.csv);;JSON (*.json)"
SOON_MS = 40
UNITS = {VALUE: "values", TIMES: "multiples"}
EMPTY = "A sweep asks for the answer at each of several values of a slider, and puts them below each other."
CHANGED = "Something else than the swept slider was changed: the sweep was stopped. Start sweeps anew."


class SweepView(QWidget):
    """The session's present setup, swept. Nothing is asked before Start."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._state = session, session.steering
        self.sweep = SteeringSweep(places_of(session), session.answers.memory)
        self.target, self.unit = QComboBox(), QComboBox()
        self.steps, self.words = QLineEdit(DEFAULT_STEPS[VALUE]), QLineEdit()
        self.start, self.copy, self.export = QPushButton("S&tart"), QPushButton("&Copy CSV"), QPushButton("E&xport …")
        self.note, self.problem = QLabel(), QLabel()
        self.table, self.curves = SweepTable(), SweepCurves(session.worker)
        self.dialog: QFileDialog | None = None
        self._running_for: Setup | None = None
        self._stale, self._running = True, False
        # answers of one batch arrive together, and the curves are drawn once for them
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self._refresh)
        self._build()
        self._connect()
        follow_study(session, self.sweep)
        self._setup_changed("all")

    # what is swept

    def plan(self) -> tuple[Sweep, tuple[str, ...]] | None:
        """What the fields ask for and the words to watch; None while something stands in them that cannot be used."""
        row, unit = str(self.target.currentData() or TOGETHER), str(self.unit.currentData() or TIMES)
        try:
            steps = parse_steps(self.steps.text(), negative=self._state.now.settings.negative)
            return Sweep(row, unit, steps), parse_words(self.words.text())
        except ValueError as error:
            self._refuse(str(error))
            return None

    def start_or_stop(self) -> None:
        """Start, go on where it was, or stop."""
        plan, setup = self.plan(), self._state.now
        if self.sweep.running:
            self.sweep.stop()
            self._running_for = None
        elif plan is not None and not why_no_sweep(setup, plan[0].row):
            sweep, words = plan
            self._running_for = sweep.setup_at(setup, sweep.steps[0])
            self.sweep.start(sweep, setup, self._state.ranking, words)

    def use_step(self, row: int) -> None:
        """Bring the swept sliders to the value of a row of the table; the panel then shows that answer."""
        plan, setup = self.plan(), self._state.now
        if plan is None:
            return
        sweep = plan[0]
        step = row - len(self._beside())
        if not 0 <= step < len(sweep.steps) or why_no_sweep(setup, sweep.row):
            return
        moved = sweep.setup_at(setup, sweep.steps[step])
        self._session.answers.moved(sweep.row)
        name = f"sweep at {sweep.told(sweep.steps[step])}"
        # one step of undo, however many sliders move
        self._state.use_preset(Preset(name, self._state.ranking, moved.rows, moved.settings))
        if setup.bypass:
            self._state.bypass_all(False)
        self._state.settle()

    # results as text

    def rows(self) -> list[dict[str, Any]]:
        """A row per condition and value that is answered, with everything that was asked."""
        plan, setup, ranking = self.plan(), self._state.now, self._state.ranking
        if plan is None:
            return []
        sweep, _ = plan
        told = asked_told(setup, ranking)
        beside = [(name, None, self.sweep.beside(name, setup, ranking), told) for name in self._beside()]
        steps = [
            ("steered", step, self.sweep.point(sweep, setup, ranking, step),
             {**told, "overrides": overrides_told(sweep.setup_at(setup, step))})
            for step in sweep.steps
        ]  # fmt: skip
        words = self._watched(plan)
        return [
            row_of(name, step, sweep, point, words, asked) for name, step, point, asked in (*beside, *steps) if point
        ]

    def copy_csv(self) -> None:
        """Put the answers on the clipboard."""
        QGuiApplication.clipboard().setText(as_csv(self.rows()))
        self._session.notices.info("the answers of the sweep are on the clipboard as CSV")

    def ask_for_file(self) -> None:
        """Ask where the answers are written to."""
        self.dialog = QFileDialog(self, "Export the sweep", "", KINDS)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.dialog.selectFile("sweep.csv")
        self.dialog.fileSelected.connect(lambda path: self.write(Path(path)))
        self.dialog.open()

    def write(self, path: Path) -> None:
        """Write the answers as .csv or .json."""
        rows, notices = self.rows(), self._session.notices
        path = path if path.suffix else path.with_suffix(".csv")
        json_wanted = path.suffix.lower() == ".json"
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n" if json_wanted else as_csv(rows)
        self._session.worker.run(
            lambda: write_text(path, text),
            lambda _: notices.info(f"{len(rows)} answers written to {path}"),
            lambda failure: notices.error(f"the sweep could not be written: {failure.text}", failure.details),
        )

    # the widget

    def _build(self) -> None:
        for unit, text in UNITS.items():
            self.unit.addItem(text, unit)
        self.unit.setToolTip("Absolute values in the feature's own units, or multiples of its largest value")
        self.target.setToolTip("The slider that is swept; the others stay where they are")
        self.target.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.target.setMinimumContentsLength(8)
        self.steps.setToolTip("Numbers with commas between them")
        self.words.setPlaceholderText("first words of the answers")
        self.words.setToolTip(
            "Words with commas between them: how probable is it that the answer begins with the word's first token?"
        )
        for widget, name in (
            (self.target, "Slider to sweep"), (self.unit, "Unit of the values"), (self.steps, "Values to try"),
            (self.words, "Words to watch"), (self.note, "State of the sweep"), (self.problem, "Problem"),
        ):  # fmt: skip
            widget.setAccessibleName(name)
        for label in (self.note, self.problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.copy.setToolTip("Put the table on the clipboard as CSV")
        self.export.setToolTip("Write the table as CSV or JSON, with everything that was asked")
        fields, named = QGridLayout(), (("S&weep", self.target), ("&Values", self.steps), ("Wor&ds", self.words))
        for row, (text, field) in enumerate(named):
            head = QLabel(text)
            head.setBuddy(field)
            fields.addWidget(head, row, 0)
            fields.addWidget(field, row, 1, 1, 1 if field is self.target else 2)
        fields.addWidget(self.unit, 0, 2)
        fields.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        for button in (self.start, self.copy, self.export):
            buttons.addWidget(button)
        buttons.addStretch(1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self.table)
        halves.addWidget(self.curves)
        halves.setChildrenCollapsible(False)
        halves.setSizes([300, 200])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(fields)
        layout.addWidget(self.problem)
        layout.addLayout(buttons)
        layout.addWidget(self.note)
        layout.addWidget(halves, 1)
        self.setFocusProxy(self.target)
        self.theme_changed()

    def _connect(self) -> None:
        self._state.changed.connect(self._setup_changed)
        self._session.ranking_opened.connect(self.sweep.forget)
        self._session.notes.changed.connect(self._name_targets)
        self.sweep.changed.connect(self._sweep_changed)
        self.unit.currentIndexChanged.connect(self._unit_chosen)
        self.target.currentIndexChanged.connect(lambda _: self._target_chosen())
        self.steps.textChanged.connect(lambda _: self._refresh())
        self.words.textChanged.connect(lambda _: self._refresh())
        acts: tuple[tuple[QPushButton, Callable[[], None]], ...] = (
            (self.start, self.start_or_stop), (self.copy, self.copy_csv), (self.export, self.ask_for_file),
        )  # fmt: skip
        for button, act in acts:
            button.clicked.connect(lambda _=False, act=act: act())
        self.table.step_wanted.connect(self.use_step)

    def _setup_changed(self, part: str) -> None:
        if part in ("rows", "all"):
            self._name_targets()
        plan = self.plan() if self.sweep.running and self._running_for is not None else None
        if plan is not None and plan[0].setup_at(self._state.now, plan[0].steps[0]) != self._running_for:
            self.sweep.stop()
            self.sweep.problem = CHANGED
        self._refresh()

    def _name_targets(self) -> None:
        """The rows by their names; the chosen one stays chosen while it is there."""
        chosen, rows = self.target.currentData(), self._state.now.rows
        texts = [(self._called(row.key), row.key) for row in rows]
        if len(rows) != 1:
            texts.append(("all features together", TOGETHER))
        if [(self.target.itemText(i), self.target.itemData(i)) for i in range(self.target.count())] == texts:
            return
        with QSignalBlocker(self.target):
            self.target.clear()
            for text, key in texts:
                self.target.addItem(text, key)
            self.target.setCurrentIndex(max(0, self.target.findData(chosen)))
        self._target_chosen()

    def _called(self, key: str) -> str:
        row = self._state.row(key)
        if row is None or row.is_set:
            return key
        own = self._session.notes.feature(row.feature).name
        return f"{row.feature} {own or self._session.automatic_name(row.feature)}".strip()

    def _target_chosen(self) -> None:
        """Sets and several rows have multiples and nothing else."""
        row = self._state.row(str(self.target.currentData() or TOGETHER))
        free = row is not None and not row.is_set
        self.unit.setEnabled(free)
        if not free:
            self.unit.setCurrentIndex(self.unit.findData(TIMES))
        self._refresh()

    def _unit_chosen(self) -> None:
        """Values that nobody changed follow the unit."""
        if self.steps.text() in DEFAULT_STEPS.values():
            self.steps.setText(DEFAULT_STEPS[str(self.unit.currentData())])
        self._refresh()

    def _sweep_changed(self) -> None:
        before, self._running = self._running, self.sweep.running
        if not (before and self._running):
            self._refresh()
        elif not self._soon.isActive():
            self._soon.start()

    def _refresh(self) -> None:
        self._soon.stop()
        if not self.isVisible():
            self._stale = True
            return
        self._stale = False
        self._refuse("")
        plan, setup = self.plan(), self._state.now
        reason = "" if plan is None else why_no_sweep(setup, plan[0].row)
        points = [] if plan is None or reason else self._points(plan[0])
        answered = sum(one is not None for one in points)
        running = self.sweep.running
        self.start.setText("S&top" if running else "Con&tinue" if 0 < answered < len(points) else "S&tart")
        self.start.setEnabled(running or (plan is not None and not reason and self._session.model_server is not None))
        for button in (self.copy, self.export):
            button.setEnabled(answered > 0)
        done = "" if plan is None or reason or not answered else f"{answered} of {len(points)} values answered"
        self.note.setText(self.sweep.doing or reason or done or EMPTY)
        if plan is not None:
            self._refuse(self.sweep.problem)
        if plan is not None and not reason:
            self._show(plan, points)
        elif reason:
            self.table.show_lines(("note", *FIGURES), ())
            self.curves.show_curves((), {}, {}, "")

    def _points(self, sweep: Sweep) -> list[Point | None]:
        setup, ranking = self._state.now, self._state.ranking
        return [self.sweep.point(sweep, setup, ranking, step) for step in sweep.steps]

    def _beside(self) -> tuple[str, ...]:
        """Rows above the values: the reconstruction of raw units is the original itself."""
        return ("original",) if self._state.raw else ("original", "reconstructed")

    def _watched(self, plan: tuple[Sweep, tuple[str, ...]]) -> tuple[str, ...]:
        return plan[1] or self.sweep.words_of(plan[0], self._state.now, self._state.ranking)

    def _show(self, plan: tuple[Sweep, tuple[str, ...]], points: list[Point | None]) -> None:
        sweep, words = plan[0], self._watched(plan)
        setup, ranking = self._state.now, self._state.ranking
        beside = {name: self.sweep.beside(name, setup, ranking) for name in self._beside()}
        original = beside["original"]
        base = None if original is None else original.answer.said.text
        lines = [line_of(name, found, base, words) for name, found in beside.items()]
        lines += [
            line_of(sweep.told(step), found, base, words) for step, found in zip(sweep.steps, points, strict=True)
        ]
        self.table.show_lines(("note", *(f"p({word})" for word in words), *FIGURES), lines)
        curves = {
            word: [math.nan if one is None else one.words.get(word, math.nan) for one in points] for word in words
        }
        levels = {} if original is None else {word: original.words[word] for word in words if word in original.words}
        axis = "multiples of the largest value" if sweep.unit == TIMES else "value"
        self.curves.show_curves(sweep.steps, curves, levels, axis)

    def _refuse(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def theme_changed(self) -> None:
        """Colours of its own."""
        palette = self.problem.palette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().warning))
        self.problem.setPalette(palette)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._stale:
            self._refresh()
