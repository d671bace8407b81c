"""Settings every test runs under, and what the suite reports of the window's stalls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from backend.study.folder import Study

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


@pytest.fixture(scope="session")
def steering_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A random model of the Qwen2-Audio class with a TopK SAE and raw units on the middle of its decoder."""
    from builders.tiny_models import tiny_qwen2_audio
    from builders.tiny_study import finished_study

    return finished_study(
        tmp_path_factory.mktemp("steering"), build=lambda folder: tiny_qwen2_audio(folder, window_seconds=2),
        layer="decoder.1", train={"steps": 40, "threads": 1}, retrieve={"raw_units": True, "p": 2},
        sae={"architecture": ["topk"]},
    )  # fmt: skip
