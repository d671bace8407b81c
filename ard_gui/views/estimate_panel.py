"""The panel that says what a study will cost before anything starts: clips, tokens, disk, memory, time."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ard_gui.services.draft_answer import Draft
from ard_gui.services.draft_estimate import DraftEstimate
from ard_gui.state.estimate import Estimate, StageCost, estimate_of
from ard_gui.views.heading import Heading
from ard_gui.views.sentence import Sentence

WAITING = "What a run will take is estimated as soon as nothing is missing or wrong."
STAGES = {
    "index": "List the clips", "extract": "Run the model", "train": "Train", "retrieve": "Rank clips",
    "describe": "Score and name",
}  # fmt: skip
STEPS = 1000
REFINE = "Refine by &timing three clips"


class EstimatePanel(QWidget):
    """Follows a draft of a study; whoever shows it calls `close_estimate` at the end.

    Attributes
    ----------
    estimate : Estimate or None
        Of the newest draft; None while there is none.
    """

    def __init__(self, service: DraftEstimate) -> None:
        super().__init__()
        self.service = service
        self.estimate: Estimate | None = None
        self.warnings = Sentence(kind="warning", name="Warnings")
        self.summary = Sentence(WAITING, name="What is estimated")
        self.failure = Sentence(kind="bad", name="Why nothing could be estimated")
        self.basis = Sentence(kind="muted", name="What the estimate is based on")
        self.lines: list[Sentence] = []
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName("Estimating")
        self.refine = QPushButton(REFINE)
        self.refine.setAutoDefault(False)
        self.refine.setEnabled(False)
        self.refine.setToolTip("Runs the model over three clips and a few steps of training, here and now.")
        self.refine.clicked.connect(self._refine)
        self._build()
        service.answered.connect(self._show)
        service.failed.connect(self._fail)
        service.asking.connect(self._ask)
        service.progressed.connect(self._progress)

    def draft(self, draft: Draft | None) -> None:
        """The draft is another one; None while it cannot be estimated."""
        if draft is None:
            self._clear(WAITING)
        self.refine.setEnabled(draft is not None)
        self.service.draft(draft)

    def close_estimate(self) -> None:
        """End what is asked."""
        self.service.close()

    def _build(self) -> None:
        inside = QWidget()
        self._rows = QVBoxLayout(inside)
        self._rows.setContentsMargins(0, 0, 0, 0)
        for one in (self.warnings, self.failure, self.summary, self.basis):
            self._rows.addWidget(one)
        self._rows.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.busy.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Heading("Estimate", 1.15))
        layout.addWidget(area, 1)
        layout.addWidget(self.busy)
        layout.addWidget(self.refine)

    def _refine(self) -> None:
        if self.service.measuring:
            self.service.stop()
        else:
            self.service.measure()

    def _ask(self, asking: bool) -> None:
        measuring = asking and self.service.measuring
        self.busy.setRange(0, 0)
        self.busy.setVisible(asking)
        self.refine.setText("S&top timing" if measuring else REFINE)
        if asking and self.estimate is None:
            self.summary.tell("Estimating …")
        elif not asking and self.estimate is None and not self.failure.text():
            self.summary.tell("" if self.refine.isEnabled() else WAITING)

    def _progress(self, what: str, share: float) -> None:
        self.busy.setRange(0, STEPS)
        self.busy.setValue(round(share * STEPS))
        self.busy.setToolTip(what)

    def _show(self, answer: dict[str, Any]) -> None:
        found = self.estimate = estimate_of(answer)
        self.failure.tell("")
        self.warnings.tell("\n".join(dict.fromkeys(one for one in (found.short, *found.warnings) if one)))
        self.summary.tell(found.summary)
        self.basis.tell(
            "Three clips were timed on this machine for it." if found.measured
            else "From what such models usually take here; timing three clips makes it closer."
        )  # fmt: skip
        self._show_lines([*found.stages, found.total])

    def _fail(self, text: str) -> None:
        self._clear("")
        self.failure.tell(f"It could not be estimated: {text}")

    def _clear(self, told: str) -> None:
        self.estimate = None
        for one in (self.warnings, self.failure, self.basis):
            one.tell("")
        self.summary.tell(told)
        self._show_lines([])

    def _show_lines(self, costs: list[StageCost]) -> None:
        while len(self.lines) < len(costs):
            line = Sentence(name="What a stage takes")
            self.lines.append(line)
            self._rows.insertWidget(self._rows.count() - 2, line)
        for line in self.lines[len(costs) :]:
            line.tell("")
        for line, cost in zip(self.lines, costs, strict=False):
            line.tell(told(cost), "muted" if cost.done else "plain")


def told(cost: StageCost) -> str:
    """A stage in two lines: what it takes in time, and what else it takes."""
    name = STAGES.get(cost.stage, cost.stage[:1].upper() + cost.stage[1:])
    if cost.done:
        return f"{name}: done already" if cost.stage in STAGES else f"{name}: nothing is left to do"
    rest = (("{} tokens", cost.tokens), ("{} on disk", cost.disk), ("{} of memory", cost.memory))
    said = ", ".join(text.format(value) for text, value in rest if value != "–")
    return f"{name}: {cost.time}" + (f"\n{said}" if said else "")
