"""Hearing the clips of a preview: files and parts of files that belong to no study yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.clip_media import HIGHEST_RATE, LONG_RATE
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.sound import Sound
from ard_gui.services.playback.worker import Worker
from backend.errors import ArdError
from backend.store.clips import Clip

KIND = "sample sound"
LONGEST_SECONDS = 60.0
"""So much of a recording is read to be listened to."""


class SampleSound(QObject):
    """Plays one clip of a preview at a time; nothing here waits.

    Signals
    -------
    changed()
        It plays or does not, or is being read.
    failed(message: str)
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._wanted = ""
        self._worker: Worker | None = None
        player.changed.connect(self.changed)

    def is_playing(self, clip: Mapping[str, Any]) -> bool:
        """Whether this clip is heard."""
        return self._player.playing and self._player.key == key_of(clip)

    def toggle(self, clip: Mapping[str, Any]) -> None:
        """Play a clip from its beginning, or pause it, or play on."""
        key = key_of(clip)
        if self._player.key == key:
            self._wanted = ""
            self._player.toggle()
            return
        if self._worker is None:
            self._worker = Worker("sample-sound", self)
        self._wanted = key
        self._player.pause()
        self._worker.ask(KIND, lambda: read_sample(clip), self._play, self._refuse)

    def stop(self) -> None:
        """Other clips are shown, or none."""
        self._wanted = ""
        if self._player.playing and self._player.key.startswith(KIND):
            self._player.pause()

    def close(self) -> None:
        """Stop, and end the thread."""
        self.stop()
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _play(self, sound: Sound) -> None:
        if sound.key == self._wanted:
            self._player.play(sound)

    def _refuse(self, message: str) -> None:
        self._wanted = ""
        self.failed.emit(message)
        self.changed.emit()


def key_of(clip: Mapping[str, Any]) -> str:
    """Names the sound of a clip of a preview."""
    return "\n".join((KIND, *(str(clip[name]) for name in ("path", "member", "start", "end"))))


def read_sample(clip: Mapping[str, Any]) -> Sound:
    """The first minute of a clip; ArdError if it cannot be decoded."""
    from backend.audio.load import load_wave  # decoders are loaded where there is a sound

    end = math.nan if clip["end"] is None else float(clip["end"])
    found = Clip(clip["record"], clip["path"], clip["member"], float(clip["start"]), end, root="")
    rate = min(int(clip["sample_rate"]), HIGHEST_RATE) if clip["sample_rate"] else LONG_RATE
    wave = load_wave(found, rate, seconds=LONGEST_SECONDS)
    if not len(wave):
        raise ArdError("the clip is shorter than one sample", path=Path(clip["path"]))
    return Sound(key_of(clip), wave, rate)
