"""No PortAudio, a device that is pulled out, sounds that were moved, and dropped files that are no sounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from gui.walking import copied, drop, first_card, opened, said, walked
from playback.sound_systems import LABEL, PacedEngine, has_alsa, plugged
from PySide6.QtWidgets import QApplication, QDialog

from ard_gui.main_window import MainWindow
from ard_gui.services.playback import portaudio
from ard_gui.services.playback.outputs import open_output
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Audio
from backend.store.clips import ClipTable
from backend.study.folder import Study

Make = Callable[..., MainWindow]
alsa = pytest.mark.skipif(not has_alsa(), reason="PortAudio with ALSA is not installed")
BANNER = "window.page.transport.banner.text()"
PLAYS = "window.session.player.playing or window.actions_table['listen.toggle'].trigger()"


@pytest.mark.parametrize(
    "missing",
    [
        "sys.modules['sounddevice'] = None",
        "import importlib.abc\n"
        "class NoLibrary(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'sounddevice': raise OSError('PortAudio library not found')\n"
        "sys.meta_path.insert(0, NoLibrary())",
    ],
)
def test_desktop_without_portaudio_plays_in_silence_and_says_so(tiny_study: Study, missing: str) -> None:
    ready = f"({PLAYS} or True) and {BANNER} and print({BANNER}) is None"
    told = walked(str(tiny_study.root), before=missing, ready=ready)
    assert "silence" in told or "silent" in told


@alsa
def test_device_pulled_out_while_a_clip_plays_is_told_and_the_clip_plays_on(
    make_window: Make, tiny_study: Study, tmp_path: Path
) -> None:
    unplugged = threading.Event()
    abort = portaudio.library().CallbackAbort

    class Unpluggable(PacedEngine):
        def render(self, out: Audio) -> None:
            # PortAudio's thread is none of Python's
            if unplugged.is_set() and threading.get_ident() not in {one.ident for one in threading.enumerate()}:
                raise abort
            super().render(out)

    with plugged(tmp_path, "ardnull"):
        player = Player(lambda label, engine: open_output(label, engine or Unpluggable(44_100)))
        window = opened(make_window(player=player), tiny_study)
        session, banner = window.session, window.page.transport.banner
        session.preferences.set("device", LABEL)
        session.preferences.set("loop", True)
        first_card(window)
        window.actions_table["listen.toggle"].trigger()
        until(lambda: session.player.position() > 0)
        assert not banner.isVisible(), banner.text()
        unplugged.set()
        until(banner.isVisible)
        assert LABEL in banner.text()
        assert session.player.playing
        window.close()
        session.ended(5)


def test_card_of_a_moved_sound_says_where_it_was_looked_for(
    make_window: Make, tiny_study: Study, tmp_path: Path
) -> None:
    window = make_window()
    root = ClipTable(tiny_study.clips()).roots[0]
    window.session.preferences.set("roots", {root: str(tmp_path / "gone")})
    opened(window, tiny_study)
    card = first_card(window)
    until(lambda: str(tmp_path / "gone") in card.canvas.scene.message)
    assert "Find moved sounds" in card.canvas.scene.message
    window.actions_table["listen.toggle"].trigger()
    until(lambda: window.notice_bar.isVisible())
    assert not window.session.player.playing
    window.session.preferences.set("roots", {})
    until(lambda: bool(card.canvas.scene.pictures))


@pytest.mark.parametrize("content", [b"", b"not a sound", b"RIFF\x00\x00\x00\x00WAVE"])
def test_dropped_file_that_only_looks_like_a_sound_is_told(
    make_window: Make, tiny_study: Study, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    window = opened(make_window(), copied(tiny_study, tmp_path / "copy"))
    drop(window, path)
    until(lambda: window.docks["test_sound"].isVisible())
    view = window.view("test_sound")
    until(lambda: "broken.wav" in said(window) or "broken.wav" in view.note.text())


def test_dropped_things_that_are_no_sounds_are_told(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "text.txt", tmp_path / "empty", tmp_path / "not there"):
        drop(window, path)
        until(lambda path=path: f"{path} is neither" in said(window))
    assert not [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]
