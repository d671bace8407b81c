"""What tests of bad input do again and again: copy a study, spoil a file, open it, read what the window says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
from gui.waiting import until
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.views.clip_card import ClipCard
from ard_gui.views.concepts import ConceptsView
from backend.study.folder import Study

LATER = 999


def copied(study: Study, folder: Path) -> Study:
    """A copy that a test may spoil."""
    return Study(Path(shutil.copytree(study.root, folder)))


def sae(study: Study) -> str:
    """Id of the SAE that is shown first."""
    return study.feature_ids()[0]


def made_later(path: Path | None) -> None:
    """Declare a file to be of a version that no ARD of today knows."""
    assert path is not None
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = LATER


def truncated(path: Path | None) -> None:
    """Leave half of a file, as a full disk or a broken copy does."""
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def concepts(window: MainWindow) -> ConceptsView:
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    return view


def said(window: MainWindow) -> str:
    """Every message so far."""
    return "\n".join(one.text for one in window.session.notices.all)


def opened(window: MainWindow, study: Study, feature: int = -1) -> MainWindow:
    """Open a study and wait for its first page, that of `feature` if one is named."""
    window.open_study(study.root, feature)
    until(lambda: window.page.feature >= 0 if feature < 0 else window.page.feature == feature)
    return window


def refused(window: MainWindow, study: Study) -> str:
    """Open a study of which no page can be shown; what the bar at the top says."""
    window.open_study(study.root)
    until(window.notice_bar.isVisible)
    assert window.session.lines is None
    return window.notice_bar.text.text()


def shows(window: MainWindow, feature: int) -> MainWindow:
    """Go to a feature and wait for its page."""
    window.session.selection.choose(feature)
    until(lambda: window.page.feature == feature)
    return window


def first_card(window: MainWindow) -> ClipCard:
    """The card at the top of the page."""
    until(lambda: bool(window.page.cards.cards()))
    return window.page.cards.cards()[0]


def drop(window: MainWindow, *paths: Path) -> None:
    """Let files fall on the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, button, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(9, 9), action, data, button, none))
    QApplication.sendEvent(window, QDropEvent(QPointF(9, 9), action, data, button, none))


WALK = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication([])
{before}
from ard_gui import app
from ard_gui.main_window import MainWindow
windows = lambda: [one for one in application.topLevelWidgets() if isinstance(one, MainWindow)]
def look():
    for window in windows():
        if window.session.lines is not None and {ready}:
            print("\\n".join(one.text for one in window.session.notices.all), flush=True)
            window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(20)
sys.exit(app.main(sys.argv[1:]))
"""


def walked(*arguments: str, before: str = "", ready: str = "True", **process: Any) -> str:
    """Run `ard-gui` in a process of its own until `ready` holds of its `window`; the messages it gave.

    It must end as it should, without a traceback.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", WALK.format(before=before, ready=ready), *arguments],
        capture_output=True, text=True, timeout=120, check=False, **process,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout
