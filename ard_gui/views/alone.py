"""One window alone: every other window of the application is hidden, and comes back as it was."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QWidget


class Alone:
    """Hides what could tell a rater what is being judged."""

    def __init__(self) -> None:
        self._hidden: list[QWidget] = []

    def begin(self, stays: QWidget) -> None:
        """Hide all windows, panels that float and dialogs but `stays`."""
        found = [one for one in QApplication.topLevelWidgets() if one.isVisible() and one.window() is not stays]
        for one in found:
            one.hide()
        self._hidden += found

    def end(self) -> None:
        """Show them again."""
        hidden, self._hidden = self._hidden, []
        for one in hidden:
            one.show()
