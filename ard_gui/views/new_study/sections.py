"""The sections of the form for a new study, but the one about the SAE; each a page that scrolls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from ard_gui.session import Session
from ard_gui.state.form_rules import stacks_of
from ard_gui.state.form_sections import WORDS, full_names
from ard_gui.state.study_form import StudyForm
from ard_gui.views.heading import Heading
from ard_gui.views.new_study.fields import ChoiceField, Fields, ListField, TextField
from ard_gui.views.new_study_parts.model_part import ModelPart
from ard_gui.views.new_study_parts.sound_part import SoundPart
from ard_gui.views.new_study_parts.stack_picture import StackPicture
from ard_gui.views.sentence import Sentence

DEVICES = {"auto": "the best one there is"}
PATIENT = "The model's layers can be clicked here as soon as the model is known; they can be written below at any time."


class Section(QScrollArea):
    """A page with a heading and a sentence about what it asks for."""

    def __init__(self, title: str, told: str) -> None:
        super().__init__()
        inside = QWidget()
        self.rows = QVBoxLayout(inside)
        self.rows.setContentsMargins(4, 0, 8, 4)
        self.rows.addWidget(Heading(title, 1.15))
        self.rows.addWidget(Sentence(told, "muted"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inside)

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str]) -> None:
        """Tell what is wrong beside the fields."""


class ModelSection(Section):
    """The model, its precision, and where it runs."""

    def __init__(self, form: StudyForm, session: Session) -> None:
        super().__init__("Model", "An AudioLLM or an audio encoder: its folder, or its id on a model hub.")
        self._form = form
        self.part = ModelPart(session)
        self.part.changed.connect(self._take)
        self.device = ChoiceField(form, "model.device", DEVICES)
        self.fields = Fields(form, form.usual)
        self.fields.add("model.device", "De&vice", self.device)
        self.fields.add("model.dtype", "&Precision", ChoiceField(form, "model.dtype"))
        self.rows.addWidget(self.part)
        self.rows.addWidget(self.fields)
        self.rows.addStretch(1)
        self._take()

    def offer(self, choices: Mapping[str, Any]) -> None:
        """What this machine has."""
        told = DEVICES | {str(one["id"]): str(one["name"]) for one in choices.get("devices", ())}
        self.device.offer(tuple(told), told)

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str]) -> None:
        self.fields.show_problems(problems, cautions)

    def _take(self) -> None:
        self._form.set_place(model=self.part.model)
        self._form.learn(inspection=self.part.inspection or {})


class SoundSection(Section):
    """The data sets."""

    def __init__(self, form: StudyForm, session: Session) -> None:
        super().__init__("Sounds", "Folders of sound or data sets in their usual layout. They are read where they lie.")
        self._form = form
        self.part = SoundPart(session)
        self.part.set_sources(form.sources)
        self.part.changed.connect(self._take)
        self.told = Sentence(kind="bad", name="What is wrong with the sounds")
        self.rows.addWidget(self.part, 1)
        self.rows.addWidget(self.told)

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str]) -> None:
        wrong = [sentence for place, sentence in problems.items() if place.startswith("audio.")]
        self.told.tell("\n".join(wrong))

    def _take(self) -> None:
        self._form.set_sources(self.part.sources())
        self._form.learn(sound_problem=next((one for one in self.part.problems() if one), ""))


class LayerSection(Section):
    """Which blocks of the model are read: clicked in a picture of its stacks, or written."""

    def __init__(self, form: StudyForm) -> None:
        super().__init__("Layers", "Every SAE of the study is trained on each of these layers: their output is read.")
        self._form = form
        self.patience = Sentence(PATIENT)
        self.picture = StackPicture()
        self.picture.changed.connect(self._take)
        self.layers = ListField(form, "model.layers", "Layers", ("last",))
        self.fields = Fields(form, form.usual)
        self.fields.add("model.layers", "&Layers", self.layers, "Blocks by name or number: encoder.3, decoder.0, last")
        self.fields.add("model.tokens", "&Positions", ChoiceField(form, "model.tokens"))
        self._stacks: list[Any] = []
        self.rows.addWidget(self.patience)
        self.rows.addWidget(self.picture)
        self.rows.addWidget(self.fields)
        self.rows.addStretch(1)
        form.changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Show the form's layers in the picture of the form's model."""
        stacks = list(self._form.inspection.get("stacks") or ())
        if stacks != self._stacks:
            self._stacks = stacks
            self.picture.set_stacks(stacks)
        self.patience.tell("" if stacks else PATIENT)
        self.picture.setVisible(bool(stacks))
        wanted = self._full()
        if stacks and sorted(self.picture.layers()) != sorted(wanted):
            self.picture.set_layers(wanted)

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str]) -> None:
        self.fields.show_problems(problems, cautions)

    def _full(self) -> list[str]:
        return full_names(self._form.value("model.layers"), stacks_of(self._form.inspection))

    def _take(self) -> None:
        chosen = self.picture.layers()
        if sorted(chosen) != sorted(self._full()):
            self._form.set("model.layers", list(chosen))


class DescribeSection(Section):
    """What embeds, captions and names."""

    def __init__(self, form: StudyForm) -> None:
        super().__init__(
            "Describe", "What scores how alike a feature's clips are, what says what is heard in them, what names it."
        )
        self._form = form
        self.choices = {dotted: ChoiceField(form, dotted, words) for dotted, words in WORDS.items() if dotted in ASKED}
        self.fields = Fields(form, form.usual)
        for dotted, label in ASKED.items():
            field = self.choices.get(dotted) or TextField(form, dotted, HINTS.get(dotted, ""))
            self.fields.add(dotted, label, field)
        self.rows.addWidget(self.fields)
        self.rows.addStretch(1)
        form.changed.connect(self.follow)
        self.follow()

    def offer(self, choices: Mapping[str, Any]) -> None:
        """What is registered here."""
        for dotted, field in self.choices.items():
            known = choices.get(f"{dotted.rpartition('.')[2]}s")
            if known:
                field.offer(tuple(known))

    def follow(self) -> None:
        """Leave out the fields that mean nothing beside what is chosen."""
        form = self._form
        captioner, namer = form.value("captions.captioner"), form.value("names.namer")
        captions, names = captioner != "none", captioner != "none" and namer != "none"
        for dotted, seen in (
            ("embed.model", form.value("embed.embedder") != "mini"),
            ("captions.model", captioner in ("audiollm", "endpoint")), ("captions.url", captioner == "endpoint"),
            ("names.namer", captions), ("names.model", names and namer != "consensus"),
            ("names.url", names and namer == "endpoint"), ("scores.top", captions),
        ):  # fmt: skip
            self.fields.show_row(dotted, seen)

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str]) -> None:
        self.fields.show_problems(problems, cautions)
        self.follow()


ASKED = {
    "embed.embedder": "&Embedder", "embed.model": "Its model", "captions.captioner": "&Captioner",
    "captions.model": "Its model", "captions.url": "Its address", "names.namer": "&Namer", "names.model": "Its model",
    "names.url": "Its address", "scores.top": "&How many of the best",
}  # fmt: skip
HINTS = {
    "embed.model": "folder or id; empty for the usual one", "captions.model": "folder or id; empty for the study's own",
    "captions.url": "http://localhost:8000/v1", "names.model": "folder, id, or a .gguf file",
    "names.url": "http://localhost:8000/v1",
}  # fmt: skip
