"""Events and metrics folded into what is shown, without Qt: in bounded memory, whatever stands in the file."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from ard_gui.state import run_words
from ard_gui.state.metric_fold import MetricFold
from ard_gui.state.run_fold import LONGEST, MESSAGES, MOST_SAES, MOST_STAGES, STAGES, RunFold
from ard_gui.state.runs import RunShown, RunsShown, StageShown
from ard_gui.state.runs_chosen import RunsChosen
from backend.stages import pipeline

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def folded(*events: tuple[float, str, str, dict[str, Any]], elapsed: bool = True) -> RunFold:
    """Events as (second, stage, type, fields)."""
    fold = RunFold()
    for second, stage, type_, fields in events:
        event = {"time": (START + timedelta(seconds=second)).isoformat(), "stage": stage, "type": type_, **fields}
        fold.add(event | ({"elapsed": second} if elapsed else {}))
    return fold


def test_stages_that_ran_that_run_and_that_are_to_come() -> None:
    fold = folded(
        (0, "", "started", {"command": "run"}), (1, "index", "stage", {"state": "current", "seconds": 0.0}),
        (1, "extract", "stage", {"state": "started"}), (4, "extract", "stage", {"state": "finished", "seconds": 3.0}),
        (4, "extract", "resources", {"peak_memory_bytes": 5, "peak_device_bytes": 7}),
        (5, "train", "stage", {"state": "started"}),
        (9, "train", "progress",
         {"done": 20, "total": 80, "unit": "steps", "per_second": 5.0, "seconds_left": 12.0}),
    )  # fmt: skip
    index, extract, train, retrieve, describe = fold.shown_stages("run")
    assert (index.state, index.share) == ("current", 1.0)
    assert (extract.state, extract.seconds, extract.memory_bytes, extract.device_bytes) == ("finished", 3.0, 5, 7)
    assert (train.state, train.share, train.seconds, train.seconds_left) == ("running", 0.25, 4.0, 12.0)
    assert (retrieve.state, describe.state) == ("waiting", "waiting")
    assert fold.seconds == 9
    assert run_words.stage_words(train) == "20 of 80 steps, 5 a second, 12 s left, for 4 s"


def test_stages_to_come_are_those_of_the_pipeline() -> None:
    assert STAGES["run"] == pipeline.ORDER


def test_run_that_ended_inside_a_stage_says_so() -> None:
    fold = folded((0, "train", "stage", {"state": "started"}), (2, "train", "failed", {"text": "no", "todo": "do"}))
    assert [one.state for one in fold.shown_stages("run")] == ["ended"]
    assert (fold.end, fold.text, fold.todo) == ("failed", "no", "do")


def test_clock_that_is_turned_back_takes_nothing_off() -> None:
    events = [(0.0, "train", "stage", {"state": "started"}), (3.0, "train", "progress", {}),
              (-3600.0, "train", "progress", {}), (-3598.0, "train", "progress", {})]  # fmt: skip
    fold = folded(*events, elapsed=False)
    assert fold.stages["train"].seconds == 5
    assert fold.seconds == 5


def test_memory_is_what_was_told_last_and_its_peak_is_kept() -> None:
    fold = folded(
        (0, "train", "resources", {"memory_bytes": 50, "device_bytes": 4, "cpu_percent": 180.0}),
        (2, "train", "resources", {"memory_bytes": 30, "device_bytes": 2, "cpu_percent": 90.0}),
    )
    assert (fold.memory_bytes, fold.device_bytes, fold.cpu_percent) == (30, 2, 90.0)
    assert (fold.most_memory_bytes, fold.most_device_bytes) == (50, 4)


def test_as_much_is_kept_of_many_events_as_of_few() -> None:
    fold = RunFold()
    for number in range(5000):
        fold.add({"type": "message", "text": "x" * 9000, "stage": f"s{number}", "level": "info"})
        fold.add({"type": "metric", "sae": f"sae{number}"})
        fold.add({"type": "stage", "stage": f"s{number}", "state": "started"})
    assert len(fold.messages) == MESSAGES
    assert (len(fold.saes), len(fold.stages)) == (MOST_SAES, MOST_STAGES)
    assert max(len(one.text) for one in fold.messages) == LONGEST
    assert fold.events == 15_000


NAMES = ("type", "stage", "state", "done", "total", "time", "elapsed", "seconds", "text", "sae", "memory_bytes",
         "peak_memory_bytes", "level")  # fmt: skip
TYPES = ("progress", "stage", "message", "metric", "resources", "started", "failed", "train")
VALUES: tuple[Any, ...] = (None, True, -1, 0, 7, 10**400, 0.5, math.nan, math.inf, "", "x", [], [1], {}, {"a": 1})


def test_events_of_any_kind_are_taken() -> None:
    chance = random.Random(5)
    for _ in range(100):
        fold = RunFold()
        for _ in range(20):
            names = chance.sample(NAMES, chance.randint(1, 6))
            fold.add({"type": chance.choice(TYPES)} | {name: chance.choice((*VALUES, *TYPES)) for name in names})
        for stage in fold.shown_stages("run"):
            assert 0 <= stage.share <= 1
            assert run_words.stage_words(stage)


def test_curve_of_few_lines_is_exact() -> None:
    fold = MetricFold()
    for step, loss in ((10, 4.0), (20, None), (30, 1.0)):
        fold.add({"step": step, "loss": loss, "name": "x"})
    curve = fold.curves()["loss"]
    np.testing.assert_array_equal(curve.steps, [10, 20, 30])
    np.testing.assert_array_equal(curve.low, [4, math.nan, 1])
    np.testing.assert_array_equal(curve.high, curve.low)
    assert (curve.last_step, curve.last) == (30, 1.0)
    assert curve.at(24) == (20, math.nan, math.nan) or math.isnan(curve.at(24)[1])
    assert curve.at(5)[0] == 10
    assert list(fold.curves()) == ["loss"]


@settings(max_examples=40)
@given(some.lists(some.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_no_peak_is_lost_however_many_lines_are_joined(values: list[float]) -> None:
    fold = MetricFold(most=16)
    for step, value in enumerate(values):
        fold.add({"step": step, "loss": value})
    curve = fold.curves()["loss"]
    assert len(curve.steps) <= 16
    assert (np.nanmin(curve.low), np.nanmax(curve.high)) == (min(values), max(values))
    width = 2 ** max(0, math.ceil(math.log2(len(values) / 16))) if len(values) > 16 else 1
    for first, low, high in zip(curve.steps.astype(int), curve.low, curve.high, strict=True):
        assert (low, high) == (min(values[first : first + width]), max(values[first : first + width]))


def test_number_that_appears_later_has_no_values_before() -> None:
    fold = MetricFold()
    fold.add({"step": 1, "loss": 2.0})
    fold.add({"step": 2, "loss": 1.0, "lr": 0.5})
    np.testing.assert_array_equal(fold.curves()["lr"].low, [math.nan, 0.5])


def test_what_can_be_done_follows_from_the_state() -> None:
    def can(state: str, request: str = "r") -> set[str]:
        row = RunShown(request, "x", "ard run s", state)
        return {
            name for name in ("pause", "resume", "cancel", "retry", "dismiss", "move") if getattr(row, f"can_{name}")
        }

    assert can("waiting") == {"pause", "cancel", "dismiss", "move"}
    assert can("running") == {"pause", "cancel"}
    assert can("paused") == {"resume", "cancel", "dismiss", "move"}
    assert can("failed") == {"cancel", "retry", "dismiss", "move"}
    assert can("cancelling") == set()
    assert can("running", request="") == can("finished", request="") == set()


def test_waiting_queue_needs_somebody_who_works_it_off() -> None:
    waiting = RunShown("r", "", "ard run s", "waiting")
    assert RunsShown((waiting,)).waits
    assert not RunsShown((waiting,), supervisor=True).waits
    assert not RunsShown((RunShown("r", "x", "ard run s", "paused"), RunShown("", "y", "ard run s", "running"))).waits
    assert "Start" in run_words.advice(waiting, RunsShown((waiting,)))


def test_times_and_sizes_are_told_as_people_read_them() -> None:
    assert [run_words.span(one) for one in (0, 59.4, 185, 7830)] == ["0 s", "59 s", "3 min 05 s", "2 h 10 min"]
    assert [run_words.size(one) for one in (12, 1500, 2_500_000_000)] == ["12 B", "1.5 KB", "2.5 GB"]
    run = RunShown("", "x", "ard train s", "stopped", stages=(StageShown("index", "finished"),))
    assert run_words.progress_words(run) == "after index"


def test_kept_choices_that_are_damaged_are_left_aside() -> None:
    chosen = RunsChosen()
    chosen.now.run, chosen.now.curves = "a", ("lr",)
    again = RunsChosen()
    again.restore(json.loads(json.dumps(chosen.plain())))
    assert again.now == chosen.now
    again.restore({"run": 5, "tab": ["x"], "curves": "loss", "log_scale": "yes", "unknown": 1})
    assert again.now == RunsChosen().now
