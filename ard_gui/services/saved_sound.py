"""Hearing the sound of a saved steering result: a clip of the study, or a file of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ard_gui.services.clip_media import ClipMedia, Media, located, read_media
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.worker import Worker
from ard_gui.services.sounds_ahead import sound_of
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip, ClipTable
from backend.store.notes.steering import SteeredClip
from backend.study.folder import Study

KIND = "saved sound"


class SavedSound(QObject):
    """Plays the sound of one saved result at a time; nothing here waits.

    Signals
    -------
    changed()
        It plays or does not, or is being read.
    failed(message: str)
        The sound is not there any more, or cannot be read.

    Attributes
    ----------
    clip : SteeredClip or None
        What was asked for last.
    reading : bool
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, media: ClipMedia, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.clip: SteeredClip | None = None
        self.reading = False
        self._media, self._player = media, player
        self._key = ""
        self._row = -1
        self._worker: Worker | None = None
        media.ready.connect(self._clip_ready)
        media.failed.connect(self._clip_failed)
        player.changed.connect(self.changed)

    @property
    def playing(self) -> bool:
        """Whether the sound of `clip` is heard."""
        return bool(self._key) and self._player.key == self._key and self._player.playing

    def toggle(self, clip: SteeredClip, study: Study, roots: Mapping[str, str]) -> None:
        """Play a sound from its beginning, or pause it, or play on.

        Parameters
        ----------
        roots : mapping
            Where folders named in the study lie on this machine.
        """
        if clip == self.clip and self._key and self._player.key == self._key:
            self._player.toggle()
            return
        self.clip, self._key, self._row, self.reading = clip, "", -1, True
        self._player.pause()
        if clip.record:
            self._work().ask(KIND, lambda: located(find_clip(study, clip), roots), self._found, self._refuse)
        else:
            self._work().ask(KIND, lambda: read_outside(clip), self._play, self._refuse)
        self.changed.emit()

    def leave(self) -> None:
        """Another study is shown."""
        if self.playing:
            self._player.pause()
        self.clip, self._key, self._row, self.reading = None, "", -1, False
        if self._worker is not None:
            self._worker.forget(KIND)

    def close(self) -> None:
        """End its thread."""
        self.leave()
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _work(self) -> Worker:
        if self._worker is None:
            self._worker = Worker("saved-sound", self)
        return self._worker

    def _found(self, clip: Clip) -> None:
        self._row = clip.index
        self._media.ask(clip, KIND)

    def _clip_ready(self, row: int, media: Media) -> None:
        if self.reading and row == self._row:
            self._play(media)

    def _clip_failed(self, row: int, text: str) -> None:
        if self.reading and row == self._row:
            self._refuse(text)

    def _play(self, media: Media) -> None:
        self.reading, self._key = False, media.key
        self._player.play(sound_of(media))

    def _refuse(self, message: str) -> None:
        self.clip, self.reading, self._row = None, False, -1
        self.failed.emit(message)
        self.changed.emit()


def find_clip(study: Study, wanted: SteeredClip) -> Clip:
    """The clip of the study that the model heard; ArdError if it is not there, or is another sound now."""
    with closing(ClipTable(study.clips())) as table:
        try:
            found = table[table.text["record"].index(wanted.record)]
        except ValueError as error:
            raise ArdError(f"there is no clip '{wanted.record}' in this study any more", path=study.root) from error
    if wanted.key and clip_key(found) != wanted.key:
        raise ArdError(f"'{wanted.record}' is another sound now than the one that was steered on", path=study.root)
    return found


def read_outside(wanted: SteeredClip) -> Media:
    """Sound and picture of a file that is no clip of the study; ArdError if it cannot be decoded."""
    from backend.audio.probe import probe_file  # loads libsndfile: not before there is a sound

    path = Path(wanted.path)
    found = probe_file(path)
    if found.reason:
        raise ArdError(found.reason, path=path, todo="Put the file back to where it was.")
    end = math.nan if wanted.end is None else wanted.end
    media = read_media(
        Clip(path.name, str(path), wanted.member, wanted.start, end, found.duration, sample_rate=found.sample_rate)
    )
    assert media is not None
    return media
