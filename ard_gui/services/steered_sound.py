"""Where the sound lies that is steered on: a clip of the open study, or a file of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QObject

from ard_gui.services.clip_media import located
from ard_gui.services.playback.worker import Worker
from ard_gui.services.saved_sound import find_clip
from ard_gui.services.steering_answers import Place
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip
from backend.store.notes.steering import SteeredClip
from backend.study.folder import Study

KIND = "steered sound"
Find = Callable[[SteeredClip], Callable[[], Place]]
"""Gives the work that finds where a sound lies; that runs on another thread and may raise ArdError."""


def sound_of_clip(clip: Clip) -> SteeredClip:
    """A clip of the study as it is steered on and saved."""
    end, duration = (None if math.isnan(value) else value for value in (clip.end, clip.duration))
    return SteeredClip(clip_key(clip), clip.record, clip.path, clip.member, clip.start, end, duration)


def sound_of_file(path: Path) -> SteeredClip:
    """A file that is no clip of the study."""
    return SteeredClip("", "", str(path.absolute()))


def place_of(sound: SteeredClip, study: Study, roots: Mapping[str, str]) -> Place:
    """Where the model server finds a sound; ArdError if it is not there any more, or is another sound now.

    Parameters
    ----------
    roots : mapping
        Where folders named in the study lie on this machine.
    """
    path = Path(sound.path)
    if sound.record:
        clip = located(find_clip(study, sound), roots)
        path = Path(clip.root) / clip.path
    try:
        status = path.stat()
    except OSError as error:
        raise ArdError(
            "the sound is not there", path=path,
            todo="Choose another one; if its folder was moved, choose File › Find moved sounds.",
        ) from error  # fmt: skip
    return Place(str(path), sound.member, sound.start, sound.end, (status.st_mtime_ns, status.st_size))


class SoundPlaces:
    """Finds one sound at a time on a thread of its own, and knows where the last one lies.

    Parameters
    ----------
    find : function
        Gives the work that finds a sound; that may raise ArdError.
    """

    def __init__(self, find: Find, parent: QObject) -> None:
        self._find, self._parent = find, parent
        self._last: tuple[SteeredClip, Place] | None = None
        self._worker: Worker | None = None

    def known(self, sound: SteeredClip) -> Place | None:
        """Where a sound lies, if it was the last one that was asked for."""
        return self._last[1] if self._last is not None and self._last[0] == sound else None

    def ask(self, sound: SteeredClip, done: Callable[[], object], failed: Callable[[str], None]) -> None:
        """Look for a sound; the newest request is the one that is answered."""
        if self._worker is None:
            self._worker = Worker("steered-sound", self._parent)

        def found(place: Place) -> None:
            self._last = (sound, place)
            done()

        self._worker.ask(KIND, self._find(sound), found, failed)

    def forget(self) -> None:
        """Sounds may lie elsewhere now."""
        self._last = None
        if self._worker is not None:
            self._worker.forget(KIND)

    def close(self) -> None:
        """End the thread."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def called(sound: SteeredClip | None) -> str:
    """What a sound is called; "" for none."""
    return "" if sound is None else sound.record or Path(sound.path).name
