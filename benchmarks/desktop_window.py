"""One measurement of the desktop, in this process from its first line on; benchmarks/desktop.py starts it.

    python -P benchmarks/desktop_window.py start|open|work|walk STUDY SECONDS_SINCE_1970

The window is made by `ard_gui.app` itself; its event loop is replaced by the measurement. `Probe` is the one place
that knows how the window is built. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
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
WORDS = ("r", "ra", "rain", "rain on a")
STALL_MS = 100.0
BEAT_MS = 5
DOWN_MS = 33
"""Between two ↓ of a key that is held."""
WALK_SECONDS = 10.0
LONGEST_WAIT_MS = 20_000


class Probe:
    """The window on a study: what the measurements do to it and look at."""

    def __init__(self) -> None:
        from PySide6.QtWidgets import QApplication

        from ard_gui.main_window import MainWindow

        windows = [one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow)]
        self.window = windows[0]
        self.session = self.window.session
        self.concepts: Any = self.window.view("concepts")

    @property
    def table(self) -> Any:
        return self.concepts.table

    def wait_for_paint(self) -> None:
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
        loop.exec()
        self.window.removeEventFilter(painted)

    def wait_for_study(self) -> tuple[float, float]:
        """Times at which the table was painted with its rows, and the first page."""
        self.wait(self.session.ranking_opened, lambda: self.session.ranking is not None)
        self.paint_table()
        table = time.time()
        if self.session.selection.feature < 0:
            self.session.selection.choose(0)
        self.wait(self.session.feature_read, lambda: self.session.lines is not None)
        self.window.page.repaint()
        return table, time.time()

    def wait(self, signals: Any, done: Callable[[], bool]) -> None:
        """Run the event loop until `done`, which is looked at after each of the `signals`."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()

        def look(*_: object) -> None:
            if done():
                loop.quit()

        asked = signals if isinstance(signals, tuple) else (signals,)
        for signal in asked:
            signal.connect(look)
        timer = QTimer()
        timer.setSingleShot(True)
        timer.timeout.connect(loop.quit)
        timer.start(LONGEST_WAIT_MS)
        if not done():
            loop.exec()
        if not timer.isActive():
            sys.exit(f"nothing came of it within {LONGEST_WAIT_MS} ms")
        for signal in asked:
            signal.disconnect(look)

    def run(self, seconds: float) -> None:
        """Let the window do what it has to do."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def settle(self) -> None:
        """Returns when what is read in spare time has been read."""
        reader = self.session.reader
        while reader.busy:
            self.run(0.1)

    def paint_table(self) -> None:
        self.table.viewport().repaint()

    def columns(self) -> list[str]:
        return list(self.concepts.model.names)

    def sort(self, column: str, descending: bool) -> None:
        self.session.query.update(sort=column, descending=descending)
        self.paint_table()

    def filter(self, expression: str) -> None:
        self.concepts.filter.setText(expression)
        self.paint_table()

    def search(self, text: str) -> None:
        self.concepts.bar.search.field.setText(text)
        self.concepts.bar.search.field.textEdited.emit(text)
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

    def wait_for_pictures(self) -> None:
        """Returns when every visible card of the page shows its clip's spectrogram, or why it cannot."""
        media, cards = self.session.media, self.window.page.cards

        def there() -> bool:
            lines = [card.line for card in cards.cards()]
            return all(
                one is None or one.media is None or media.find(one.clip) is not None or media.problem(one.clip)
                for one in lines
            )

        self.wait((media.ready, media.failed), there)
        self.window.page.repaint()

    def star(self, feature: int) -> tuple[float, float]:
        """Star a feature and take it back: milliseconds of the window's thread from the written star to its paint."""
        spans: list[tuple[float, float]] = []
        notes = self.session.notes
        put = notes._put

        def timed_put(snapshot: Any) -> None:
            began, used = time.perf_counter(), time.thread_time()
            put(snapshot)
            self.paint_table()
            spans.append((1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - used)))

        notes._put = timed_put
        for on in (True, False):
            notes.write(lambda written, sae, on=on: written.set_star(sae, feature, on))
            self.wait(notes.changed, lambda on=on: notes.feature(feature).star == on)
        notes._put = put
        return max(spans)

    def press_down(self) -> None:
        """One ↓ in the table."""
        from PySide6.QtCore import QCoreApplication, QEvent, Qt
        from PySide6.QtGui import QKeyEvent

        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier)
            QCoreApplication.sendEvent(self.table, event)

    def close(self) -> None:
        self.window.close()


class Heart:
    """A heartbeat on the window's thread: `gaps` holds (wall, CPU of that thread) in ms between two beats."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.gaps: list[tuple[float, float]] = []
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.gaps.append((1000 * (now[0] - self._last[0]), 1000 * (now[1] - self._last[1])))
        self._last = now

    def told(self) -> dict[str, float]:
        """Stalls: beats that came more than `STALL_MS` late, and how many of them the thread was at work so long."""
        self._beat()
        stalls = [gap for gap in self.gaps if gap[0] > STALL_MS]
        return {
            "stalls": len(stalls), "own": sum(used > STALL_MS for _, used in stalls),
            "longest": max(wall for wall, _ in self.gaps), "longest_cpu": max(used for _, used in self.gaps),
        }  # fmt: skip


def start(probe: Probe, _: Path, began: float) -> dict[str, Any]:
    """Seconds from the start of the process to a painted window without a study."""
    probe.wait_for_paint()
    return {"window": time.time() - began, "memory": memory(), "cpu": time.process_time()}


def open_(probe: Probe, _: Path, began: float) -> dict[str, Any]:
    """Seconds from the start of the process to window, full table and first page; stalls until all is read."""
    heart = Heart()
    probe.wait_for_paint()
    window, first = time.time(), time.process_time()
    table, page = probe.wait_for_study()
    used = time.process_time()
    probe.wait_for_pictures()
    pictures = time.time()
    probe.settle()
    return {
        "window": window - began, "table": table - began, "page": page - began, "rows": probe.rows(),
        "pictures": pictures - began, "settled": time.time() - began, "memory": memory(), "window_cpu": first,
        "cpu": used, **heart.told(),
    }  # fmt: skip


def work(probe: Probe, study: Path, _: float) -> dict[str, Any]:
    """Milliseconds of sorting, filtering, searching, starring, and of choosing features, on a study that is open."""
    probe.wait_for_paint()
    probe.wait_for_study()
    opened = memory()
    features = chosen(probe)
    first, pictures = [], []
    for k in features:
        first.append(timed(lambda k=k: probe.choose(k)))
        wall, used = timed(probe.wait_for_pictures)
        pictures.append((first[-1][0] + wall, first[-1][1] + used))
    probe.settle()
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
    searches = {text: timed(lambda text=text: probe.search(text)) for text in (*WORDS, "")}
    probe.sort("m", descending=True)
    stars = [probe.star(k) for k in features[:10]]
    return {
        "sorts": sorts, "filters": filters, "searches": searches, "first": first, "warm": warm, "cold": cold,
        "pictures": pictures, "stars": stars, "opened": opened, "memory": memory(),
    }  # fmt: skip


def walk(probe: Probe, study: Path, _: float) -> dict[str, Any]:
    """Stalls of the window's thread while ↓ is held, and while features are chosen at random; memory afterwards."""
    from PySide6.QtCore import QTimer

    probe.wait_for_paint()
    probe.wait_for_study()
    heart = Heart()
    key = QTimer()
    key.timeout.connect(probe.press_down)
    key.start(DOWN_MS)
    probe.run(WALK_SECONDS)
    key.stop()
    held = heart.told()
    probe.settle()
    features = chosen(probe)
    heart = Heart()
    for k in features:
        probe.choose(k)
        probe.wait_for_pictures()
    visited = heart.told()
    probe.run(1)
    return {"held": held, "visited": visited, "resident": resident(), "memory": memory()}


def chosen(probe: Probe) -> list[int]:
    """`SELECTIONS` features, the same each time."""
    import numpy as np

    return [int(k) for k in np.random.default_rng(0).permutation(probe.rows())[:SELECTIONS]]


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the clock, and of the processor's time in all threads."""
    began, used = time.perf_counter(), time.process_time()
    action()
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)


def memory() -> float:
    """Largest resident memory of this process so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    """Resident memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def evict(study: Path) -> None:
    """Take the study's files out of the page cache, as far as the system lets a user do that."""
    for path in study.rglob("*.h5"):
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def main() -> None:
    what, study, began = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    from ard_gui import app

    found: dict[str, Any] = {}

    def measured() -> int:
        probe = Probe()
        found.update(MEASUREMENTS[what](probe, study, began))
        probe.close()
        return 0

    app.main([] if what == "start" else [str(study)], measured)
    print(json.dumps(found))


MEASUREMENTS: dict[str, Callable[[Probe, Path, float], dict[str, Any]]] = {
    "start": start, "open": open_, "work": work, "walk": walk,
}  # fmt: skip

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
