"""How a study comes into the window: open, new, the demo, drop; and where its sounds lie now."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QWidget

from ard_gui.actions import Actions
from ard_gui.services.recent_studies import Kind, kind_of
from ard_gui.session import Session
from backend.errors import ArdError
from backend.study.atomic import read_json
from backend.study.user_data import user_data

DEMO = "demo-study"


class Openers(QObject):
    """Dialogs are made when they are asked for; `opening` is called with the study to show."""

    def __init__(self, window: QWidget, session: Session, opening: Callable[[Path], object]) -> None:
        super().__init__(window)
        self._window, self._session, self._opening = window, session, opening
        self._dialogs: list[QDialog] = []
        self._to_run: Path | None = None
        session.ranking_opened.connect(self._look_for_sounds)
        session.study_opened.connect(self._run_made)

    def bind(self, actions: Actions) -> None:
        """Answer the actions of the File menu that bring a study in."""
        actions.bind("file.open", self.ask_for_study)
        actions.bind("file.new", self.new_study)
        actions.bind("file.demo", self.demo)
        actions.bind("file.relink", self.relink)
        relink = actions["file.relink"]
        relink.setEnabled(False)
        self._session.study_opened.connect(lambda: relink.setEnabled(True))
        self._session.study_closed.connect(lambda: relink.setEnabled(False))

    def ask_for_study(self) -> None:
        """Choose the folder of a study."""
        from ard_gui.views.paths import ask_for_folder

        recent = self._session.preferences.values.recent
        start = str(Path(recent[0]).parent) if recent else ""
        self._keep(ask_for_folder(self._window, "Open study", self._opening, start))

    def new_study(self, sounds: list[Path] | None = None) -> None:
        """Ask what a new study is made from; the form's many parts are imported away from the window."""

        def show(forms: Any) -> None:
            dialog = forms.NewStudy(self._window, self._session, sounds or [])
            dialog.made.connect(self._open_made)
            self._keep(dialog)
            dialog.open()

        self._session.worker.run(lambda: import_module("ard_gui.views.new_study.form"), show)

    def _open_made(self, folder: Path, run: bool) -> None:
        """Open the study that was made; as soon as it is open, all of it is run, if that was asked for."""
        self._to_run = folder if run else None
        self._opening(folder)

    def _run_made(self) -> None:
        found, wanted, self._to_run = self._session.overview, self._to_run, None
        if found is not None and found.study.root == wanted:
            self._session.run_queue.start("run")

    def demo(self) -> None:
        """Open the demo, made first where there is none, or only a part of one."""
        recent = self._session.preferences.values.recent
        self._session.worker.run(lambda: find_demo(recent), self._demo_found)

    def _demo_found(self, found: tuple[Path, bool]) -> None:
        folder, finished = found
        if finished:
            self._opening(folder)
            return
        from ard_gui.views.demo_progress import DemoProgress

        dialog = DemoProgress(self._window, folder)
        dialog.made.connect(self._opening)
        self._keep(dialog)
        dialog.open()

    def relink(self) -> None:
        """Say where the study's sounds lie now."""
        from ard_gui.views.relink import Relink

        if self._session.overview is not None:
            dialog = Relink(self._window, self._session)
            self._keep(dialog)
            dialog.open()

    def dropped(self, paths: list[Path]) -> None:
        """Something was dropped on the window: it is looked at away from it."""
        self._session.worker.run(lambda: [(kind_of(path), path) for path in paths], self._take)

    def close(self) -> None:
        """Close what is open, and what it runs."""
        for dialog in list(self._dialogs):
            dialog.close()

    def _keep(self, dialog: QDialog) -> None:
        self._dialogs.append(dialog)
        dialog.finished.connect(lambda _: self._dialogs.remove(dialog))

    def _take(self, found: list[tuple[Kind, Path]]) -> None:
        kind, path = found[0]
        sounds = [one for what, one in found if what == "sounds"]
        if kind == "study":
            self._opening(path.parent if path.name == "study.toml" else path)
        elif sounds:
            self.new_study(sounds)
        elif kind == "sound":
            self._session.sound_offered.emit(path)
        else:
            self._session.notices.warning(f"{path} is neither a study nor a folder of sound, nor a file of sound.")

    def _look_for_sounds(self) -> None:
        ranking = self._session.ranking
        if ranking is None or self._session.refreshing:
            return
        roots, mapping = list(ranking.clips.roots), dict(self._session.preferences.values.roots)
        self._session.worker.run(
            lambda: [root for root in roots if not Path(mapping.get(root, root)).is_dir()], self._tell_missing
        )

    def _tell_missing(self, roots: list[str]) -> None:
        if roots:
            more = f" and {len(roots) - 1} more" if len(roots) > 1 else ""
            self._session.notices.warning(
                f"the sounds of this study are not where it says ({roots[0]}{more}). "
                "File › Find moved sounds says where they are now."
            )


def find_demo(recent: tuple[str, ...]) -> tuple[Path, bool]:
    """Where the demo is, and whether it is finished: a recent study that is one, else in the user's data directory."""
    own = user_data() / DEMO
    for folder in (*(Path(one) for one in recent), own):
        if (folder / "demo.json").is_file() and any(_is_demo_run(run) for run in folder.glob("runs/*/manifest.json")):
            return folder, True
    return own, False


def _is_demo_run(manifest: Path) -> bool:
    """Whether this is a run of `ard demo` that came to its end."""
    try:
        found = read_json(manifest)
        return bool(found["stage"] == "demo" and found["outputs"]["state"] == "finished")
    except (ArdError, KeyError, TypeError):
        return False
