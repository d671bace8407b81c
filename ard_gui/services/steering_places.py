"""Where a sound lies that is steered on, found away from the window and remembered while it is the same one."""

from __future__ import annotations

from collections.abc import Callable

from ard_gui.services.steered_sound import Find
from ard_gui.services.steering_answers import Place
from ard_gui.services.worker import Worker
from backend.store.notes.steering import SteeredClip


class Places:
    """The place of one sound at a time.

    Parameters
    ----------
    find : Find
    worker : Worker
        Does the work.
    """

    def __init__(self, find: Find, worker: Worker) -> None:
        self._find, self._worker = find, worker
        self._known: tuple[SteeredClip, Place] | None = None
        self._asked = 0

    def known(self, sound: SteeredClip | None) -> Place | None:
        """Where a sound lies, if that was found."""
        return self._known[1] if self._known is not None and self._known[0] == sound else None

    def ask(self, sound: SteeredClip, found: Callable[[Place], object], refused: Callable[[str], object]) -> None:
        """Call `found` with the place, at once where it is known; only the newest question is answered."""
        self._asked += 1
        asked, place = self._asked, self.known(sound)
        if place is not None:
            found(place)
            return

        def done(place: Place) -> None:
            if asked == self._asked:
                self._known = (sound, place)
                found(place)

        def failed(text: str) -> None:
            if asked == self._asked:
                refused(text)

        self._worker.run(self._find(sound), done, lambda failure: failed(failure.text))

    def forget(self) -> None:
        """Answer nothing that was asked, and know nothing."""
        self._asked += 1
        self._known = None
