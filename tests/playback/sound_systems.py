"""Real PortAudio over ALSA's null device, so that device outputs and inputs run where there is no sound card."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from PySide6.QtCore import QEventLoop, QTimer

from ard_gui.services.playback import portaudio
from ard_gui.services.playback.engine import Engine
from ard_gui.services.playback.programme import Audio
from backend.errors import ArdError

LABEL = "ardnull, ALSA"


def until(condition: Callable[[], bool], what: str) -> None:
    """Let the application work until `condition` holds; fail after twenty seconds."""
    loop, tick, limit = QEventLoop(), QTimer(), QTimer()
    tick.timeout.connect(lambda: loop.quit() if condition() else None)
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    tick.start(2)
    limit.start(20_000)
    loop.exec()
    assert condition(), f"not within twenty seconds: {what}"


class PacedEngine(Engine):
    """Takes as long as the sound it renders: the null device asks as fast as it is served."""

    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self._pace = Event()

    def render(self, out: Audio) -> None:
        super().render(out)
        self._pace.wait(len(out) / self.rate)


def has_alsa() -> bool:
    """Whether PortAudio is installed and speaks to ALSA."""
    try:
        apis = portaudio.library().query_hostapis()
    except ArdError:
        return False
    return any(api["name"] == "ALSA" for api in apis)


@contextmanager
def plugged(folder: Path, *names: str) -> Iterator[None]:
    """A machine with these null devices; without any, one whose only card is gone."""
    before = os.environ.get("ALSA_CONFIG_PATH")
    plug(folder, *names)
    portaudio.rescan()
    try:
        yield
    finally:
        if before is None:
            del os.environ["ALSA_CONFIG_PATH"]
        else:
            os.environ["ALSA_CONFIG_PATH"] = before
        portaudio.rescan()


def plug(folder: Path, *names: str) -> None:
    """Change the devices, as the next scan will find them."""
    # one that cannot be opened is always there, as in every real configuration: PortAudio aborts without
    lines = [*(f"pcm.{name} {{ type null }}" for name in names), "pcm.gone { type hw card 99 }"]
    path = folder / f"alsa-{len(list(folder.glob('alsa-*')))}.conf"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.environ["ALSA_CONFIG_PATH"] = str(path)
