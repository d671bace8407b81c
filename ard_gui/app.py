"""`ard-gui [STUDY]`: open the window on a study."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import ard_gui.without_qt  # noqa: F401

# isort: split
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.restoring import Restoring
from ard_gui.services import window_state
from ard_gui.services.crash import CrashGuard
from ard_gui.session import Session
from ard_gui.theme import THEMES, apply_theme

gc.enable()
SWITCH_SECONDS = 0.001
"""How long a thread that computes may keep the window's thread waiting, each time Qt has let go of Python."""
LAST_WRITING_SECONDS = 30.0
"""How long the process, its window gone, may still write what it was asked to."""


def main(arguments: list[str] | None = None, loop: Callable[[], int] = QApplication.exec) -> int:
    """Start the desktop; the exit status is Qt's.

    Parameters
    ----------
    loop : function
        Runs until the window is closed.
    """
    options = _parser().parse_args(arguments)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what was imported stays: the collector need not look at it again and again
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("ARD")
    if options.reset:
        window_state.forget_all()
    session = Session()
    if options.reset:
        session.preferences.reset()
    guard = CrashGuard(session.notices)
    guard.begin()
    try:
        values = session.preferences.values
        apply_theme(application, options.theme or values.theme, values.font_points)
        window = MainWindow(session, options.theme or "")
        restoring = Restoring(window, guard)
        window.show()
        if options.study is not None:
            window.open_study(options.study, options.feature)
        restoring.look()
        status = loop()
    except Exception as error:
        print(f"ard-gui ended unexpectedly; the report is in {guard.report(error)}", file=sys.stderr)
        guard.end()
        raise
    done = session.ended(LAST_WRITING_SECONDS)
    guard.end()
    if not done:
        # A thread that hangs in a dead drive would hold the interpreter's end for ever.
        os._exit(status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ard-gui", description="Browse, hear and judge the features of a study.")
    parser.add_argument("study", nargs="?", type=Path, help="study folder")
    parser.add_argument("--feature", type=int, default=-1, metavar="N", help="show this feature first")
    parser.add_argument("--theme", choices=THEMES, help="for this time only")
    parser.add_argument("--reset", action="store_true", help="forget saved layouts and preferences")
    return parser


if __name__ == "__main__":
    sys.exit(main())
