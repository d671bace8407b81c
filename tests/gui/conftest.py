"""What every test of the window runs under: settings of its own, nothing left behind, stalls counted."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gui.waiting import until
from gui.watchdog import STALLS, Faults
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from ard_gui.main_window import MainWindow
from ard_gui.services.playback.outputs import silent_output
from ard_gui.services.playback.player import Player
from ard_gui.session import Session
from ard_gui.theme import apply_theme
from backend.study.folder import Study
from builders.tiny_study import finished_study


@pytest.fixture(scope="session")
def application() -> QApplication:
    found = QApplication.instance() or QApplication([])
    assert isinstance(found, QApplication)
    apply_theme(found, "light")
    # What was imported until now stays for ever: collecting garbage after a test need not look at it.
    gc.collect()
    gc.freeze()
    return found


@pytest.fixture(scope="session")
def made_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that has really been run, on a random model; nobody opens it, for a window would write notes into it."""
    return finished_study(tmp_path_factory.mktemp("window"), train={"steps": 60})


@pytest.fixture
def tiny_study(made_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The test's own copy of `made_study`."""
    return Study(Path(shutil.copytree(made_study.root, tmp_path_factory.mktemp("copy") / made_study.root.name)))


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user data directory of the test's own."""
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "ard-home"))
    return tmp_path / "ard-home"


@pytest.fixture(autouse=True)
def faults() -> Iterator[Faults]:
    """Fail a test in which a slot raised or Qt warned, unless the test takes it: ``faults.take("ZeroDivision")``."""
    found = Faults()
    with found.collected():
        yield found
    assert not found.exceptions, f"raised in slots: {found.exceptions}"
    assert not found.warnings, f"Qt warned: {found.warnings}"


@pytest.fixture(autouse=True)
def nothing_left(application: QApplication) -> Iterator[None]:
    """Fail a test that leaves a window, a hidden top-level widget or a thread behind."""
    threads, widgets = set(threading.enumerate()), set(application.topLevelWidgets())
    yield
    left = {one for one in threading.enumerate() if one.is_alive()} - threads
    for one in left:
        one.join(5)
    assert not [one.name for one in left if one.is_alive()]
    for _ in range(3):
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        application.processEvents()
        kept = [one for one in application.topLevelWidgets() if isValid(one) and one not in widgets]
        if not kept:
            break
        gc.collect()
    assert not kept, f"left behind: {kept}"


@pytest.fixture
def make_window(application: QCoreApplication) -> Iterator[Callable[..., MainWindow]]:
    """Makes real windows, shows them, and closes them at the end of the test; none opens a sound card by itself."""
    made: list[MainWindow] = []

    def make(study: Study | None = None, feature: int = -1, player: Player | None = None) -> MainWindow:
        silent = player or Player(lambda _label, engine: silent_output("tests are silent", engine))
        window = MainWindow(Session(player=silent))
        made.append(window)
        window.show()
        if study is not None:
            window.open_study(study.root, feature)
            until(lambda: window.session.lines is not None)
        return window

    yield make
    for window in made:
        window.close()
        window.session.ended(5)
        window.deleteLater()
    made.clear()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Which test a stall belongs to."""
    STALLS.test, STALLS.found, STALLS.runs = item.nodeid.rpartition("/")[2], [], 0
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Send what was counted along with the test's report, which xdist's workers hand to the controller."""
    outcome: Any = yield
    if call.when == "teardown":
        properties = outcome.get_result().user_properties
        properties += [("gui stall", list(found)) for found in STALLS.found]
        properties += [("gui loops", STALLS.runs)]
