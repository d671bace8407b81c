"""The forms of the Run menu that change the open study and run what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.state.study_edit import StudyEdit

Scopes = Callable[[], Mapping[str, Sequence[int]]]
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

        def show(edit: StudyEdit) -> None:
            from ard_gui.views.existing_study.grid_parts import NewSaePart

            self._show(edit, NewSaePart(self._session, edit))

        self._read(show)

    def add_layer(self) -> None:
        """Look at another layer of the study's model."""

        def show(edit: StudyEdit) -> None:
            from ard_gui.views.existing_study.grid_parts import AddLayerPart

            self._show(edit, AddLayerPart(self._session, edit))

        self._read(show)

    def name_features(self) -> None:
        """Name the marked features, or more of the best-ranked, or by other means."""

        def show(edit: StudyEdit) -> None:
            from ard_gui.views.existing_study.name_part import NamePart

            self._show(edit, NamePart(self._session, edit, self._scopes()))

        self._read(show)

    def _read(self, show: Callable[[StudyEdit], object]) -> None:
        if self._session.overview is None:
            return
        toml: Path = self._session.overview.study.toml

        def ready(edit: StudyEdit) -> None:
            found = self._session.overview
            if found is not None and found.study.toml == toml:
                show(edit)

        self._session.worker.run(
            lambda: StudyEdit(toml), ready, lambda failure: self._session.notices.error(failure.text, failure.details)
        )

    def _show(self, edit: StudyEdit, part: QWidget) -> None:
        from ard_gui.views.existing_study.change_dialog import ChangeDialog

        ChangeDialog(self._window, self._session, edit, part).open()  # type: ignore[arg-type]

    def _enable(self, there: bool) -> None:
        for id_ in ACTIONS:
            self._actions[id_].setEnabled(there)
