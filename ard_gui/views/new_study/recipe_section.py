"""The section about the SAE: the published recipes, and what of them is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QRadioButton, QVBoxLayout, QWidget

from ard_gui.state.form_sections import WORDS, section_of
from ard_gui.state.study_form import StudyForm
from ard_gui.views.new_study.fields import Fields, ListField, TextField, TickField
from ard_gui.views.new_study.sections import Section
from ard_gui.views.sentence import Sentence
from backend.study.profiles import profiles

ARCHITECTURES = "sae.architecture"
LISTS = {"sae.expansion": ("E&xpansion", (4, 8, 16, 32)), "sae.k": ("&K", ("auto", 16, 32, 50, 250)),
         "sae.seeds": ("See&ds", (0, 1, 2))}  # fmt: skip
NUMBERS = {
    "train.steps": "&Steps", "train.epochs": "Epo&chs", "train.batch_tokens": "&Batch, tokens",
    "train.lr": "Learning &rate",
}  # fmt: skip


class RecipeSection(Section):
    """Signals: all_wanted(): every setting is to be shown."""

    all_wanted = Signal()

    def __init__(self, form: StudyForm) -> None:
        super().__init__("SAE", "A profile sets every value; what you change in it stays yours when you take another.")
        self._form = form
        self.profiles: dict[str, QRadioButton] = {}
        self.count = Sentence(name="How many SAEs")
        self.own = Sentence(name="What is changed from the profile")
        self.elsewhere = Sentence(kind="bad", name="What is wrong among all settings")
        self.back = QPushButton("Back to the profi&le in all")
        self.all = QPushButton("&All settings …")
        self.architectures = TickField(form, ARCHITECTURES, tuple(WORDS[ARCHITECTURES]), WORDS[ARCHITECTURES])
        self.fields = Fields(form, form.usual)
        self._build()
        form.changed.connect(self.follow)
        self.follow()

    def offer(self, choices: Mapping[str, Any]) -> None:
        """What is registered here."""
        self.architectures.offer([str(one) for one in choices.get("architectures", ())])

    def follow(self) -> None:
        """Show the form's profile and what was changed in it."""
        form = self._form
        self.profiles[form.profile].setChecked(True)
        own = form.own
        told = ", ".join(own)
        self.own.tell(f"Changed from the profile: {told}." if own else "Nothing is changed from the profile.")
        self.back.setEnabled(bool(own))
        self.count.tell(count_told(form))

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str]) -> None:
        self.fields.show_problems(problems, cautions)
        other = {place: one for place, one in problems.items() if section_of(place) == "SAE"}
        self.elsewhere.tell("\n".join(
            f"{place}: {one}" if place else one for place, one in other.items() if place not in self.fields.fields
        ))  # fmt: skip

    def _build(self) -> None:
        self.rows.addWidget(self._profiles())
        self.fields.add(ARCHITECTURES, "Architecture", self.architectures)
        for dotted, (label, usual) in LISTS.items():
            name = label.replace("&", "")
            self.fields.add(dotted, label, ListField(self._form, dotted, name, usual))
        for dotted, label in NUMBERS.items():
            self.fields.add(dotted, label, TextField(self._form, dotted))
        buttons = QHBoxLayout()
        for button in (self.all, self.back):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.all.clicked.connect(lambda: self.all_wanted.emit())
        self.back.clicked.connect(self._form.reset_all)
        for widget in (self.fields, self.count, self.own, self.elsewhere):
            self.rows.addWidget(widget)
        self.rows.addLayout(buttons)
        self.rows.addStretch(1)

    def _profiles(self) -> QWidget:
        box = QWidget()
        rows = QVBoxLayout(box)
        rows.setContentsMargins(0, 0, 0, 0)
        group = QButtonGroup(box)
        for one in profiles():
            choice = self.profiles[one.name] = QRadioButton(f"{one.title} ({one.name})".replace("&", "&&"))
            choice.setAccessibleDescription(one.sentence)
            choice.clicked.connect(lambda _=False, name=one.name: self._form.set_profile(name))
            group.addButton(choice)
            told = Sentence(one.sentence, "muted")
            told.setIndent(self.fontMetrics().height() + 4)
            rows.addWidget(choice)
            rows.addWidget(told)
        return box


def count_told(form: StudyForm) -> str:
    """How many SAEs the grid asks for (A-18)."""
    layers = len(form.value("model.layers"))
    each = 1
    for key in ("architecture", "expansion", "k", "seeds"):
        each *= len(form.value(f"sae.{key}"))
    on = "1 layer" if layers == 1 else f"each of {layers} layers"
    return f"{each} SAE{'' if each == 1 else 's'} on {on}: every combination of the values is one."
