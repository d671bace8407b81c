"""From the Space key to the first frame of the clip, in the real window on a study, over the silent clock.

"On the screen": the clip's card shows its spectrogram, so its sound has been decoded. "Made ready": it was the next
clip while another one was heard. "Not decoded": its sound is not in memory when the key is pressed.

    python benchmarks/listening.py STUDY --plays 40
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import result

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.services.playback.engine import Engine
from ard_gui.services.playback.outputs import Output, SilentOutput
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Audio
from ard_gui.session import Session
from ard_gui.theme import apply_theme

RATE = 48_000
SEED = 0


class Written(SilentOutput):
    """A silent output that notes when the first frame after each jump was written."""

    def __init__(self) -> None:
        super().__init__(RATE)
        self.first: dict[int, float] = {}

    def take(self, _block: Audio) -> None:
        engine = self._engine
        if engine is not None and engine.history.at(engine.written - 1).moving:
            self.first.setdefault(engine.jumped[0], time.perf_counter())


class Room:
    """The window, its page, and an event loop that runs until something holds."""

    def __init__(self, study: Path) -> None:
        self.written = Written()
        self.window = MainWindow(Session(player=Player(self._open)))
        self.window.show()
        self.window.open_study(study)
        self.until(lambda: self.window.session.lines is not None)

    def _open(self, _label: str, engine: Engine | None) -> tuple[Output, Engine]:
        fitting = engine or Engine(RATE)
        self.written.start(fitting)
        return self.written, fitting

    def until(self, condition: Callable[[], bool], every_ms: int = 2) -> None:
        loop, tick = QEventLoop(), QTimer()
        tick.timeout.connect(lambda: loop.quit() if condition() else None)
        tick.start(every_ms)
        loop.exec()

    def rest(self, milliseconds: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def choose(self, feature: int) -> None:
        """Show a feature, its first card and all pictures on the screen."""
        page = self.window.page
        self.window.session.selection.choose(feature)
        self.until(lambda: page.feature == feature and bool(page.cards.cards()))
        media = self.window.session.media
        shown = [one.line for one in page.cards.cards() if one.line is not None]
        self.until(lambda: all(media.find(one.clip) is not None for one in shown))
        self.rest(50)

    def play(self) -> float:
        """Milliseconds from Space to the first frame written."""
        player, cards = self.window.session.player, self.window.page.cards
        before = max(self.written.first, default=-1)
        cards.setFocus()
        asked = time.perf_counter()
        QTest.keyClick(cards, Qt.Key.Key_Space)
        self.until(lambda: max(self.written.first, default=-1) > before, every_ms=1)
        moment = self.written.first[max(self.written.first)]
        player.stop()
        self.rest(40)
        return 1000 * (moment - asked)


def features(window: MainWindow, count: int) -> list[int]:
    """Features with different first clips, and three clips at least."""
    ranking = window.session.ranking
    assert ranking is not None
    clips = ranking.file.most_clips(3)
    _, found = np.unique(clips[:, 0], return_index=True)
    found = found[clips[found, 2] >= 0]
    return [int(k) for k in np.random.default_rng(SEED).permutation(found)[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--plays", type=int, default=40)
    chosen = parser.parse_args()
    began = time.perf_counter()
    application = QApplication([])
    apply_theme(application, "light")
    with tempfile.TemporaryDirectory() as own:
        os.environ["ARD_HOME"] = own
        rows = measure(Room(chosen.study), chosen.plays)
    for row in rows:
        print(f"{row['case']}: {row['figure']} ({row['size']})")
    path = result.write("listening", rows, device=result.device_name(), seconds=time.perf_counter() - began)
    print(path)


def measure(room: Room, plays: int) -> list[dict[str, Any]]:
    figures: dict[str, list[float]] = {"on the screen": [], "made ready": [], "not decoded": []}
    session = room.window.session
    for number, feature in enumerate(features(room.window, plays + 1)):
        room.choose(feature)
        session.player._prepared._tracks.clear()
        seen = room.play()
        room.rest(300)
        room.window.actions_table["go.next_clip"].trigger()
        ready = room.play()
        session.media.forget()
        session.player._prepared._tracks.clear()
        room.window.actions_table["go.next_clip"].trigger()
        row = session.selection.clip
        assert row != session.listening.row
        assert session.media.find(row) is None
        unread = room.play()
        if number:  # the first one opens the output
            for case, value in zip(figures, (seen, ready, unread), strict=True):
                figures[case].append(value)
    room.window.close()
    session.ended(5)
    return [
        {
            "case": f"Space to first frame, clip {case}", "size": f"{len(values)} clips",
            "figure": f"{np.median(values):.1f} ms median, {np.percentile(values, 95):.1f} ms 95 %",
            "note": "real window, silent clock in blocks of 10 ms",
        }
        for case, values in figures.items()
    ]  # fmt: skip


if __name__ == "__main__":
    main()
