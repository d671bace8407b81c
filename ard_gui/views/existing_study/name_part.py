"""Names for features of the open study: by what, how many, and chosen ones beside the best-ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QComboBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from ard_gui.session import Session
from ard_gui.state.form_sections import WORDS
from ard_gui.state.study_edit import StudyEdit
from ard_gui.views.new_study.fields import ChoiceField, Fields, TextField
from ard_gui.views.sentence import Sentence

FEATURES = "names.features"
MOST = 2000
"""Features that can be named by number: more of them are better asked for by rank."""
ASKED = {
    "captions.captioner": "&Captioner", "captions.model": "Its model", "captions.url": "Its address",
    "names.namer": "&Namer", "names.model": "Its model", "names.url": "Its address",
    "scores.top": "&How many of the best",
}  # fmt: skip
NONE = "none but the best-ranked"


class NamePart(QWidget):
    """Captioner, namer, how many of the best-ranked features, and which others.

    Parameters
    ----------
    scopes : mapping
        Features of the shown SAE by what they are called: {"3 marked features": (4, 8, 15)}.
    """

    title = "Name these features …"
    told = (
        "Captions and names are made for the best-ranked features of every SAE, and for those chosen here. What was "
        "captioned and named by the same means before is not made again."
    )
    command = "describe"

    def __init__(self, session: Session, edit: StudyEdit, scopes: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self._edit, self._sae = edit, session.ranking_name
        raw = session.ranking is None or session.ranking.file.raw
        self._scopes = {} if raw else {name: some for name, some in scopes.items() if 0 < len(some) <= MOST}
        self.choices = {dotted: ChoiceField(edit, dotted, words) for dotted, words in WORDS.items() if dotted in ASKED}
        self.fields = Fields(edit)
        for dotted, label in ASKED.items():
            self.fields.add(dotted, label, self.choices.get(dotted) or TextField(edit, dotted))
        self.also = QComboBox()
        self.also.setAccessibleName("Features to name beside the best-ranked")
        self.also.addItem(NONE)
        self.also.addItems(list(self._scopes))
        self.also.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.also.currentIndexChanged.connect(lambda _: self._take())
        self.kept = Sentence(name="Features named by number")
        self.forget = QPushButton("&Forget those chosen before")
        self.forget.setAutoDefault(False)
        self.forget.clicked.connect(self._forget)
        form = QFormLayout()
        form.addRow("&Also name", self.also)
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addLayout(form)
        layout.addWidget(self.kept)
        layout.addWidget(self.forget)
        layout.addStretch(1)
        self.setFocusProxy(self.choices["captions.captioner"])
        edit.changed.connect(self._follow)
        if self._scopes:
            # what the person has marked is what "these" means
            self.also.setCurrentIndex(1)
        self._follow()

    def offer(self, choices: Mapping[str, Any]) -> None:
        """What is registered here."""
        for dotted, field in self.choices.items():
            known = choices.get(f"{dotted.rpartition('.')[2]}s")
            if known:
                field.offer(tuple(known))

    def problems(self) -> dict[str, str]:
        """Nothing beyond what the settings' own rules say."""
        return {}

    def show_problems(self, problems: Mapping[str, str]) -> None:
        self.fields.show_problems(problems)
        self._follow()

    def widget(self) -> QWidget:
        return self

    def close_part(self) -> None:
        """Nothing runs."""

    def _take(self) -> None:
        chosen = self._scopes.get(self.also.currentText(), ())
        self._edit.add(FEATURES, [f"{self._sae}:{one}" for one in chosen])

    def _forget(self) -> None:
        self._edit.set(FEATURES, [])

    def _follow(self) -> None:
        edit = self._edit
        captioner, namer = edit.value("captions.captioner"), edit.value("names.namer")
        captions, names = captioner != "none", captioner != "none" and namer != "none"
        for dotted, seen in (
            ("captions.model", captioner in ("audiollm", "endpoint")), ("captions.url", captioner == "endpoint"),
            ("names.namer", captions), ("names.model", names and namer != "consensus"),
            ("names.url", names and namer == "endpoint"), ("scores.top", captions),
        ):  # fmt: skip
            self.fields.show_row(dotted, seen)
        before = len(edit.written(FEATURES))
        self.kept.tell(
            f"{before} feature{' was' if before == 1 else 's were'} chosen before and "
            f"{'stays' if before == 1 else 'stay'} chosen." if before and edit.value(FEATURES) else ""
        )  # fmt: skip
        self.forget.setVisible(bool(before))
