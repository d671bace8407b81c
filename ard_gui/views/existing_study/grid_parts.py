"""More SAEs and more layers for the open study: values are added to the lists of its study.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ard_gui.services.command_answer import CommandAnswer
from ard_gui.session import Session
from ard_gui.state.form_rules import stacks_of
from ard_gui.state.form_sections import WORDS, full_names
from ard_gui.state.setting_list import shown
from ard_gui.state.study_edit import Additions, StudyEdit
from ard_gui.views.existing_study.sae_list import SaeList
from ard_gui.views.new_study.fields import Fields, ListField, TickField
from ard_gui.views.new_study_parts.stack_picture import StackPicture
from ard_gui.views.sentence import Sentence

ARCHITECTURES, LAYERS = "sae.architecture", "model.layers"
LISTS = {"sae.expansion": ("&Expansion", (4, 8, 16, 32)), "sae.k": ("&K", ("auto", 16, 32, 50, 250)),
         "sae.seeds": ("&Seeds", (0, 1, 2, 3))}  # fmt: skip


class NewSaePart(QWidget):
    """Architectures, expansions, K and seeds beside those there are."""

    title = "Train another SAE …"
    told = (
        "Every combination of the values is one SAE, on every layer of the study. What is trained stays as it is; "
        "the study's other settings hold for the new ones too."
    )
    command = "run"

    def __init__(self, session: Session, edit: StudyEdit) -> None:
        super().__init__()
        self._edit, additions = edit, Additions(edit)
        words = WORDS[ARCHITECTURES]
        self.fields = Fields(additions)
        self.architectures = TickField(
            additions, ARCHITECTURES, tuple(words), words, lambda: edit.written(ARCHITECTURES)
        )
        self.fields.add(ARCHITECTURES, "Architecture", self.architectures)
        self.lists: dict[str, ListField] = {}
        for dotted, (label, usual) in LISTS.items():
            name = label.replace("&", "")
            locked = _written(edit, dotted)
            self.lists[dotted] = ListField(additions, dotted, name, usual, locked)
            self.fields.add(dotted, label, self.lists[dotted])
        self.layers = Sentence(f"Layers: {shown(edit.written(LAYERS))}", name="Layers of the study")
        self.saes = SaeList(session, edit)
        layout = QVBoxLayout(self)
        for widget in (self.layers, self.fields, self.saes):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setFocusProxy(self.lists["sae.expansion"])

    def offer(self, choices: Mapping[str, Any]) -> None:
        """What is registered here."""
        self.architectures.offer([str(one) for one in choices.get("architectures", ())])

    def problems(self) -> dict[str, str]:
        """Nothing beyond what the settings' own rules say."""
        return {}

    def show_problems(self, problems: Mapping[str, str]) -> None:
        self.fields.show_problems(problems)

    def widget(self) -> QWidget:
        return self

    def close_part(self) -> None:
        self.saes.close_list()


class AddLayerPart(QWidget):
    """Layers beside those there are, clicked in a picture of the model or written."""

    title = "Add a layer …"
    told = (
        "The model is run over the clips once more for the new layers, and an SAE of each kind the study has is "
        "trained on each of them."
    )
    command = "run"

    def __init__(self, session: Session, edit: StudyEdit) -> None:
        super().__init__()
        self._edit, self._additions = edit, Additions(edit)
        self._stacks: Mapping[str, tuple[int, int]] = {}
        self.seen = Sentence("Looking at the model …", name="What is known of the model")
        self.picture = StackPicture()
        self.picture.hide()
        self.picture.changed.connect(self._take)
        self.fields = Fields(self._additions)
        self.layers = ListField(self._additions, LAYERS, "Layers", (), _written(edit, LAYERS))
        self.fields.add(LAYERS, "&Layers", self.layers, "Blocks by name or number: encoder.3, decoder.0, last")
        self.saes = SaeList(session, edit)
        layout = QVBoxLayout(self)
        for widget in (self.seen, self.picture, self.fields, self.saes):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setFocusProxy(self.layers)
        self._answer = CommandAnswer(self)
        self._answer.answered.connect(self._inspected)
        self._answer.failed.connect(lambda text: self.seen.tell(f"The model could not be looked at: {text}", "bad"))
        revision = str(edit.written("model.revision"))
        words = ["inspect-model", str(edit.written("model.path")), *(["--revision", revision] if revision else [])]
        self._answer.ask([*words, *(["--offline"] if edit.written("model.local_files_only") else []), "--json"])
        edit.changed.connect(self._follow)

    def offer(self, choices: Mapping[str, Any]) -> None:
        """Nothing here is registered."""

    def problems(self) -> dict[str, str]:
        """Layers that the model does not have."""
        wrong = [one for one in self._edit.added(LAYERS) if self._stacks and not full_names([one], self._stacks)]
        known = " and ".join(f"{name}.0 … {name}.{count - 1}" for name, (count, _) in self._stacks.items())
        return {LAYERS: f"This model has no layer {shown(wrong)}. It has {known}."} if wrong else {}

    def show_problems(self, problems: Mapping[str, str]) -> None:
        self.fields.show_problems(problems)

    def widget(self) -> QWidget:
        return self

    def close_part(self) -> None:
        self._answer.close()
        self.saes.close_list()

    def _inspected(self, answer: dict[str, Any]) -> None:
        self._stacks = stacks_of(answer)
        self.seen.tell("" if self._stacks else "The model's layers are not known: write their names below.")
        self.picture.set_stacks(list(answer.get("stacks") or ()))
        self.picture.setVisible(bool(self._stacks))
        self._follow()

    def _follow(self) -> None:
        wanted = self._full(self._edit.value(LAYERS))
        if self._stacks and sorted(self.picture.layers()) != sorted(wanted):
            self.picture.set_layers(wanted)

    def _take(self) -> None:
        there = self._full(self._edit.written(LAYERS))
        chosen = [one for one in self.picture.layers() if one not in there]
        if chosen != self._full(self._edit.added(LAYERS)):
            self._edit.add(LAYERS, chosen)
        # a click on a layer of the study changes nothing: its tick comes back
        self._follow()

    def _full(self, layers: Sequence[str]) -> list[str]:
        return full_names(layers, self._stacks)


def _written(edit: StudyEdit, dotted: str) -> Any:
    return lambda: edit.written(dotted)
