"""The suite's own watch over the GUI thread counts what it should."""

from __future__ import annotations

import time

import pytest
from gui.waiting import until
from gui.watchdog import STALL_SECONDS, STALLS, Faults
from PySide6.QtCore import QObject, QTimer, Signal, qWarning
from PySide6.QtWidgets import QApplication


def block(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_slot_that_blocks_is_counted_and_a_quick_one_is_not(application: QApplication) -> None:
    done: list[str] = []
    QTimer.singleShot(0, lambda: done.append("quick"))
    until(lambda: done == ["quick"])
    assert STALLS.found == []
    QTimer.singleShot(10, lambda: (block(2 * STALL_SECONDS), done.append("slow")))
    until(lambda: "slow" in done)
    assert [test for test, *_ in STALLS.found] == [STALLS.test]
    assert "test_slot_that_blocks" in STALLS.test
    STALLS.found.clear()


def test_time_between_two_runs_of_the_loop_is_the_tests_own(application: QApplication) -> None:
    done: list[str] = []
    QTimer.singleShot(0, lambda: done.append("first"))
    until(lambda: bool(done))
    block(1.5 * STALL_SECONDS)
    QTimer.singleShot(0, lambda: done.append("second"))
    until(lambda: len(done) == 2)
    assert STALLS.found == []


class Speaker(QObject):
    spoke = Signal()


def test_exception_in_a_slot_is_collected(application: QApplication, faults: Faults) -> None:
    speaker = Speaker()
    speaker.spoke.connect(lambda: 1 / 0)
    speaker.spoke.emit()
    with pytest.raises(AssertionError):
        faults.take("KeyError")
    faults.take("ZeroDivisionError")


def test_warning_of_qt_is_collected(application: QApplication, faults: Faults) -> None:
    qWarning("something is odd")
    faults.take("something is odd")
