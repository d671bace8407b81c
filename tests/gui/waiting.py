"""Let the real window work until something holds; no test sleeps."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEventLoop, QTimer


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Run the event loop until `condition` holds; fail after `seconds`."""
    if condition():
        return
    loop, tick, limit = QEventLoop(), QTimer(), QTimer()
    tick.timeout.connect(lambda: loop.quit() if condition() else None)
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    tick.start(5)
    limit.start(round(seconds * 1000))
    loop.exec()
    assert condition(), f"the window did not get there within {seconds:g} seconds"
