"""A job that writes a thousand events a second into the study does not hold up the window that shows it."""

from __future__ import annotations

import time
from collections.abc import Callable

from gui.waiting import until
from gui.watchdog import STALL_SECONDS, STALLS
from PySide6.QtCore import QTimer

from ard_gui.main_window import MainWindow
from ard_gui.state.runs import RunsShown
from ard_gui.views.runs.panel import RunsPanel
from backend.study.folder import Study
from builders.told_job import told_job

Make = Callable[..., MainWindow]
EVENTS, PER_SECOND = 2000, 1000.0


class Beats:
    """Times in which the event loop did not answer while this process itself was computing, in whatever thread.

    A machine that is busy with something else stretches the time, and leaves this process little processor.
    """

    def __init__(self) -> None:
        self.seen, self.own = 0, []
        self._last = time.perf_counter(), time.process_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)

    def _beat(self) -> None:
        now = time.perf_counter(), time.process_time()
        seconds, computed = (new - old for new, old in zip(now, self._last, strict=True))
        self._last = now
        self.seen += 1
        if seconds > STALL_SECONDS and computed > STALL_SECONDS:
            self.own.append((round(seconds, 3), round(computed, 3)))

    def stop(self) -> None:
        self._timer.stop()


def share_of(shown: RunsShown) -> float:
    """How much of the training the window has been told of."""
    return shown.active.stages[0].share if shown.active is not None and shown.active.stages else 0.0


def test_thousand_events_a_second_stall_the_window_never(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    window.show_dock("runs")
    panel, watch = window.view("runs"), window.session.run_watch
    assert isinstance(panel, RunsPanel)
    with told_job(tiny_study) as job:
        sae = tiny_study.sae_ids()[0]
        job.tell("event", type="metric", stage="train", step=0, sae=sae, values={})
        until(lambda: watch.shown.active is not None and watch.shown.active.saes == (sae,))
        panel.choose(job.run)
        panel.tabs.setCurrentWidget(panel.curves)
        until(lambda: bool(panel.curves.plots))
        until(lambda: not window.session.reader.busy)
        before, told = len(STALLS.found), []
        watch.changed.connect(lambda _: told.append(time.monotonic()))
        beats = Beats()
        began = time.monotonic()
        job.order("flood", events=EVENTS, per_second=PER_SECOND, sae=sae)
        for share, tab in ((0.2, panel.log), (0.5, panel.settings), (0.7, panel.progress), (0.99, panel.curves)):
            until(lambda share=share: share_of(watch.shown) >= share)  # type: ignore[misc]
            panel.tabs.setCurrentWidget(tab)
        assert job.heard() == "flood"
        until(lambda: share_of(watch.shown) == 1)
        until(lambda: panel.curves.shown.curves[sae]["loss"].last == 1 / EVENTS)
        took = time.monotonic() - began
        beats.stop()
        job.end()
        until(lambda: watch.shown.active is None)
    own = [one for one in STALLS.found[before:] if one[2] > STALL_SECONDS]
    assert own == []
    assert beats.own == []
    assert beats.seen > 50
    # however many events there were, the window was told of them four times a second at most
    assert 2 <= len(told) <= took / 0.25 + 2
