"""A silent output whose every frame can be asked what it held, and hands at the clips of a feature page."""

from __future__ import annotations

from typing import NamedTuple

from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.services.feature_lines import ClipLine
from ard_gui.services.playback.engine import Engine
from ard_gui.services.playback.outputs import Output, silent_output
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Interval
from ard_gui.services.playback.sound import Sound
from ard_gui.views.clip_card import ClipCard

NO_KEY = Qt.KeyboardModifier.NoModifier


class Spell(NamedTuple):
    """A stretch of output frames in which one sound runs on without a jump."""

    sound: int
    first: float
    last: float
    frames: int


class Ears(Player):
    """A player without a sound card that remembers what it was told to play and can say what was heard."""

    def __init__(self) -> None:
        super().__init__(self._open)
        self.played: list[str] = []

    def play(self, sound: Sound, start: float = 0.0, active: object = None) -> None:
        self.played.append(sound.key)
        super().play(sound, start, active)  # type: ignore[arg-type]

    def _open(self, _label: str, engine: Engine | None) -> tuple[Output, Engine]:
        return silent_output("tests are silent", engine)

    @property
    def engine(self) -> Engine:
        found = self._line.engine
        assert found is not None
        return found

    def spells(self, every: int = 48) -> list[Spell]:
        """What has been written until now, to `every` frames; silence is left out."""
        found: list[Spell] = []
        step = every / self.engine.rate * self.speed
        for frame in range(0, self.engine.written, every):
            here = self.engine.history.at(frame)
            if not here.moving:
                continue
            last = found[-1] if found else None
            if last is not None and last.sound == here.sound and 0 < here.seconds - last.last <= 1.5 * step:
                found[-1] = Spell(last.sound, last.first, here.seconds, last.frames + every)
            else:
                found.append(Spell(here.sound, here.seconds, here.seconds, every))
        return found


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
    """A key, with the keyboard at the clips."""
    window.page.cards.setFocus()
    QTest.keyClick(window.page.cards, key, modifier)


def card(window: MainWindow, number: int = 0) -> ClipCard:
    """A card on the screen, from the top."""
    return window.page.cards.cards()[number]


def line(window: MainWindow, number: int = 0) -> ClipLine:
    """The clip of a card on the screen."""
    found = card(window, number).line
    assert found is not None
    return found


def playing(window: MainWindow, clip: int) -> bool:
    """Whether that clip is heard now: the frame at the output's clock is one of its."""
    listening, player = window.session.listening, window.session.player
    engine, output = player._line.engine, player._line.output
    if not listening.playing or listening.row != clip or engine is None or output is None:
        return False
    return engine.history.at(output.clock()).sound == player._number


def read(window: MainWindow) -> None:
    """Wait until the pictures on the screen, and so their sounds, are there."""
    until(lambda: bool(window.page.cards.cards()))
    until(lambda: all(one.canvas.scene.pictures for one in window.page.cards.cards()))


def joined(tokens: list[tuple[float, float]]) -> list[Interval]:
    """Touching tokens as one interval: by a loop that knows nothing of the product's."""
    found: list[Interval] = []
    for start, end in tokens:
        if found and abs(start - found[-1][1]) < 1e-6:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
