"""One measurement of the desktop, in this process from its first line on; benchmarks/desktop.py starts it.

    python -P benchmarks/desktop_window.py start|open|work STUDY SECONDS_SINCE_1970

`Probe` is the one place that knows how the window is built. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SELECTIONS = 200
EXPRESSIONS = (
    'support > 20 and m > 1 and status == "ok"',
    'name ~ "rain"',
    'name ~ "a" or detection > 0.9',
    "log10(frequency) > -4 and not degenerate",
)


class Probe:
    """The window on a study: what the measurements do to it and look at."""

    def __init__(self) -> None:
        from PySide6.QtWidgets import QApplication

        from ard_gui.main_window import MainWindow
        from ard_gui.session import Session
        from ard_gui.theme import apply_theme

        self.application = QApplication(sys.argv[:1])
        self.session = Session()
        apply_theme(self.application, "light")
        self.window = MainWindow(self.session)

    def show(self) -> None:
        """Returns when the window has been painted."""
        from PySide6.QtCore import QEvent, QEventLoop, QObject

        loop = QEventLoop()

        class Painted(QObject):
            def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
                if event.type() == QEvent.Type.Paint:
                    loop.quit()
                return False

        painted = Painted()
        self.window.installEventFilter(painted)
        self.window.show()
        loop.exec()
        self.window.removeEventFilter(painted)

    def open(self, study: Path) -> tuple[float, float]:
        """Times at which the table was painted with its rows, and the first page."""
        self.window.open_study(study)
        self.wait(self.session.ranking_opened, lambda: self.session.ranking is not None)
        self.paint_table()
        table = time.time()
        if self.session.selection.feature < 0:
            self.session.selection.choose(0)
        self.wait(self.session.feature_read, lambda: self.session.lines is not None)
        self.window.page.repaint()
        return table, time.time()

    def wait(self, signal: Any, done: Callable[[], bool]) -> None:
        """Run the event loop until `done`, which is looked at after each `signal`."""
        from PySide6.QtCore import QEventLoop

        loop = QEventLoop()

        def look(*_: object) -> None:
            if done():
                loop.quit()

        signal.connect(look)
        if not done():
            loop.exec()
        signal.disconnect(look)

    @property
    def table(self) -> Any:
        return self.window.view("concepts").table

    def paint_table(self) -> None:
        self.table.viewport().repaint()

    def columns(self) -> list[str]:
        assert self.session.ranking is not None
        return list(self.session.ranking.columns)

    def sort(self, column: str, descending: bool) -> None:
        from PySide6.QtCore import Qt

        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.table.sortByColumn(self.columns().index(column), order)
        self.paint_table()

    def filter(self, expression: str) -> None:
        self.window.view("concepts").filter.setText(expression)
        self.paint_table()

    def rows(self) -> int:
        return int(self.table.model().rowCount())

    def choose(self, feature: int) -> None:
        """Returns when the page of `feature` has been painted."""
        self.session.selection.choose(feature)
        self.wait(
            self.session.feature_read,
            lambda: self.session.lines is not None and self.session.lines.feature == feature,
        )
        self.window.page.repaint()

    def close(self) -> None:
        self.window.close()


def start(_: Path, began: float) -> dict[str, Any]:
    """Seconds from the start of the process to a painted window without a study."""
    probe = Probe()
    probe.show()
    found = {"window": time.time() - began, "memory": memory(), "cpu": time.process_time()}
    probe.close()
    return found


def open_(study: Path, began: float) -> dict[str, Any]:
    """Seconds from the start of the process to a painted window, a full table, the first page."""
    probe = Probe()
    probe.show()
    window = time.time()
    table, page = probe.open(study)
    found = {
        "window": window - began, "table": table - began, "page": page - began, "rows": probe.rows(),
        "memory": memory(), "cpu": time.process_time(),
    }  # fmt: skip
    probe.close()
    return found


def work(study: Path, _: float) -> dict[str, Any]:
    """Milliseconds of sorting, filtering, and of choosing features, on a study that is open."""
    import numpy as np

    probe = Probe()
    probe.show()
    probe.open(study)
    opened = memory()
    features = np.random.default_rng(0).permutation(probe.rows())[:SELECTIONS].tolist()
    first = [timed(lambda k=k: probe.choose(k)) for k in features]
    warm = [timed(lambda k=k: probe.choose(k)) for k in reversed(features[:-1])]
    cold = []
    for k in features[1:]:
        evict(study)
        cold.append(timed(lambda k=k: probe.choose(k)))
    sorts = {
        f"{name} {'↓' if down else '↑'}": timed(lambda name=name, down=down: probe.sort(name, down))
        for name in probe.columns()
        for down in (True, False)
    }
    filters = {text: timed(lambda text=text: probe.filter(text)) for text in (*EXPRESSIONS, "")}
    found = {
        "sorts": sorts, "filters": filters, "first": first, "warm": warm, "cold": cold, "opened": opened,
        "memory": memory(),
    }  # fmt: skip
    probe.close()
    return found


def timed(action: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds on the clock, and of the processor's time in all threads."""
    began, used = time.perf_counter(), time.process_time()
    action()
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)


def memory() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def evict(study: Path) -> None:
    """Take the study's files out of the page cache, as far as the system lets a user do that."""
    for path in study.rglob("*.h5"):
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    measurement = {"start": start, "open": open_, "work": work}[sys.argv[1]]
    print(json.dumps(measurement(Path(sys.argv[2]), float(sys.argv[3]))))
