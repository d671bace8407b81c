"""The forms of the Run menu that change the open study and run what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session

if TYPE_CHECKING:
    from ard_gui.state.study_edit import StudyEdit

Scopes = Callable[[], Mapping[str, Sequence[int]]]
FORMS = "ard_gui.views.existing_study"
ACTIONS = ("run.new_sae", "run.add_layer", "run.name_features")


class StartingRuns(QObject):
    """Each form is made when it is asked for, from the study.toml as it is then.

    Parameters
    ----------
    scopes : function
        Features of the shown SAE by what they are called, the nearest at hand first.
    """

    def __init__(self, window: QWidget, session: Session, actions: Actions, scopes: Scopes) -> None:
        super().__init__(window)
        self._window, self._session, self._actions, self._scopes = window, session, actions, scopes
        for id_, handler in zip(ACTIONS, (self.new_sae, self.add_layer, self.name_features), strict=True):
            actions.bind(id_, handler)
        self._enable(False)
        session.study_opened.connect(lambda: self._enable(True))
        session.study_closed.connect(lambda: self._enable(False))

    def new_sae(self) -> None:
        """Train another SAE on the study's layers."""
        self._read("grid_parts", lambda parts, edit: parts.NewSaePart(self._session, edit))

    def add_layer(self) -> None:
        """Look at another layer of the study's model."""
        self._read("grid_parts", lambda parts, edit: parts.AddLayerPart(self._session, edit))

    def name_features(self) -> None:
        """Name the marked features, or more of the best-ranked, or by other means."""
        self._read("name_part", lambda parts, edit: parts.NamePart(self._session, edit, self._scopes()))

    def _read(self, parts: str, make: Callable[[Any, StudyEdit], Any]) -> None:
        """Read the study.toml, and import the form, which takes a while too, away from the window."""
        if self._session.overview is None:
            return
        toml: Path = self._session.overview.study.toml

        def work() -> tuple[StudyEdit, Any, Any]:
            from ard_gui.state.study_edit import StudyEdit

            return StudyEdit(toml), import_module(f"{FORMS}.{parts}"), import_module(f"{FORMS}.change_dialog")

        def show(found: tuple[StudyEdit, Any, Any]) -> None:
            edit, module, dialogs = found
            overview = self._session.overview
            if overview is not None and overview.study.toml == toml:
                dialogs.ChangeDialog(self._window, self._session, edit, make(module, edit)).open()

        self._session.worker.run(work, show, lambda failure: self._session.notices.error(failure.text, failure.details))

    def _enable(self, there: bool) -> None:
        for id_ in ACTIONS:
            self._actions[id_].setEnabled(there)
