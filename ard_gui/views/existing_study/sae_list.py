"""Which SAEs there are and which are new, as the wishes change."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ard_gui.services.draft_answer import DraftAnswer, status_words
from ard_gui.session import Session
from ard_gui.state.sae_states import SaeStates, sae_states
from ard_gui.state.study_edit import StudyEdit
from ard_gui.views.sentence import Sentence

ROWS = 6


class SaeList(QWidget):
    """Asks `ard status` about the changed settings; whoever shows it closes it.

    Attributes
    ----------
    found : SaeStates or None
        Under the newest wishes that could be used; None before the first answer.
    """

    def __init__(self, session: Session, edit: StudyEdit) -> None:
        super().__init__()
        self._edit = edit
        self.found: SaeStates | None = None
        self.told, self.again = (
            Sentence("Listing the SAEs …", name="How many SAEs"),
            Sentence(kind="warning", name="What is made again"),
        )
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("SAEs of the study")
        self.tree.setHeaderLabels(("SAE", "State"))
        self.tree.setRootIsDecorated(False)
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.setFixedHeight(ROWS * (self.fontMetrics().height() + 6))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for one in (self.told, self.tree, self.again):
            layout.addWidget(one)
        self._service = DraftAnswer(session.worker, status_words(edit.path.parent), self)
        self._service.answered.connect(self._show)
        self._service.failed.connect(lambda text: self.told.tell(f"The SAEs could not be listed: {text}", "bad"))
        self._asked = ""
        edit.changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Ask again, if the wishes give another file."""
        text = "" if self._edit.problems() else self._edit.text()
        if text != self._asked:
            self._asked = text
            self._service.draft((lambda: text) if text else None)

    def close_list(self) -> None:
        """End what is asked."""
        self._service.close()

    def _show(self, answer: dict[str, Any]) -> None:
        found = self.found = sae_states(answer)
        self.tree.clear()
        for name, state in found.saes.items():
            item = QTreeWidgetItem(self.tree, [name, state])
            font = item.font(1)
            font.setBold(state == "new")
            item.setFont(1, font)
        count = len(found.saes)
        said = f"{count} SAE{'' if count == 1 else 's'}, {found.new} new." if count else found.problem
        self.told.tell(said, "plain" if count else "bad")
        self.again.tell(found.again)
