"""Let the real window work until something holds; no test sleeps."""

from __future__ import annotations

from collections.abc import Callable

from gui.watchdog import STALLS
from PySide6.QtCore import QEventLoop, QTimer


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Run the event loop until `condition` holds; fail after `seconds`."""
    if condition():
        return
    loop, tick, limit = QEventLoop(), QTimer(), QTimer()

    def look() -> None:
        STALLS.beat()
        if condition():
            loop.quit()
        STALLS.listened()

    tick.timeout.connect(look)
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    tick.start(5)
    limit.start(round(seconds * 1000))
    STALLS.begin()
    loop.exec()
    # A traceback that someone keeps would keep these alive, and ticking.
    tick.stop()
    limit.stop()
    assert condition(), f"the window did not get there within {seconds:g} seconds"
