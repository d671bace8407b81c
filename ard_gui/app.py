"""`ard-gui [STUDY]`: open the window on a study."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.theme import apply_theme


def main(arguments: list[str] | None = None) -> int:
    """Start the desktop; the exit status is Qt's."""
    parser = argparse.ArgumentParser(prog="ard-gui", description="Browse the features of a study.")
    parser.add_argument("study", nargs="?", type=Path, help="study folder")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    options = parser.parse_args(arguments)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    apply_theme(application, options.theme)
    window = MainWindow()
    window.show()
    if options.study is not None:
        window.open_study(options.study)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
