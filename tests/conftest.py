"""Settings every test runs under, and what the suite reports of the window's stalls."""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOWEST = 10
_stalls: list[tuple[str, float, float]] = []
_loops = [0]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what `tests/gui/conftest.py` sends with its reports; with xdist, in its controller."""
    for name, value in report.user_properties:
        if name == "gui stall" and report.when == "teardown":
            _stalls.append((str(value[0]), float(value[1]), float(value[2])))
        elif name == "gui loops" and report.when == "teardown":
            _loops[0] += int(value)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How often the window stood still for more than 100 ms, while its event loop ran."""
    if _loops[0]:
        terminalreporter.section("GUI thread")
        own = sum(worked > 0.1 for _, _, worked in _stalls)
        terminalreporter.write_line(
            f"{len(_stalls)} stalls over 100 ms in {_loops[0]} runs of the event loop; in {own} the thread itself"
            " computed for so long, in the others it waited or the machine was busy"
        )
    for test, seconds, worked in sorted(_stalls, key=lambda one: -one[2])[:SLOWEST]:
        terminalreporter.write_line(f"{seconds * 1000:6.0f} ms, computing {worked * 1000:4.0f} ms  {test}")
